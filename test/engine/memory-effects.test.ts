import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, defineExtension, type Memory, type MemoryScope, type Planner, type RunEvent } from '../../src/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, never, noting, stepsPlanner } from './support/parts.ts'
import { recall, remember, textsAt, thinker } from './support/thinkers.ts'
import { closeAll, historyOf, now, ofType, outcomeAt, outcomeOf, settle, world } from './support/world.ts'

afterEach(closeAll)

const labelsAt = (events: readonly RunEvent[], key: string): readonly string[] | undefined =>
  ofType(events, 'effect-end').find((event) => event.key === key)?.labels

/** Puts one record into a memory by hand. */
async function put(memory: Memory, scope: MemoryScope, text: string, metadata?: Record<string, string>): Promise<void> {
  await memory.bind(scope).append([{ kind: 'fact', text, ...(metadata === undefined ? undefined : { metadata }) }])
}

/** Plays one run of an agent with that planner and gives its history. */
async function played(memory: Memory, planned: Planner, start: object = {}): Promise<readonly RunEvent[]> {
  const agent = defineAgent({ name: 'thinker', memory, planner: planned })
  const { ops, clock } = await world({ agents: [agent] })
  const run = await ops.start(agent, 'go', start)
  await outcomeOf(clock, run)
  return historyOf(ops, run.id)
}

describe('where a run may look', () => {
  const scopes: readonly MemoryScope[] = [
    { tenant: 't', agent: 'thinker', session: 's' },
    { tenant: 't', agent: 'thinker', session: 'other' },
    { tenant: 't', agent: 'thinker' },
    { tenant: 't', agent: 'somebody', session: 's' },
    { tenant: 't', agent: 'thinker', user: 'ada', session: 's' },
    { tenant: 'u', agent: 'thinker', session: 's' },
    { tenant: 't' },
  ]
  const filled = async (): Promise<Memory> => {
    const memory = inProcessMemory()
    for (const [index, scope] of scopes.entries()) await put(memory, scope, `otter ${index}`)
    return memory
  }

  test('only into its own tenant, agent and session', async () => {
    const history = await played(await filled(), stepsPlanner([recall('otter')]), { tenant: 't', session: 's' })
    expect(textsAt(history)).toEqual(['otter 0'])
  })

  test('without a session only into what belongs to none', async () => {
    const history = await played(await filled(), stepsPlanner([recall('otter')]), { tenant: 't' })
    expect(textsAt(history)).toEqual(['otter 2'])
  })

  test("across sessions when it asks for it, and into no other agent's, person's or tenant's", async () => {
    const asked = stepsPlanner([recall('otter', { across: ['session'] })])
    const history = await played(await filled(), asked, { tenant: 't', session: 's' })
    expect(textsAt(history).toSorted()).toEqual(['otter 0', 'otter 1', 'otter 2'])
  })

  test.each([[['agent']], [['user']], [['session', 'agent']], ['session']])('a recall across %j is refused', async (across) => {
    const memory = await filled()
    const agent = thinker(memory, [recall('otter', { across: across as never })])
    const { ops } = await world({ agents: [agent] })
    expect(await (await ops.start(agent, 'go', { tenant: 't', session: 's' })).result).toMatchObject({
      status: 'failed',
      error: { code: 'PLANNER_DECISION_INVALID', message: expect.stringContaining("['session'] alone") },
    })
  })

  test('filter, neighbours and budget are passed on', async () => {
    const memory = inProcessMemory()
    const handle = memory.bind({ tenant: 'default', agent: 'thinker' })
    await handle.append(['before', 'otter', 'after', 'otter too'].map((text, n) => ({ kind: 'fact', text, metadata: { n } })))
    const filter = { op: 'lt', field: 'metadata.n', value: 3 } as const
    const effect = recall('otter', { filter, budget: { items: 3 }, context: { before: 1, after: 1 } })
    const history = await played(memory, stepsPlanner([effect]))
    expect(textsAt(history).toSorted()).toEqual(['after', 'before', 'otter'])
  })

  test('a filter that the memory cannot use is MEMORY_INPUT_INVALID as data, and not tried again', async () => {
    const history = await played(inProcessMemory(), stepsPlanner([recall('x', { filter: { op: 'like' } as never })]))
    expect(outcomeAt(history, 'recall')).toMatchObject({ status: 'failed', code: 'MEMORY_INPUT_INVALID' })
    expect(ofType(history, 'effect-retry')).toEqual([])
  })
})

