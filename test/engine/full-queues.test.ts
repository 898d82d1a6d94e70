import { describe, expect, test } from 'vitest'
import { type Effect, OpspawnError, type Run } from '../../src/index.ts'
import { fastqScheduler } from '../../src/plugins/scheduler-fastq/index.ts'
import { memoryStore } from '../../src/plugins/store-memory/index.ts'
import {
  agent,
  callTool,
  ended,
  expectCode,
  gate,
  guardFile,
  historyOf,
  manualClock,
  once,
  open,
  tool,
  turns,
} from './harness.ts'
import { wrapScheduler } from './support/wrappers.ts'
import { endAll, startMany, done } from './support/many-runs.ts'

guardFile()

describe('full queues (S14)', () => {
  test('a store at its capacity refuses with QUEUE_FULL, and nothing accepted is lost', async () => {
    const clock = manualClock()
    const held = gate<void>()
    const slow = tool('slow', () => held.promise.then(() => 1))
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'slow')), { tools: [slow], concurrency: 1 })],
      clock,
      store: memoryStore({ clock, capacity: 5 }),
    })
    const accepted: Run[] = []
    const refusals: unknown[] = []
    for (let n = 0; n < 20; n += 1) {
      await ops.start('subject', n).then(
        (run) => accepted.push(run),
        (error: unknown) => refusals.push(error),
      )
    }
    expect(refusals.length).toBeGreaterThan(0)
    const full = { code: 'QUEUE_FULL', retryable: true, details: { queue: 'default', capacity: 5 } }
    expect(refusals).toMatchObject(refusals.map(() => full))
    held.open()
    expect(await endAll(accepted, clock)).toEqual(accepted.map(() => done))
    const run = await ops.start('subject', 'again')
    expect(await ended(run, clock)).toEqual(done)
  })
  test('a full scheduler loses nothing: the sweep makes up for it', async () => {
    const clock = manualClock()
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'ok')), { tools: [tool('ok', () => 1)] })],
      clock,
      scheduler: fastqScheduler({ capacity: 1 }),
    })
    const runs = await startMany(ops, 'subject', 30)
    expect(await endAll(runs, clock, 3_600_000)).toEqual(runs.map(() => done))
  })
  test('a scheduler that was full for a moment does not make runs wait for minutes', async () => {
    const clock = manualClock()
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'ok')), { tools: [tool('ok', () => 1)] })],
      clock,
      scheduler: fastqScheduler({ capacity: 5 }),
    })
    const begun = clock.now()
    const runs = await startMany(ops, 'subject', 50)
    await endAll(runs, clock, 3_600_000)
    expect(clock.now() - begun).toBeLessThan(60_000)
  })
  test('a scheduler that stays full is asked ever more seldom, and takes what was refused when it has room', async () => {
    const clock = manualClock()
    let isFull = true
    let refusals = 0
    const scheduler = wrapScheduler(fastqScheduler(), async (tasks, pass) => {
      if (!isFull) return pass(tasks)
      refusals += 1
      throw new OpspawnError('QUEUE_FULL', 'full')
    })
    const ops = await open({ agents: [agent('subject', once())], clock, scheduler })
    const runs = await startMany(ops, 'subject', 20)
    await clock.advance(300_000)
    // The first offers, one a second, and the sweeps: not one for each run each time.
    expect(refusals).toBeGreaterThan(300)
    expect(refusals).toBeLessThan(500)
    isFull = false
    const begun = clock.now()
    await endAll(runs, clock)
    expect(clock.now() - begun).toBeLessThan(2_000)
  })
  test('a scheduler that throws at once loses nothing either: what was accepted is known, and the sweep makes up for it (S1)', async () => {
    const clock = manualClock()
    const scheduler = wrapScheduler(fastqScheduler(), (tasks, pass) => {
      if (clock.now() === begun) throw new Error('the broker is away')
      return pass(tasks)
    })
    const begun = clock.now()
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'ok')), { tools: [tool('ok', () => 1)] })],
      clock,
      scheduler,
    })
    const faults: string[] = []
    ops.on('fault', ({ message }, { where }) => void faults.push(`${where}: ${message}`))
    const runs = await startMany(ops, 'subject', 3)
    await turns()
    expect(faults).toEqual(runs.map(() => 'publish: the broker is away'))
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
  })
  test('what a full scheduler refused is let go when the orchestrator stops', async () => {
    const clock = manualClock()
    let offers = 0
    const scheduler = wrapScheduler(fastqScheduler(), async () => {
      offers += 1
      throw new OpspawnError('QUEUE_FULL', 'full')
    })
    const ops = await open({ agents: [agent('subject', once())], clock, scheduler })
    await startMany(ops, 'subject', 3)
    await clock.advance(100)
    await ops.close()
    const before = offers
    await clock.advance(60_000)
    expect(offers).toBe(before)
    expect(clock.pending).toBe(0)
  })
  test('a full scheduler loses nothing where an agent has one place', async () => {
    const clock = manualClock()
    const subject = agent('subject', once(callTool('a', 'ok')), { tools: [tool('ok', () => 1)], concurrency: 1 })
    const ops = await open({ agents: [subject], clock, scheduler: fastqScheduler({ capacity: 1 }) })
    const runs = await startMany(ops, 'subject', 30)
    expect(await endAll(runs, clock, 3_600_000)).toEqual(runs.map(() => done))
  })
  test('a store that is full refuses a child, and the parent is told after its tries', async () => {
    const clock = manualClock()
    const child = agent('child', once(callTool('c', 'ok')), { tools: [tool('ok', () => 1)] })
    const effects = Array.from({ length: 6 }, (_, n): Effect => ({ kind: 'run', key: `a${n}`, agent: 'child', input: n }))
    const ops = await open({
      agents: [agent('subject', once(...effects), { agents: [child] }), child],
      clock,
      store: memoryStore({ clock, capacity: 2 }),
    })
    const run = await ops.start('subject', 'go')
    expect(await ended(run, clock)).toEqual(done)
    const ends = (await historyOf(run)).flatMap((event) => (event.type === 'effect-end' ? [event.outcome.status] : []))
    expect(ends).toHaveLength(6)
    expect(['completed', 'failed']).toEqual(expect.arrayContaining(ends))
  })
  test('waiting runs of the same store can still be signalled when it is full', async () => {
    const clock = manualClock()
    const waits = agent('waits', once({ kind: 'wait', key: 'w', for: { type: 'signal', name: 'go' } }))
    const ops = await open({ agents: [waits], clock, store: memoryStore({ clock, capacity: 3 }) })
    const runs = await startMany(ops, 'waits', 3)
    await turns()
    await expectCode(() => ops.start('waits', 'one more'), 'QUEUE_FULL')
    for (const run of runs) await run.signal('go')
    expect(await endAll(runs, clock)).toEqual(runs.map(() => done))
  })
})
