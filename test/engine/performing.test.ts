import { afterEach, describe, expect, test } from 'vitest'
import {
  defineAgent,
  type Effect,
  type Memory,
  type MemoryEntry,
  type MemoryRecord,
  type MemoryScope,
  type RunEvent,
  type ToolContext,
} from '../../src/index.ts'
import { scriptedModel, type ScriptedStep } from '../../src/testing/index.ts'
import { ask, call, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, outcomeAt, outcomeOf, world } from './support/world.ts'

afterEach(closeAll)

interface SmallMemory extends Memory {
  readonly scopes: MemoryScope[]
  readonly kept: { readonly scope: MemoryScope; readonly record: MemoryRecord }[]
  /** The next call fails, before or after it did its work. */
  fail: 'before' | 'after' | undefined
}

/** A memory that finds entries by a word, in a few lines. */
function smallMemory(name = 'notes'): SmallMemory {
  const scopes: MemoryScope[] = []
  const kept: { scope: MemoryScope; record: MemoryRecord }[] = []
  let made = 0
  const same = (left: MemoryScope, right: MemoryScope): boolean => JSON.stringify(left) === JSON.stringify(right)
  const unused = (): never => {
    throw new Error('not used here')
  }
  const memory: SmallMemory = {
    spec: 'memory/1',
    name,
    scopes,
    kept,
    fail: undefined,
    capabilities: {
      lexical: true,
      vector: false,
      ttl: false,
      atomicAppend: true,
      multiProcess: false,
      erase: true,
      durability: 'none',
    },
    bind(scope) {
      scopes.push(scope)
      return {
        async append(entries: readonly MemoryEntry[]) {
          if (memory.fail === 'before') {
            memory.fail = undefined
            throw new Error('the disk is full')
          }
          const outcomes = entries.map((entry) => {
            const id = entry.id ?? `made-${(made += 1)}`
            if (kept.some(({ record }) => record.id === id)) return { id, status: 'duplicate' as const }
            kept.push({ scope, record: { ...entry, id, scope, seq: kept.length + 1, createdAt: 0, version: 1, contentHash: '' } })
            return { id, status: 'inserted' as const }
          })
          if (memory.fail === 'after') {
            memory.fail = undefined
            throw new Error('the connection broke')
          }
          return { outcomes }
        },
        async recall(query, options) {
          const found = kept.filter(({ scope: owner, record }) => same(owner, scope) && record.text.includes(query))
          const items = found.slice(0, options?.budget?.items).map(({ record }) => ({ record, score: 1, parts: {} }))
          return { items, degraded: [], omitted: found.length - items.length, tokens: 0 }
        },
        get: unused,
        list: unused,
        update: unused,
        forget: unused,
      }
    },
    maintain: unused,
    stats: unused,
    export: unused,
    import: unused,
  }
  return memory
}

function remember(text: string, key = 'remember'): Effect {
  return { kind: 'remember', key, entries: [{ kind: 'fact', text }] }
}
function recall(query: string, more: Partial<Effect & { kind: 'recall' }> = {}): Effect {
  return { kind: 'recall', key: 'recall', query, ...more }
}