describe('labels of what is remembered', () => {
  const secret = noting('secret', undefined, { labels: ['private'] })
  const web = noting('web', undefined, { labels: ['untrusted'] })
  const mail = noting('mail', undefined, { labels: ['outbound'] })

  test('are those of the data that the run had seen, and come back with it into another run', async () => {
    const memory = inProcessMemory()
    const before = defineAgent({
      name: 'clerk',
      memory,
      tools: [secret],
      planner: stepsPlanner([remember('plain', 'first')], [call('secret')], [remember('the code is 7', 'second')]),
    })
    const first = await world({ agents: [before] })
    await (
      await first.ops.start(before, 'go')
    ).result
    const after = defineAgent({
      name: 'clerk',
      memory,
      tools: [web, mail],
      planner: stepsPlanner(
        [recall('plain', { key: 'plain', budget: { items: 1 } })],
        [recall('code')],
        [call('web')],
        [call('mail')],
      ),
    })
    const { ops, clock, heard } = await world({ agents: [after] })
    const run = await ops.start(after, 'go')
    expect(await now(clock, run.result)).toBeUndefined()
    const history = heard.map(({ event }) => event)
    expect(labelsAt(history, 'plain')).toBeUndefined()
    expect(labelsAt(history, 'recall')).toEqual(['private'])
    expect(ofType(history, 'policy-verdict')).toMatchObject([{ key: 'mail', verdict: 'ask', rule: 'data-flow' }])
  })

  test('a record that does not say where it comes from counts as private and untrusted', async () => {
    const memory = inProcessMemory()
    await put(memory, { tenant: 'default', agent: 'thinker' }, 'otter')
    expect(labelsAt(await played(memory, stepsPlanner([recall('otter')])), 'recall')).toEqual(['private', 'untrusted'])
  })

  test('one that says so is neither, and a planner may add to what the run has seen, not take away', async () => {
    const memory = inProcessMemory()
    await put(memory, { tenant: 'default', agent: 'thinker' }, 'otter', { 'opspawn.labels': '' })
    expect(labelsAt(await played(memory, stepsPlanner([recall('otter')])), 'recall')).toBeUndefined()
    const metadata = { 'opspawn.labels': 'untrusted', n: 1 }
    const agent = defineAgent({
      name: 'thinker',
      memory,
      tools: [secret],
      planner: stepsPlanner([call('secret')], [remember('zebra', 'remember', { metadata })], [recall('zebra')]),
    })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    const history = await historyOf(ops, run.id)
    expect(labelsAt(history, 'recall')).toEqual(['private', 'untrusted'])
    expect(ofType(history, 'decision')[1]?.effects).toMatchObject([
      { entries: [{ metadata: { 'opspawn.labels': 'private untrusted', n: 1 } }] },
    ])
  })

  test('middleware that answers from a cache brings in the same labels', async () => {
    const record = { id: 'a', kind: 'fact', text: 'otter', metadata: { 'opspawn.labels': 'private' } }
    const cache = defineExtension({
      name: 'cache',
      setup: (host) =>
        host.addMiddleware(async () => ({ items: [{ record, score: 1, parts: {} }], degraded: [], omitted: 0, tokens: 1 })),
    })
    const agent = thinker(inProcessMemory(), [recall('otter')])
    const { ops } = await world({ agents: [agent], plugins: [cache] })
    const run = await ops.start(agent, 'go')
    await run.result
    expect(labelsAt(await historyOf(ops, run.id), 'recall')).toEqual(['private'])
  })
})

describe('what stands in the history', () => {
  test('ids, scores and texts, cut at limits.payload with the rest counted', async () => {
    const memory = inProcessMemory({ clock: manualClock() })
    const handle = memory.bind({ tenant: 'default', agent: 'thinker' })
    for (let n = 0; n < 8; n += 1)
      await handle.append([{ id: `r${n}`, kind: 'fact', text: `otter ${'x'.repeat(500)}${n}${n}${n}` }])
    const agent = thinker(memory, [recall('otter')])
    const { ops } = await world({ agents: [agent] })
    const whole = await ops.start(agent, 'go')
    await whole.result
    const all = outcomeAt(await historyOf(ops, whole.id), 'recall')?.value as {
      items: { score: number; record: { id: string } }[]
    }
    expect(all.items.length).toBeGreaterThan(4)
    expect(all.items.every(({ score, record }) => score >= 0 && score <= 1 && record.id.startsWith('r'))).toBe(true)
    const small = await ops.start(agent, 'go', { limits: { payload: 3_000 } })
    await small.result
    const cut = outcomeAt(await historyOf(ops, small.id), 'recall')?.value as { items: unknown[]; omitted: number }
    expect(JSON.stringify(cut).length).toBeLessThanOrEqual(3_000)
    expect(cut.items).toEqual(all.items.slice(0, cut.items.length))
    expect(cut.items.length).toBeGreaterThan(1)
    expect(cut.omitted + cut.items.length).toBe(8)
  })

  test.each([
    [null],
    [{}],
    [{ items: 'all' }],
    [{ items: [null] }],
    [{ items: [{ score: 1 }] }],
    [{ items: [{ record: { id: 1 } }] }],
  ])('a memory that gives %j for a recall is MEMORY_FAILED, once', async (found) => {
    const memory = { ...inProcessMemory(), bind: () => ({ recall: () => Promise.resolve(found) }) } as unknown as Memory
    const history = await played(memory, stepsPlanner([recall('x')]))
    expect(outcomeAt(history, 'recall')).toMatchObject({ status: 'failed', code: 'MEMORY_FAILED' })
    expect(ofType(history, 'effect-retry')).toEqual([])
  })

  test('an abort reaches the memory', async () => {
    let seen: AbortSignal | undefined
    const memory = {
      ...inProcessMemory(),
      bind: () => ({
        recall: (_query: string, { signal }: { signal: AbortSignal }) => {
          seen = signal
          return never()
        },
      }),
    } as unknown as Memory
    const agent = thinker(memory, [recall('x')])
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await settle(clock)
    await run.cancel('enough')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'cancelled' })
    expect(seen?.aborted).toBe(true)
  })

  test('a recall counts against what a run may decide', async () => {
    const agent = thinker(inProcessMemory(), [recall('x')], [recall('y', { key: 'again' })])
    const { ops } = await world({ agents: [agent] })
    expect(await (await ops.start(agent, 'go', { limits: { decisions: 1 } })).result).toMatchObject({
      status: 'failed',
      error: { code: 'BUDGET_EXCEEDED' },
    })
  })
})
