/** Gates: bounds on the runs of an agent in all workers together, kept by the store. */
import { describe, expect, test } from 'vitest'
import { type Gate, OpspawnError, type Orchestrator, type Run } from '../../src/index.ts'
import { memoryStore } from '../../src/plugins/store-memory/index.ts'
import { agent, callTool, ended, gauge, guardFile, manualClock, once, open, tool } from './harness.ts'
import { child, stepsPlanner } from './support/parts.ts'
import { sharedStore } from './support/wrappers.ts'

guardFile()

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

const done = { status: 'completed', output: 'done' }

/** Three orchestrators over one store; an agent whose tool takes a while, and counts who is inside by tenant. */
async function fleet(gates: readonly Gate[]) {
  const clock = manualClock()
  const store = sharedStore(memoryStore({ clock }))
  const inside = gauge()
  const begun: number[] = []
  const work = tool('work', () => {
    begun.push(clock.now())
    return inside.run(() => new Promise((resolve) => clock.setTimer(100, () => resolve(1))))
  })
  const subject = agent('subject', once(callTool('a', 'work')), { tools: [work], gates })
  const workers: Orchestrator[] = []
  for (let count = 0; count < 3; count += 1) workers.push(await open({ agents: [subject], clock, store }))
  const start = (n: number, tenant = 'acme'): Promise<Run> =>
    (workers[n % 3] as Orchestrator).start('subject', n, { tenant, session: `s${n % 2}` })
  return { clock, store, inside, begun, workers, start }
}

describe('gates', () => {
  test.each([1, 3])('a concurrency of %i holds in all workers together, and all runs finish', async (concurrency) => {
    const { clock, inside, start } = await fleet([{ by: 'agent', concurrency }])
    const runs = await Promise.all(Array.from({ length: 20 }, (_, n) => start(n)))
    for (const run of runs) expect(await ended(run, clock)).toEqual(done)
    expect(inside).toMatchObject({ most: concurrency, total: 20, now: 0 })
  })

  test('a gate by tenant lets each tenant in', async () => {
    const { clock, inside, start } = await fleet([{ by: 'tenant', concurrency: 1 }])
    const runs = await Promise.all(['a', 'b', 'c'].flatMap((tenant) => Array.from({ length: 5 }, (_, n) => start(n, tenant))))
    for (const run of runs) expect(await ended(run, clock)).toEqual(done)
    expect(inside).toMatchObject({ most: 3, total: 15 })
  })

  test('a gate by session is of one tenant, and a run without a session passes it', async () => {
    const { clock, inside, start, workers } = await fleet([{ by: 'session', concurrency: 1 }])
    const [first] = workers as [Orchestrator]
    const runs = await Promise.all(['a', 'b'].flatMap((tenant) => Array.from({ length: 6 }, (_, n) => start(n, tenant))))
    runs.push(...(await Promise.all(Array.from({ length: 4 }, (_, n) => first.start('subject', n)))))
    for (const run of runs) expect(await ended(run, clock)).toEqual(done)
    expect(inside.most).toBe(8)
  })

  test('a rate holds in any span, by the clock of the store', async () => {
    const { clock, begun, start } = await fleet([{ by: 'agent', rate: { runs: 2, perMs: 5_000 } }])
    const runs = await Promise.all(Array.from({ length: 7 }, (_, n) => start(n)))
    for (const run of runs) expect(await ended(run, clock, 60_000)).toEqual(done)
    for (const [index, at] of begun.entries()) expect((begun[index + 2] ?? Infinity) - at).toBeGreaterThanOrEqual(4_000)
  })

  test('a run says where it waits, and its cancellation does not wait', async () => {
    const { clock, start, workers } = await fleet([{ by: 'tenant', concurrency: 1 }])
    const [first, second] = [await start(0), await start(1)]
    const [ops] = workers as [Orchestrator]
    expect(await ops.record(second.id)).toMatchObject({ status: 'queued', gate: 'subject tenant "acme"' })
    await second.cancel('not needed')
    expect(await ended(second, clock, 50)).toMatchObject({ status: 'cancelled' })
    expect(await ended(first, clock)).toEqual(done)
  })

  test('a run that waits for a child of its own agent gives its place to it', async () => {
    const clock = manualClock()
    const leaf = tool('work', () => 1)
    const steps = stepsPlanner([child('subject', 'again', 'leaf')])
    const subject = agent(
      'subject',
      { ...steps, decide: (run) => (run.input === 'leaf' ? once(callTool('a', 'work')).decide(run) : steps.decide(run)) },
      { tools: [leaf], agents: ['subject'], gates: [{ by: 'agent', concurrency: 1 }] },
    )
    const ops = await open({ agents: [subject], clock })
    expect(await ended(await ops.start('subject', 'x'), clock, 60_000)).toMatchObject({ status: 'completed' })
  })

  test('a fork is under the gates of its agent too', async () => {
    const { clock, start, workers } = await fleet([{ by: 'tenant', concurrency: 1 }])
    const run = await start(0)
    await ended(run, clock)
    const [ops] = workers as [Orchestrator]
    const fork = await ops.fork(run.id, { afterSeq: 1 })
    expect((await ops.record(fork.id)).gates).toEqual((await ops.record(run.id)).gates)
    await ended(fork, clock)
  })

  test.each<[string, string, unknown]>([
    ['an unknown kind', 'AGENT_INVALID', { by: 'planet', concurrency: 1 }],
    ['no bound', 'AGENT_INVALID', { by: 'agent' }],
    ['a misspelt member', 'AGENT_INVALID', { by: 'agent', concurency: 1 }],
    ['no number of runs', 'LIMIT_INVALID', { by: 'agent', rate: { perMs: 1 } }],
    ['a concurrency of 0', 'LIMIT_INVALID', { by: 'agent', concurrency: 0 }],
    ['too large a concurrency', 'LIMIT_INVALID', { by: 'agent', concurrency: 10_001 }],
    ['too long a span', 'LIMIT_INVALID', { by: 'agent', rate: { runs: 1, perMs: 86_400_001 } }],
    ['no object', 'AGENT_INVALID', 'agent'],
  ])('a gate with %s is refused with %s', (_, code, gate) => {
    const refusal = thrownBy(() => agent('subject', once(), { gates: [gate as Gate] }))
    expect(OpspawnError.is(refusal, code as 'AGENT_INVALID')).toBe(true)
    expect((refusal as Error).message).toContain('agent "subject", gates[0]')
  })

  test('two gates by the same are refused, and so is a store that keeps none', async () => {
    const twice: Gate[] = [
      { by: 'agent', concurrency: 1 },
      { by: 'agent', rate: { runs: 1, perMs: 1 } },
    ]
    expect(thrownBy(() => agent('subject', once(), { gates: twice }))).toMatchObject({ code: 'AGENT_INVALID' })
    const plain = memoryStore()
    const store = { ...sharedStore(plain), capabilities: { ...plain.capabilities, gates: false } }
    const gated = agent('subject', once(), { gates: [{ by: 'agent', concurrency: 1 }] })
    await expect(open({ agents: [gated], store })).rejects.toMatchObject({ code: 'PLUGIN_CAPABILITY_MISSING' })
  })
})
