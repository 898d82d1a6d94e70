import { expect, test } from 'vitest'
import type { ModelCallOptions } from '../core/index.ts'
import { lastToolResults, lastUserText, promptText } from './prompt-text.ts'
import { scriptedModel } from './scripted-model.ts'
import { ask } from '../../test/fixtures/model-calls.ts'

const matchers = [
  [{ lastUserText: 'hi' }, { lastUserText: 'ho' }, 'lastUserText: expected "ho", actual "hi"'],
  [{ lastUserText: /^h/ }, { lastUserText: /^x/ }, 'lastUserText: expected /^x/, actual "hi"'],
  [{ system: 'kind' }, { system: 'rude' }, 'system: expected "rude", actual "Be kind."'],
  [
    { promptIncludes: ['kind', /weather\({"city":"Bergen"}\)/g] },
    { promptIncludes: 'snow' },
    'promptIncludes: expected "snow", actual "Be kind.',
  ],
  [{ promptExcludes: 'snow' }, { promptExcludes: ['kind'] }, 'promptExcludes: expected "kind"'],
  [
    { toolResults: ['rain', { mm: 3 }, /boom/, /no/] },
    { toolResults: [/sun/] },
    'toolResults: expected ["/sun/"], actual ["rain",{"mm":3},"boom","no"]',
  ],
  [{ toolResults: [/^rain$/, /"mm":3/, 'boom', 'no'] }, { toolResults: ['rain', { mm: 4 }, 'boom', 'no'] }, 'toolResults'],
  [{ toolNames: ['b', 'a'] }, { toolNames: ['a'] }, 'toolNames: expected ["a"], actual ["a","b"]'],
  [
    { messages: 4, system: undefined },
    { mesages: 5 } as object,
    'mesages is nothing that can be expected; known: lastUserText, system',
  ],
  [{ messages: 4 }, { messages: 5 }, 'messages: expected 5, actual 4'],
  [
    { options: { temperature: 0 } },
    { options: { temperature: 1, seed: 2 } },
    'options.temperature: expected 1, actual 0\n  options.seed: expected 2, actual undefined',
  ],
  [() => undefined, () => false, 'the matcher returned false'],
  [
    () => true,
    function polite() {
      return false
    },
    'the matcher polite returned false',
  ],
  [(call: ModelCallOptions) => call.prompt.length === 4, () => 'too plain', 'too plain'],
  [
    () => true,
    () => {
      throw new Error('not so')
    },
    'not so',
  ],
  [
    () => true,
    () => {
      throw 'bare'
    },
    'bare',
  ],
] as const

test.each(matchers)('matcher %#', async (met, unmet, message) => {
  const call = ask('hi', {
    temperature: 0,
    tools: [
      { type: 'function', name: 'a', inputSchema: {} },
      { type: 'provider', id: 'p.b', name: 'b', args: {} },
    ],
  })
  const result = (output: object): object => ({ type: 'tool-result', toolCallId: 'c', toolName: 'weather', output })
  call.prompt = [
    { role: 'system', content: 'Be kind.' },
    ...call.prompt,
    {
      role: 'assistant',
      content: [{ type: 'tool-call', toolCallId: 'c', toolName: 'weather', input: { city: 'Bergen' } }, { type: 'custom' }],
    },
    {
      role: 'tool',
      content: [
        result({ type: 'text', value: 'rain' }),
        result({ type: 'json', value: { mm: 3 } }),
        result({ type: 'error-text', value: 'boom' }),
        result({ type: 'execution-denied', reason: 'no' }),
        { type: 'tool-approval-response', approvalId: 'a', approved: true },
      ],
    },
  ]
  const model = scriptedModel([
    { text: 'x', expect: met },
    { text: 'y', expect: unmet },
  ])
  await model.doGenerate(call)
  await expect(model.doGenerate(call)).rejects.toMatchObject({
    name: 'ScriptMismatchError',
    message: expect.stringContaining(message) as string,
  })
  // A refused step stays, and the refusal is not forgotten where somebody swallowed it.
  expect(() => model.assertComplete()).toThrow('step 2 of 2 was not used')
  expect(() => model.assertComplete()).toThrow(message)
})

test('prompts are read without a user message or results', () => {
  expect(lastUserText({ prompt: [] })).toBeUndefined()
  expect(lastToolResults({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] })).toEqual([])
  expect(
    promptText({ prompt: [{ role: 'tool', content: [{ type: 'tool-result', output: { type: 'execution-denied' } }] }] }),
  ).toBe('')
  expect(
    lastToolResults({ prompt: [{ role: 'tool', content: [{ type: 'tool-result', output: { type: 'text', value: 'v' } }] }] }),
  ).toEqual([{ toolCallId: '', toolName: '', type: 'text', value: 'v' }])
})

test('long values are cut in messages', async () => {
  const model = scriptedModel([{ text: 'x', expect: { lastUserText: 'short' } }])
  await expect(model.doGenerate(ask('l'.repeat(1000)))).rejects.toThrow('… (1002 characters)')
})

test('an exhausted script shows tool results', async () => {
  const call: ModelCallOptions = {
    prompt: [
      { role: 'tool', content: [{ type: 'tool-result', toolCallId: 'c', toolName: 't', output: { type: 'json', value: [1] } }] },
    ],
  }
  await expect(scriptedModel([]).doGenerate(call)).rejects.toThrow('tool results [[1]], tools []')
})
