import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fact } from '../../testing/memory-world.ts'
import { createHandle } from './handle.ts'
import { isBehind } from './indexes.ts'
import { checkOptions } from './options.ts'
import { openRecords, type RecordTable } from './table.ts'
import { createBackground, createUpkeep } from './upkeep.ts'
import { createWriter } from './writer.ts'

test('28: work that fails waits longer each time, is counted, and one success ends it', async () => {
  let time = 0
  let fails = true
  let calls = 0
  const background = createBackground({
    every: 2,
    now: () => time,
    async work() {
      calls += 1
      if (fails) throw new Error('no space')
    },
  })
  const notes = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at += 1) background.note()
    await background.idle()
  }
  await notes(1)
  expect(calls).toBe(0)
  await notes(1)
  expect([calls, background.failures]).toEqual([1, 1])
  await notes(10)
  expect(calls).toBe(1)
  time = 1000
  await notes(1)
  expect([calls, background.failures]).toEqual([2, 2])
  time = 2999
  await notes(5)
  expect(calls).toBe(2)
  time = 3000
  fails = false
  await notes(1)
  expect([calls, background.runs]).toEqual([3, 1])
  fails = true
  await notes(2)
  time = 4000
  await notes(2)
  expect(calls).toBe(5)
})

test('after work that took long it rests twice as long, unless very much waits; who only looks starts what is due', async () => {
  let time = 0
  let runs = 0
  let takes = 5000
  const background = createBackground({
    every: 2,
    now: () => time,
    async work() {
      runs += 1
      time += takes
    },
  })
  const notes = async (count: number): Promise<number> => {
    for (let at = 0; at < count; at += 1) background.note()
    await background.idle()
    return runs
  }
  expect(await notes(2)).toBe(1)
  expect(await notes(31)).toBe(1)
  expect(await notes(1)).toBe(2)
  expect(await notes(2)).toBe(2)
  time += 9999
  background.look()
  await background.idle()
  expect(runs).toBe(2)
  time += 1
  background.look()
  await background.idle()
  expect(runs).toBe(3)
  time += 10_000
  background.look()
  await background.idle()
  expect(runs).toBe(3)
  takes = 1000
  expect(await notes(2)).toBe(4)
  expect(await notes(2)).toBe(5)
})

test('it is done once at a time', async () => {
  let under = 0
  let most = 0
  const background = createBackground({
    every: 1,
    now: () => 0,
    async work() {
      under += 1
      most = Math.max(most, under)
      await new Promise<void>((resolve) => void setImmediate(resolve))
      under -= 1
    },
  })
  for (let at = 0; at < 10; at += 1) background.note()
  background.start()
  await background.idle()
  expect([most, background.runs]).toEqual([1, 1])
})

test('a folding that took long is not repeated, unless something came meanwhile', async () => {
  const path = mkdtempSync(join(tmpdir(), 'opspawn-lancedb-upkeep-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  const parts = checkOptions({ path })
  const inner = await openRecords(parts)
  onTestFinished(() => inner.close())
  const writer = createWriter(inner, { onCommit() {}, onFailure() {}, closed: () => new Error('closed') })
  let time = 0
  let foldings = 0
  let meanwhile = async (): Promise<unknown> => undefined
  const table: RecordTable = {
    ...inner,
    async optimize() {
      await inner.optimize()
      foldings += 1
      time += 60_000
      await meanwhile()
    },
  }
  const upkeep = createUpkeep(table, parts, () => time)
  const context = { parts, workings: async () => ({ table, writer, upkeep }), noteFailure() {} }
  const handle = createHandle(context, { scope: { tenant: 't' }, granted: [] })
  const add = async (text: string): Promise<void> => {
    await handle.append([fact(text)])
    await writer.settle()
  }
  await add('one')
  meanwhile = () => add('two')
  await upkeep.fold()
  expect(await inner.ask('read', isBehind)).toBe(true)
  meanwhile = async () => undefined
  await upkeep.fold()
  expect(await inner.ask('read', isBehind)).toBe(false)
  await upkeep.fold()
  expect(foldings).toBe(2)
})