describe('memory effects', () => {
  test('what was remembered is recalled, as data in the history', async () => {
    const memory = smallMemory()
    const agent = defineAgent({
      name: 'thinker',
      memory,
      planner: stepsPlanner([remember('it rains in Bergen')], [recall('Bergen')]),
    })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await run.result).toMatchObject({
      output: [{ items: [{ record: { text: 'it rains in Bergen' } }], degraded: [], omitted: 0, tokens: 0 }],
    })
    expect(outcomeAt(await historyOf(ops, run.id), 'remember')).toMatchObject({ value: { outcomes: [{ status: 'inserted' }] } })
  })

  test('a memory is bound to tenant, agent and session of the run', async () => {
    const memory = smallMemory()
    const agent = defineAgent({ name: 'thinker', memory, planner: stepsPlanner([recall('x')]) })
    const { ops } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go', { tenant: 'acme', session: 's' })
    ).result
    await (
      await ops.start(agent, 'go')
    ).result
    expect(memory.scopes).toEqual([
      { tenant: 'acme', agent: 'thinker', session: 's' },
      { tenant: 'default', agent: 'thinker' },
    ])
  })

  test('a budget is passed on, and a memory is chosen by name', async () => {
    const one = smallMemory('one')
    const two = smallMemory('two')
    const fill: Effect = {
      kind: 'remember',
      key: 'fill',
      memory: 'two',
      entries: ['a1', 'a2', 'a3'].map((text) => ({ kind: 'fact', text })),
    }
    const agent = defineAgent({
      name: 'thinker',
      memory: [one, two],
      planner: stepsPlanner([fill], [recall('a', { memory: 'two', budget: { items: 2 } })]),
    })
    const { ops } = await world({ agents: [agent] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({ output: [{ omitted: 1 }] })
    expect(one.scopes).toEqual([])
  })

  test('a memory that is not there is MEMORY_UNKNOWN', async () => {
    const agent = defineAgent({
      name: 'thinker',
      planner: stepsPlanner([recall('x'), recall('x', { key: 'other', memory: 'none' })]),
    })
    const { ops } = await world({ agents: [agent] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({
      output: ['failed: MEMORY_UNKNOWN', 'failed: MEMORY_UNKNOWN'],
    })
  })

  test('a memory that fails once is asked again', async () => {
    const memory = smallMemory()
    memory.fail = 'before'
    const agent = defineAgent({ name: 'thinker', memory, planner: stepsPlanner([remember('x')]) })
    const { ops, clock } = await world({ agents: [agent] })
    expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toMatchObject({
      output: [{ outcomes: [{ status: 'inserted' }] }],
    })
    expect(memory.kept).toHaveLength(1)
  })

  test('an entry that was written before the failure is not written twice', async () => {
    const memory = smallMemory()
    memory.fail = 'after'
    const agent = defineAgent({ name: 'thinker', memory, planner: stepsPlanner([remember('x')]) })
    const { ops, clock } = await world({ agents: [agent] })
    await outcomeOf(clock, await ops.start(agent, 'go'))
    expect(memory.kept).toHaveLength(1)
  })

  test('a memory that always fails is MEMORY_FAILED as data', async () => {
    const memory = { ...smallMemory(), bind: () => ({ recall: () => Promise.reject(new Error('down')) }) } as unknown as Memory
    const agent = defineAgent({ name: 'thinker', memory, planner: stepsPlanner([recall('x')]) })
    const { ops, clock } = await world({ agents: [agent] })
    expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toMatchObject({ output: ['failed: MEMORY_FAILED'] })
  })
})

describe('model streaming', () => {
  const script: ScriptedStep[] = [
    {
      reasoning: 'Let me see.',
      text: 'Looking it up.',
      toolCalls: [
        { name: 'look', input: { n: 1 } },
        { name: 'look', input: { n: 2 } },
      ],
    },
    { text: 'It is done now.', usage: { inputTokens: 7, outputTokens: 3, cacheRead: 2, reasoning: 1 } },
  ]
  function talker() {
    const model = scriptedModel(script)
    const agent = defineAgent({ name: 'talker', model, tools: [noting('look')] })
    return { model, agent }
  }
  const comparable = (history: readonly RunEvent[]): unknown =>
    history.map(({ at: _at, ...event }) => (event.type === 'effect-end' ? { ...event, durationMs: 0 } : event))

  test('a model is streamed only when somebody watches', async () => {
    const quiet = talker()
    const first = await world({ agents: [quiet.agent] })
    await (
      await first.ops.start(quiet.agent, 'go')
    ).result
    expect(quiet.model.calls.map(({ method }) => method)).toEqual(['generate', 'generate'])
    const watched = talker()
    const second = await world({ agents: [watched.agent], watch: true })
    await (
      await second.ops.start(watched.agent, 'go')
    ).result
    expect(watched.model.calls.map(({ method }) => method)).toEqual(['stream', 'stream'])
  })

  test('the history is the same either way', async () => {
    const histories: unknown[] = []
    for (const watch of [false, true]) {
      const { agent } = talker()
      const { ops } = await world({ agents: [agent], watch })
      const run = await ops.start(agent, 'go', { runId: 'same' })
      await run.result
      histories.push(comparable(await historyOf(ops, 'same')))
    }
    expect(histories[1]).toEqual(histories[0])
  })

  test('each kind of delta is told with the key of its effect', async () => {
    const { agent } = talker()
    const { ops, live } = await world({ agents: [agent], watch: true })
    await (
      await ops.start(agent, 'go')
    ).result
    const joined = (type: string, key: string): string =>
      live.flatMap((event) => (event.type === type && 'delta' in event && event.key === key ? [event.delta] : [])).join('')
    expect(joined('reasoning-delta', 'model-0')).toBe('Let me see.')
    expect(joined('text-delta', 'model-0')).toBe('Looking it up.')
    expect(joined('tool-input-delta', 'model-0')).toBe('{"n":1}{"n":2}')
    expect(joined('text-delta', 'model-2')).toBe('It is done now.')
    expect(live.find((event) => event.type === 'tool-input-delta')).toMatchObject({ callId: 'call-1-1', toolName: 'look' })
  })

  test('a truncated stream is tried again, and listeners are told that its deltas are void', async () => {
    const model = scriptedModel([{ text: 'half of the answer', fault: 'truncated' }, 'the whole answer'])
    const agent = defineAgent({ name: 'talker', model })
    const { ops, clock, live } = await world({ agents: [agent], watch: true })
    const run = await ops.start(agent, 'go')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: 'the whole answer' })
    const types = live.map(({ type }) => type)
    const reset = types.indexOf('delta-reset')
    expect(reset).toBeGreaterThan(0)
    const after = live.slice(reset + 1).flatMap((event) => (event.type === 'text-delta' ? [event.delta] : []))
    expect(after.join('')).toBe('the whole answer')
    expect((await ops.record(run.id)).spending.used.steps).toBe(1)
  })

  test('a failure before the first delta needs no reset', async () => {
    const model = scriptedModel([{ fault: 'server-error' }, 'the answer'])
    const agent = defineAgent({ name: 'talker', model })
    const { ops, clock, live } = await world({ agents: [agent], watch: true })
    await outcomeOf(clock, await ops.start(agent, 'go'))
    expect(live.map(({ type }) => type)).not.toContain('delta-reset')
  })

  test('several listeners hear the same deltas, and the model is asked once', async () => {
    const { agent, model } = talker()
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    const heard = await Promise.all(
      [1, 2, 3].map(async () => {
        const deltas: string[] = []
        for await (const event of run) if (event.type === 'text-delta') deltas.push(event.delta)
        return deltas.join('')
      }),
    )
    expect(new Set(heard)).toEqual(new Set(['Looking it up.It is done now.']))
    expect(model.calls).toHaveLength(2)
  })

  test('a custom planner names one of several models', async () => {
    const small = scriptedModel(['small says'], { modelId: 'small' })
    const large = scriptedModel(['large says'], { modelId: 'large' })
    const agent = defineAgent({
      name: 'talker',
      models: { default: small, large },
      planner: stepsPlanner([ask('a', 'a'), { ...ask('b', 'b'), model: 'large' } as Effect]),
    })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await run.result).toMatchObject({ output: [{ modelId: 'small' }, { modelId: 'large' }] })
  })
})

