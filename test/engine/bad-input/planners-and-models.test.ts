import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { userMessage } from '../../../src/index.ts'
import { reactPlanner } from '../../../src/plugins/planner-react/index.ts'
import {
  agent,
  callModel,
  callTool,
  errorOf,
  expectFailure,
  guardFile,
  modelOf,
  plan,
  play,
  reply,
  scriptedModel,
  tool,
} from '../harness.ts'

guardFile()

describe('the tools planner and a model that', () => {
  const ping = tool('ping', (input: { n?: number }) => input.n ?? 'pong')
  const talk = (steps: Parameters<typeof scriptedModel>[0], more: object = {}) => {
    const model = scriptedModel(steps)
    return play(agent('subject', undefined, { model, tools: [ping], ...more })).then((played) => ({ ...played, model }))
  }
  test('answers nothing gets one more turn, then the run fails', async () => {
    const played = await talk([{ text: '' }, { text: '  ' }])
    expectFailure(played.outcome, 'MODEL_ANSWER_INVALID', 'asked again')
    expect(played.model.calls).toHaveLength(2)
  })
  test('answers nothing once may mend it', async () => {
    expect((await talk([{ content: [] }, 'better'])).outcome).toEqual({ status: 'completed', output: 'better' })
  })
  test.each(['nope', '__proto__', 'constructor', '', 'ping '])(
    'calls the unknown tool %j is told which there are',
    async (name) => {
      const played = await talk([{ toolCalls: [{ name }] }, { text: 'sorry', expect: { promptIncludes: 'ping' } }])
      expect(played.outcome).toEqual({ status: 'completed', output: 'sorry' })
      expect(
        played.history.some((event) => event.type === 'decision' && event.effects.some((effect) => effect.kind === 'tool')),
      ).toBe(false)
    },
  )
  test.each(['{"n": 1', '{n:1}', '[1]', '5', 'null', '"text"', 'true', '{"n":1}{"n":2}', '\u0000'])(
    'sends %j as arguments is told what is wrong, and the tool is not called',
    async (input) => {
      const played = await talk([
        { toolCalls: [{ name: 'ping', input }] },
        { text: 'sorry', expect: { promptIncludes: /arguments|JSON/ } },
      ])
      expect(played.outcome).toEqual({ status: 'completed', output: 'sorry' })
      expect(played.model.calls).toHaveLength(2)
    },
  )
  test('sends no arguments at all calls the tool with none', async () => {
    expect(
      (await talk([{ toolCalls: [{ name: 'ping', input: '' }] }, { text: 'ok', expect: { toolResults: ['pong'] } }])).outcome
        .status,
    ).toBe('completed')
  })
  test('sends arguments as data calls the tool with them', async () => {
    const content = [{ type: 'tool-call', toolCallId: 'c1', toolName: 'ping', input: { n: 7 } }]
    expect((await talk([{ content }, { text: 'ok', expect: { toolResults: [7] } }])).outcome.status).toBe('completed')
  })
  test('gives two calls one id has both answered', async () => {
    const toolCalls = [
      { name: 'ping', input: { n: 1 }, id: 'same' },
      { name: 'ping', input: { n: 2 }, id: 'same' },
    ]
    expect((await talk([{ toolCalls }, { text: 'ok', expect: { toolResults: [1, 2] } }])).outcome.status).toBe('completed')
  })
  test('mixes good and bad calls has each answered once', async () => {
    const toolCalls = [{ name: 'ping', input: { n: 1 } }, { name: 'nope' }, { name: 'ping', input: '{' }]
    const played = await talk([{ toolCalls }, 'ok'])
    const results = played.model.calls[1]?.options.prompt
      .filter((message) => message.role === 'tool')
      .flatMap((message) => message.content as { toolCallId: string }[])
    expect(results?.map((result) => result.toolCallId).toSorted()).toEqual(['call-1-1', 'call-1-2', 'call-1-3'])
  })
  test('breaks off in the middle of a call makes no call', async () => {
    const broken = { fault: 'interrupted', toolCalls: [{ name: 'ping', input: { n: 1 } }] } as const
    const played = await talk([broken, broken, broken, broken])
    expectFailure(played.outcome, 'MODEL_INTERRUPTED')
  })
  test('calls tools for ever ends with BUDGET_EXCEEDED at limits.steps', async () => {
    const model = scriptedModel([{ toolCalls: [{ name: 'ping' }] }], { repeat: true })
    const played = await play(agent('subject', undefined, { model, tools: [ping], limits: { steps: 5 } }))
    expectFailure(played.outcome, 'BUDGET_EXCEEDED', 'steps')
    expect(model.calls).toHaveLength(5)
  })
  test('calls a thousand and one tools at once ends typed', async () => {
    const toolCalls = Array.from({ length: 1001 }, (_, n) => ({ name: 'ping', input: { n } }))
    const played = await talk([{ toolCalls }, 'ok'])
    expect(played.outcome.status === 'completed' || errorOf(played.outcome).message.includes('1001')).toBe(true)
  })
  test('gives nonsense parts never makes the planner look guilty', async () => {
    for (const content of [[{ type: 'text' }], [{ type: 'text', text: null }], [{ type: 'tool-call' }], [{}]]) {
      const played = await play(
        agent('subject', undefined, { model: modelOf(() => ({ ...reply('x'), content })), tools: [ping] }),
      )
      expect(errorOf(played.outcome).code).toMatch(/^MODEL_/)
    }
  })
})

