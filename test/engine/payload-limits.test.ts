import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineExtension } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  errorOf,
  expectCode,
  expectFailure,
  guardFile,
  modelOf,
  once,
  open,
  plan,
  play,
  reply,
  scriptedModel,
  tool,
} from './harness.ts'

guardFile()

const TEN_MB = 'x'.repeat(10_000_000)
const big = tool('big', () => TEN_MB)

describe('ten megabytes', () => {
  test('from a tool are refused with the size and what to do', async () => {
    const played = await play(agent('subject', once(callTool('a', 'big')), { tools: [big] }))
    expect(played.outcome.status).toBe('completed')
    expectFailure(played.effect('a'), 'PAYLOAD_TOO_LARGE', '"big"', '2097152', 'limits.payload')
    expect(errorOf(played.effect('a')).details).toEqual({ limit: 2_097_152 })
  })
  test('from a tool pass with a raised limits.payload', async () => {
    const played = await play(agent('subject', once(callTool('a', 'big')), { tools: [big], limits: { payload: 11_000_000 } }))
    expect(played.effect('a')).toEqual({ status: 'completed', value: TEN_MB })
  })
  test('from a tool reach a model when they may', async () => {
    const model = scriptedModel(
      [{ toolCalls: [{ name: 'big' }] }, (options) => ({ text: String(JSON.stringify(options.prompt).length > 10_000_000) })],
      { record: false },
    )
    const played = await play(agent('subject', undefined, { model, tools: [big], limits: { payload: 11_000_000 } }))
    expect(played.outcome).toEqual({ status: 'completed', output: 'true' })
  })
  test('of small parts are refused too', async () => {
    const many = tool('many', () => Array.from({ length: 1_000_000 }, (_, n) => ({ n })))
    expectFailure((await play(agent('subject', once(callTool('a', 'many')), { tools: [many] }))).effect('a'), 'PAYLOAD_TOO_LARGE')
  })
  test('of nothing but null are refused too', async () => {
    const nulls = tool('nulls', () => Array.from({ length: 2_000_000 }, () => null))
    expectFailure(
      (await play(agent('subject', once(callTool('a', 'nulls')), { tools: [nulls] }))).effect('a'),
      'PAYLOAD_TOO_LARGE',
    )
  })
  test('as input of a run pass with a raised limit', async () => {
    const echo = plan((run) => ({ type: 'finish', output: (run.input as string).length }))
    const played = await play(agent('subject', echo, { limits: { payload: 11_000_000 } }), { input: TEN_MB })
    expect(played.outcome).toEqual({ status: 'completed', output: 10_000_000 })
  })
  test('as input under a limit that the start tightens are refused', async () => {
    const ops = await open({
      agents: [
        agent(
          'subject',
          plan(() => ({ type: 'finish', output: 1 })),
          { limits: { payload: 11_000_000 } },
        ),
      ],
    })
    await expectCode(() => ops.start('subject', TEN_MB, { limits: { payload: 1000 } }), 'PAYLOAD_TOO_LARGE')
  })
  test('as output of a planner are refused', async () => {
    expectFailure(
      (
        await play(
          agent(
            'subject',
            plan(() => ({ type: 'finish', output: TEN_MB })),
          ),
        )
      ).outcome,
      'PLANNER_DECISION_INVALID',
      /output/,
    )
  })
  test('as state of a planner are refused', async () => {
    const planner = plan(() => ({ type: 'act', effects: [callTool('a', 'big')], state: TEN_MB }))
    expectFailure((await play(agent('subject', planner, { tools: [big] }))).outcome, 'PLANNER_DECISION_INVALID', /state/)
  })
  test('as metadata are refused', async () => {
    const ops = await open({
      agents: [
        agent(
          'subject',
          plan(() => ({ type: 'finish', output: 1 })),
        ),
      ],
    })
    await expectCode(() => ops.start('subject', 1, { metadata: { big: TEN_MB } }), 'PAYLOAD_TOO_LARGE')
  })
  test('as messages of a start are refused', async () => {
    const ops = await open({
      agents: [
        agent(
          'subject',
          plan(() => ({ type: 'finish', output: 1 })),
        ),
      ],
    })
    const messages = [{ role: 'user' as const, content: [{ type: 'text' as const, text: TEN_MB }] }]
    await expectCode(() => ops.start('subject', 1, { messages }), 'PAYLOAD_TOO_LARGE')
  })
  test('from middleware are refused', async () => {
    const fat = defineExtension({ name: 'fat', setup: (host) => host.addMiddleware(async () => TEN_MB) })
    const played = await play(agent('subject', once(callTool('a', 'small')), { tools: [tool('small', () => 1)] }), {
      options: { plugins: [fat] },
    })
    expectFailure(played.effect('a'), 'PAYLOAD_TOO_LARGE')
  })
})

