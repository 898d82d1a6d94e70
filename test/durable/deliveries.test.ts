/** What is counted as a delivery, and what is not, with real processes: a crash is, a drain is not. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunEvent, RunRecord } from '../../src/core/index.ts'
import { sqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { newFolder, start } from './processes.ts'

async function look(path: string, runId: string): Promise<{ readonly run: RunRecord; readonly events: readonly RunEvent[] }> {
  const store = sqliteStore({ path })
  const { runs } = await store.list({ runId }, {})
  const events = await store.read(runId, 1)
  await store[Symbol.asyncDispose]()
  return { run: runs[0] as RunRecord, events }
}

const count = (events: readonly RunEvent[], wanted: RunEvent['type']): number =>
  events.filter(({ type }) => type === wanted).length

test('a run that is drained ten times in the middle of one step by SIGTERM is charged nothing, and ends (S15, case 11)', async () => {
  const path = join(newFolder(), 'runs.db')
  for (let drains = 0; drains < 10; drains += 1) {
    const worker = start('deliver', path)
    if (drains === 0) worker.say('start hold')
    await worker.line('holding')
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toBe(0)
  }
  const drained = await look(path, 'hold')
  expect(drained.run).toMatchObject({ status: 'queued', deliveries: 0, epoch: 10 })
  const last = start('deliver', path)
  await last.line('holding')
  last.say('finish')
  await last.line('ended hold completed')
  await last.kill()
  const { run, events } = await look(path, 'hold')
  expect(run).toMatchObject({ status: 'completed', outcome: { output: 'done' } })
  expect([count(events, 'run-claim'), count(events, 'effect-retry'), count(events, 'effect-end')]).toEqual([11, 0, 1])
})

test('a run that ends each process that takes it up is set aside after ten of them, with all claims on record; others are unaffected (S6, case 10)', async () => {
  const path = join(newFolder(), 'runs.db')
  for (let crashes = 0; crashes < 10; crashes += 1) {
    const victim = start('deliver', path)
    if (crashes === 0) victim.say('start bomb')
    expect(await victim.ended).toBe(null)
  }
  const survivor = start('deliver', path)
  expect(await survivor.line('fault')).toBe('fault RUN_QUARANTINED bomb')
  survivor.say('start fine')
  expect(await survivor.line('ended')).toBe('ended fine completed')
  await survivor.kill()
  const { run, events } = await look(path, 'bomb')
  expect(run).toMatchObject({ status: 'quarantined', deliveries: 11 })
  const claims = events.filter((event) => event.type === 'run-claim')
  expect(claims.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 11 }, (_, index) => index + 1))
  expect(new Set(claims.map(({ worker }) => worker)).size).toBe(11)
  expect(count(events, 'effect-end')).toBe(0)
})
