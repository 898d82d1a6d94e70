/** Check 29: LanceDB takes several versions of Apache Arrow, and so must what is written through it. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MEMORY_CASES } from '../../src/testing/index.ts'
import { newFolder, start } from './processes.ts'

const MANIFEST = new URL('../../node_modules/apache-arrow-15/package.json', import.meta.url)

test('29: the suite of memories over LanceDB holds with the oldest Apache Arrow that is allowed too', async () => {
  expect(JSON.parse(readFileSync(MANIFEST, 'utf8'))).toMatchObject({ name: 'apache-arrow', version: '15.0.2' })
  const program = start('arrow', 'apache-arrow-15', newFolder())
  const told: unknown = JSON.parse(await program.line('{'))
  expect(told).toEqual({ copies: ['apache-arrow-15'], ran: MEMORY_CASES.length, failed: [] })
  expect(await program.ended).toBe(0)
})