describe('the react planner and a model that', () => {
  const save = tool('save', () => 'saved', { input: z.object({ text: z.string() }) })
  test('writes __proto__ as action input does not get it through', async () => {
    const model = scriptedModel([
      'Thought: x\nAction: save\nAction Input: {"text":"a","__proto__":{"polluted":"yes"}}',
      'Final Answer: done',
      'Final Answer: done',
    ])
    const played = await play(agent('subject', reactPlanner(), { model, tools: [save] }))
    expect(
      played.history.some(
        (event) =>
          event.type === 'decision' &&
          JSON.stringify(event).includes('polluted') &&
          event.effects.some((effect) => effect.kind === 'tool'),
      ),
    ).toBe(false)
  })
  test('writes nothing of use fails typed', async () => {
    const played = await play(
      agent('subject', reactPlanner(), { model: scriptedModel(['???'], { repeat: true }), tools: [save] }),
    )
    expectFailure(played.outcome, 'MODEL_ANSWER_INVALID')
  })
})

describe('what a model is shown', () => {
  test('is the history, of which it can change nothing but the list that it was given', async () => {
    const refused: unknown[] = []
    const attempt = (change: () => void): void => {
      try {
        change()
      } catch (error) {
        refused.push(error)
      }
    }
    const lengths: number[] = []
    const model = modelOf(({ prompt }) => {
      const list = prompt as unknown as { role: string; content: { text?: string; output?: { value: { n: number } } }[] }[]
      lengths.push(list.length)
      for (const message of list.slice()) {
        attempt(() => (message.role = 'system'))
        attempt(() => message.content.push({ text: 'more' }))
        attempt(() => ((message.content[0] as { text?: string }).text = 'rewritten'))
        const output = message.content[0]?.output
        if (output !== undefined) attempt(() => (output.value.n = 2))
      }
      list.unshift({ role: 'system', content: [] })
      list.push({ role: 'user', content: [] })
      return reply('answer')
    })
    const earlier = [{ role: 'user', content: [{ type: 'text', text: 'before' }] }] as const
    const planner = plan((run) => {
      if (run.decisions === 0)
        return { type: 'act', effects: [callModel('a', { messages: [...run.messages, userMessage('go')] })] }
      if (run.decisions === 1) return { type: 'act', effects: [{ ...callTool('t', 'count'), callId: 'c' }] }
      if (run.decisions > 2) return { type: 'finish', output: 1 }
      return {
        type: 'act',
        effects: [{ kind: 'model', key: 'b', continues: 'a', results: ['t'], messages: [userMessage('on')] }],
      }
    })
    const subject = agent('subject', planner, { model, tools: [tool('count', () => ({ n: 1 }))] })
    const played = await play(subject, { start: { messages: earlier } })
    expect(lengths).toEqual([2, 5])
    expect(refused).toHaveLength(3 * 7 + 1)
    expect(played.effect('b').status).toBe('completed')
    expect(played.effect('t')).toEqual({ status: 'completed', value: { n: 1 } })
    expect(JSON.stringify(played.history)).not.toMatch(/rewritten|more/)
    expect(earlier[0].content[0].text).toBe('before')
    expect(Object.isFrozen(earlier[0])).toBe(false)
  })
})
