/** Real processes that are killed in the middle of a script. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder, start } from './processes.ts'

test('a script is gone on with in another process: no recorded call is made again, and an interrupted unsafe one is told as unknown (S2, S5)', async () => {
  const folder = newFolder()
  const [path, notes] = [join(folder, 'runs.db'), join(folder, 'notes')]
  // In the middle of a call that may be repeated, and of two that may not.
  for (const dieAt of ['look', 'pay#2', 'look#2']) expect(await start('script', path, notes, dieAt).ended).toBeNull()
  const last = start('script', path, notes)
  const { status, output } = JSON.parse((await last.line('result')).slice('result '.length)) as {
    status: string
    output: unknown
  }
  expect(await last.ended).toBe(0)
  expect(status).toBe('completed')
  expect(output).toEqual({ result: [false, { paid: 'pay' }, 'EFFECT_UNKNOWN', { paid: 'pay#3' }] })
  const keys = readFileSync(notes, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ')[0])
  expect(keys).toEqual(['pay', 'look', 'look', 'pay#2', 'look#2', 'look#2', 'pay#3'])
})