describe('what a tool is told', () => {
  async function contextOf(
    options: { session?: string; tenant?: string } = {},
    tool = {},
  ): Promise<ToolContext & { started: number }> {
    let context: ToolContext | undefined
    const look = noting('look', (_input, given) => void (context = given), tool)
    const agent = defineAgent({ name: 'worker', tools: [look], planner: stepsPlanner([call('look', {}, 'the-key')]) })
    const { ops, clock } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go', { runId: 'the-run', ...options })
    ).result
    if (context === undefined) throw new Error('the body was not entered')
    return Object.assign(Object.create(context) as ToolContext, { started: clock.now() })
  }

  test('run, agent, key, attempt, epoch, tenant and session', async () => {
    const { runId, agent, key, attempt, epoch, tenant, session, tx } = await contextOf({ tenant: 'acme', session: 's' }).then(
      unwrap,
    )
    expect({ runId, agent, key, attempt, epoch, tenant, session, tx }).toEqual({
      runId: 'the-run',
      agent: 'worker',
      key: 'the-key',
      attempt: 1,
      epoch: 1,
      tenant: 'acme',
      session: 's',
      tx: undefined,
    })
  })

  test('tenant and session where none were given', async () => {
    const { tenant, session } = await contextOf().then(unwrap)
    expect({ tenant, session }).toEqual({ tenant: 'default', session: undefined })
  })

  test('the idempotency key follows from run and key alone (S4)', async () => {
    const [one, two] = [await contextOf().then(unwrap), await contextOf().then(unwrap)]
    expect(one.idempotencyKey).toBe(two.idempotencyKey)
    expect(one.idempotencyKey).toMatch(/^[0-9a-f]{32}$/)
  })

  test('the deadline is that of the tool, or the default', async () => {
    const own = await contextOf({}, { timeoutMs: 7000 })
    expect(Object.getPrototypeOf(own).deadline).toBe(own.started + 7000)
    const general = await contextOf()
    expect(Object.getPrototypeOf(general).deadline).toBe(general.started + 120_000)
  })

  test('attempts count from 1, the idempotency key stays the same', async () => {
    const flaky = noting('look', (_input, { attempt }) => {
      if (attempt < 3) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      return attempt
    })
    const agent = defineAgent({ name: 'worker', tools: [flaky], planner: stepsPlanner([call('look')]) })
    const { ops, clock } = await world({ agents: [agent] })
    expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toEqual({ status: 'completed', output: [3] })
    expect(new Set(flaky.calls.map(({ context }) => context.idempotencyKey)).size).toBe(1)
    expect(flaky.calls.map(({ context }) => context.attempt)).toEqual([1, 2, 3])
  })

  test('two calls of one tool have different idempotency keys', async () => {
    const look = noting('look')
    const agent = defineAgent({
      name: 'worker',
      tools: [look],
      planner: stepsPlanner([call('look', {}, 'a'), call('look', {}, 'b')]),
    })
    const { ops } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go')
    ).result
    expect(new Set(look.calls.map(({ context }) => context.idempotencyKey)).size).toBe(2)
  })

  test('arguments are a copy: a body that changes them does not change the history', async () => {
    const look = noting('look', (input) => {
      ;(input as Record<string, unknown>)['n'] = 'changed'
      return 1
    })
    const agent = defineAgent({ name: 'worker', tools: [look], planner: stepsPlanner([call('look', { n: 1 })]) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    expect(JSON.stringify(await historyOf(ops, run.id))).not.toContain('changed')
  })

  test('a result is a copy: a body that changes it later does not change the history', async () => {
    const shared = { n: 1 }
    const look = noting('look', () => shared)
    const agent = defineAgent({ name: 'worker', tools: [look], planner: stepsPlanner([call('look')]) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    shared.n = 2
    expect(outcomeAt(await historyOf(ops, run.id), 'look')?.value).toEqual({ n: 1 })
  })
})

function unwrap(context: ToolContext): ToolContext {
  return Object.getPrototypeOf(context) as ToolContext
}
