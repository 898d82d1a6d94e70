import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type Effect, type RunEvent } from '../../src/index.ts'
import { scriptedModel, type ScriptedStep } from '../../src/testing/index.ts'
import { ask, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, outcomeOf, world } from './support/world.ts'

afterEach(closeAll)

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