describe('a model that answers', () => {
  const limits = { payload: 10_000 }
  const asked = (answer: object, watch = false) =>
    play(agent('subject', once(callModel('m')), { model: modelOf(() => answer), limits }), { watch })
  test('one text over the limit is refused with the model', async () => {
    expectFailure((await asked(reply('x'.repeat(20_000)))).effect('m'), 'PAYLOAD_TOO_LARGE', 'test/m', '10000')
  })
  test('many texts that are together over the limit is refused: the limit is of the recorded value', async () => {
    const content = Array.from({ length: 10 }, () => ({ type: 'text', text: 'x'.repeat(5_000) }))
    expectFailure((await asked({ ...reply('x'), content })).effect('m'), 'PAYLOAD_TOO_LARGE')
  })
  test('many small parts over the limit is refused', async () => {
    const content = Array.from({ length: 10_000 }, () => ({ type: 'custom', kind: 'a.b' }))
    expectFailure((await asked({ ...reply('x'), content })).effect('m'), 'PAYLOAD_TOO_LARGE')
  })
  test('arguments over the limit is refused', async () => {
    const content = [{ type: 'tool-call', toolCallId: 'c', toolName: 'x', input: 'x'.repeat(20_000) }]
    expectFailure((await asked({ ...reply('x'), content })).effect('m'), 'PAYLOAD_TOO_LARGE')
  })
  test('structured text over the limit is refused', async () => {
    expectFailure((await asked({ ...reply('x'), structuredOutputText: 'x'.repeat(20_000) })).effect('m'), 'PAYLOAD_TOO_LARGE')
  })
  test('warnings over the limit is refused', async () => {
    expectFailure(
      (await asked({ ...reply('x'), warnings: [{ type: 'other', message: 'x'.repeat(20_000) }] })).effect('m'),
      'PAYLOAD_TOO_LARGE',
    )
  })
  test('over the limit while it streams is refused, the same as when it does not', async () => {
    const model = scriptedModel([{ text: 'word '.repeat(10_000) }])
    const played = await play(agent('subject', once(callModel('m')), { model, limits }), { watch: true })
    expectFailure(played.effect('m'), 'PAYLOAD_TOO_LARGE')
  })
  test('with three megabytes of arguments reaches the tool when limits.payload allows it', async () => {
    let length = 0
    const save = tool('save', (input: { text: string }) => {
      length = input.text.length
      return 'saved'
    })
    const model = scriptedModel([{ toolCalls: [{ name: 'save', input: { text: 'x'.repeat(3_000_000) } }] }, 'done'], {
      record: false,
    })
    const played = await play(agent('subject', undefined, { model, tools: [save], limits: { payload: 8_000_000 } }))
    expect(played.outcome).toEqual({ status: 'completed', output: 'done' })
    expect(length).toBe(3_000_000)
  })
})

describe('the limits of one decision', () => {
  test('more effects than limits.effects are refused with both numbers', async () => {
    const effects = Array.from({ length: 6 }, (_, n) => callTool(`a${n}`, 'x'))
    const played = await play(agent('subject', once(...effects), { tools: [tool('x', () => 1)], limits: { effects: 5 } }))
    expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', '6', '5')
  })
  test('a thousand effects are fine by default', async () => {
    let calls = 0
    const effects = Array.from({ length: 1000 }, (_, n) => callTool(`a${n}`, 'x'))
    const played = await play(agent('subject', once(...effects), { tools: [tool('x', () => (calls += 1))] }))
    expect(played.outcome.status).toBe('completed')
    expect(calls).toBe(1000)
  })
  test('decisions past limits.decisions end the run with BUDGET_EXCEEDED', async () => {
    const endless = plan((run) =>
      run.open > 0 ? { type: 'idle' } : { type: 'act', effects: [callTool(`a${run.decisions}`, 'x')] },
    )
    const played = await play(agent('subject', endless, { tools: [tool('x', () => 1)], limits: { decisions: 7 } }))
    expectFailure(played.outcome, 'BUDGET_EXCEEDED', '7', 'limits.decisions')
    expect(played.history.filter((event) => event.type === 'decision')).toHaveLength(7)
  })
  test('children deeper than limits.depth are refused where they would begin', async () => {
    const self = agent(
      'subject',
      plan((run) =>
        run.decisions === 0
          ? { type: 'act', effects: [{ kind: 'run', key: 'c', agent: 'subject', input: 1 }] }
          : run.open > 0
            ? { type: 'idle' }
            : { type: 'finish', output: [...run.effects.values()].map((record) => record.outcome ?? null) },
      ),
      { agents: ['subject'], limits: { depth: 3 } },
    )
    const played = await play(self)
    expect(JSON.stringify(played.outcome)).toMatch(/BUDGET_EXCEEDED/)
    expect((await played.ops.list({ rootId: played.run.id })).runs).toHaveLength(4)
  })
})

test('a run whose limits.depth is 0 has no children', async () => {
  const kid = agent(
    'kid',
    plan(() => ({ type: 'finish', output: 1 })),
  )
  const parent = agent('subject', once({ kind: 'run', key: 'c', agent: 'kid', input: 1 }), {
    agents: [kid],
    limits: { depth: 0 },
  })
  const played = await play(parent, { agents: [kid] })
  expectFailure(played.effect('c'), 'BUDGET_EXCEEDED', 'depth')
  expect((await played.ops.list({ rootId: played.run.id })).runs).toHaveLength(1)
})

test('an issue list as long as the data does not become a history without end', async () => {
  const list = tool('list', () => 1, { input: z.object({ items: z.array(z.number()) }) })
  const items = Array.from({ length: 100_000 }, () => 'no')
  const played = await play(agent('subject', once(callTool('a', 'list', { items })), { tools: [list] }))
  expectFailure(played.effect('a'), 'TOOL_INPUT_INVALID')
  expect(JSON.stringify(played.effect('a')).length).toBeLessThan(2_200_000)
})
