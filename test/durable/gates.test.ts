/** Gates in a file that several stores share, as processes do. */
import { expect, test } from 'vitest'
import type { Claim, RunGate, Store } from '../../src/index.ts'
import { accept, recordOf } from '../../src/testing/store-world.ts'
import { manualClock } from '../../src/testing/clock.ts'
import { open } from './stores.ts'

const LEASE_MS = 15_000
const ONE: readonly RunGate[] = [{ key: 'one', concurrency: 1 }]

const claim = (store: Store, workerId: string): Promise<readonly Claim[]> => store.claim({ workerId, leaseMs: LEASE_MS, max: 10 })

async function end(store: Store, { fence, run: { seq } }: Claim) {
  const outcome = { status: 'completed', output: 'done' } as const
  return store.append(fence, seq, [{ type: 'run-end', outcome, version: 1, seq: seq + 1, at: 0 }], { end: { outcome } })
}

test('S8: of stores that share a file one at a time owns a run of a key for one, also when one of them is gone', async () => {
  const clock = manualClock()
  const first = open({ clock })
  const second = open({ path: first.path, clock })
  for (const runId of ['a', 'b', 'c']) await accept(runId === 'b' ? second : first, runId, { gates: ONE })
  const [one, two] = await Promise.all([claim(first, 'one'), claim(second, 'two')])
  expect([...one, ...two].map(({ fence }) => fence.runId)).toEqual(['a'])
  expect(await recordOf(second, 'c')).toMatchObject({ status: 'queued', gate: 'one' })
  const owner = one.length === 1 ? first : second
  const other = owner === first ? second : first
  // Its lock goes with it, and its place stays taken.
  await owner[Symbol.asyncDispose]()
  expect((await other.sweep(10)).tasks.map(({ runId }) => runId)).toEqual(['a'])
  const [taken, ...more] = await claim(other, 'other')
  expect([taken?.fence.runId, taken?.fence.epoch, more.length]).toEqual(['a', 2, 0])
  expect((await end(other, taken as Claim)).map(({ runId }) => runId)).toEqual(['b'])
  expect((await claim(other, 'other')).map(({ fence }) => fence.runId)).toEqual(['b'])
})

test('S9: of stores that share a file no more runs begin than a rate says, and a sweep of any of them lets the next one in', async () => {
  const clock = manualClock()
  const first = open({ clock })
  const second = open({ path: first.path, clock })
  const gates: readonly RunGate[] = [{ key: 'rate', rate: { runs: 2, perMs: 1_000 } }]
  for (const runId of ['a', 'b', 'c', 'd', 'e']) await accept(runId < 'c' ? first : second, runId, { gates })
  expect([...(await claim(first, 'one')), ...(await claim(second, 'two'))]).toHaveLength(2)
  await clock.advance(999)
  await first.sweep(10)
  expect(await claim(second, 'two')).toEqual([])
  const { nextDueAt } = await second.sweep(10)
  expect(nextDueAt).toBe(clock.now() + 1)
  await clock.advance(1)
  await first.sweep(10)
  expect(await claim(second, 'two')).toHaveLength(2)
})
