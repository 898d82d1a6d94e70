import { expect, test } from 'vitest'
import type { Decision, ModelEffect, Planner } from '../../core/index.ts'
import { promptOf } from '../../core/index.ts'
import { plannerConformance } from '../../testing/planner-conformance.ts'
import { type PlannerPlay, answered, done, playPlanner, said } from '../../testing/planner-play.ts'
import { type PlannerDialect, type PlannerScenario, scriptedAnswer } from '../../testing/planner-scenario.ts'
import { expert } from '../../../test/fixtures/planner-parts.ts'
import { reactPlanner, reactTemplate, reactTexts } from './index.ts'

/** A model that keeps the form; it can call one tool in a turn. */
const dialect: PlannerDialect = {
  answer: (text) => scriptedAnswer([{ type: 'text', text: `Thought: I know.\nFinal Answer: ${text}` }]),
  call: (calls) => {
    const text = calls.map(
      ({ tool, input }) => `Action: ${tool.alias}\nAction Input: ${typeof input === 'string' ? input : JSON.stringify(input)}`,
    )
    return scriptedAnswer([{ type: 'text', text: `Thought: I look.\n${text.join('\n')}` }])
  },
}

plannerConformance({ test, createPlanner: () => reactPlanner(), dialect })

const play = (planner: Planner = reactPlanner(), scenario: Partial<PlannerScenario> = {}): PlannerPlay =>
  playPlanner(planner, scenario)
const failure = { code: 'TOOL_FAILED', message: 'no network', retryable: false }
const output = { type: 'object', properties: { a: { type: 'number' } } }

test('two tools, one after the other: both get their arguments, both results reach the model', () => {
  const { step, next, view } = play(undefined, {
    input: 'Hi.',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Before.' }] }],
  })
  const [first] = step(said('Action: web_search\nAction Input: {"query":"a"}'))
  expect(first).toMatchObject({ kind: 'model', key: 'model-0', settings: { stopSequences: ['\nObservation:'] } })
  expect(first).not.toHaveProperty('tools')
  const system = promptOf(view, first as ModelEffect)[0]?.content as string
  expect(system.startsWith('You are the subject of a test.\n\n')).toBe(true)
  expect(system).toContain('web_search: Searches.')
  expect(system).toContain('{"type":"object","properties":{"query":{"type":"string"}},"additionalProperties":false}')
  expect(promptOf(view, first as ModelEffect).map(({ role }) => role)).toEqual(['system', 'user', 'user'])
  expect(step(done({ hits: 2 }))).toEqual([{ kind: 'tool', key: 'tool-1', tool: 'web.search', input: { query: 'a' } }])
  expect(step(said('Action: note\nAction Input: {"query":"b"}'))).toEqual([
    {
      kind: 'model',
      key: 'model-2',
      settings: { stopSequences: ['\nObservation:'] },
      continues: 'model-0',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Observation: {"hits":2}' }] }],
    },
  ])
  expect(step({ status: 'failed', error: failure })).toEqual([
    { kind: 'tool', key: 'tool-3', tool: 'note', input: { query: 'b' } },
  ])
  const [last] = step(said('Thought: so.\nFinal Answer: two\nlines'))
  expect(promptOf(view, last as ModelEffect).at(-1)?.content).toEqual([
    { type: 'text', text: 'Observation: failed (TOOL_FAILED): no network' },
  ])
  expect(next()).toEqual({ type: 'finish', output: 'two\nlines' })
})

test('waits while effects are open', () => {
  const { step, next } = play()
  step()
  expect(next()).toEqual({ type: 'idle' })
})

test('what the model invented behind its first action is said to be void', () => {
  const { step, promptText } = play()
  step(said('Action: note\nAction Input: {}\nObservation: done\nFinal Answer: 42'))
  step(done('noted'))
  expect(promptText(step()[0])).toContain('Observation: noted\\n(Only your first action was carried out.')
})

test('observations are cut openly, and never inside a character', () => {
  const { step, promptText } = play(reactPlanner({ observationLimit: 4 }))
  step(said('Action: note\nAction Input: {}'))
  step(done('abc😀defg'))
  expect(promptText(step()[0])).toContain('Observation: abc\\n[cut here: 6 of 9 characters left out]')
  const even = play(reactPlanner({ observationLimit: 5 }))
  even.step(said('Action: note\nAction Input: {}'))
  even.step(done('abc😀defg'))
  expect(even.promptText(even.step()[0])).toContain('abc😀\\n[cut here: 4 of 9')
})

test('an unknown tool is an observation that lists the tools', () => {
  const { step, promptText } = play()
  step(said('Action: hammer\nAction Input: {}'))
  const [again] = step()
  expect(again).toMatchObject({ key: 'model-1', continues: 'model-0' })
  expect(promptText(again)).toContain('Observation: there is no tool \\"hammer\\". The tools are: web_search, note.')
  expect(reactTexts.unknownTool('x', [])).toContain('You have no tools.')
})

test('a malformed turn gets one more turn, then the run fails', () => {
  const { step, next, promptText } = play()
  step(said('It is 42.'))
  const [again] = step(said('I said 42.'))
  expect(again).toMatchObject({ key: 'repair-1', continues: 'model-0', settings: { stopSequences: ['\nObservation:'] } })
  expect(promptText(again)).toContain('could not be read: there is neither')
  expect(next()).toMatchObject({
    type: 'fail',
    error: { code: 'MODEL_ANSWER_INVALID', message: expect.stringContaining('also when asked again') as string },
  })
})

test('an empty answer is left out of the prompt that asks again', () => {
  const { step, view } = play(undefined, { input: 'Hi.' })
  step(answered([]))
  expect(promptOf(view, step()[0] as ModelEffect).map(({ role }) => role)).toEqual(['system', 'user', 'user'])
})

test.each([
  ['length', 'Final Answer: ha', 'MODEL_ANSWER_INVALID'],
  ['length', 'Action: note', 'MODEL_ANSWER_INVALID'],
  ['length', 'Action: note\nAction Input:', 'MODEL_ANSWER_INVALID'],
  ['length', 'Thought: I', 'MODEL_ANSWER_INVALID'],
  ['content-filter', 'Action: note\nAction Input: {}', 'MODEL_ANSWER_INVALID'],
  ['interrupted', 'Final Answer: 42', 'MODEL_INTERRUPTED'],
])('finish reason %s at %j fails with %s', (reason, text, code) => {
  const { step, next } = play()
  step(said(text, reason))
  expect(next()).toMatchObject({ type: 'fail', error: { code } })
})

test('interrupted with a whole action runs no tool', () => {
  const { step, next } = play()
  step(said('Action: note\nAction Input: {}', 'interrupted'))
  expect(next()).toMatchObject({ type: 'fail', error: { code: 'MODEL_INTERRUPTED' } })
})

test('a whole action is made although the answer was cut behind it; cut answers are taken when allowed', () => {
  const { step, next } = play()
  step(said('Action: note\nAction Input: {"query":"a"}\nThou', 'length'))
  expect(next()).toMatchObject({ type: 'act', effects: [{ kind: 'tool' }] })
  const allowed = play(reactPlanner({ allowCutAnswer: true }))
  allowed.step(said('Final Answer: ha', 'length'))
  expect(allowed.next()).toEqual({ type: 'finish', output: 'ha' })
})

test('a model call that fails fails the run with its error', () => {
  const { step, next } = play()
  step({ status: 'failed', error: failure })
  expect(next()).toEqual({ type: 'fail', error: failure })
})

test('a structured output is read from the final answer, or mended once', () => {
  const { step, next, promptText } = play(undefined, { definition: { output } })
  const [first] = step(said('Final Answer: one'))
  expect(promptText(first)).toContain('one JSON value that fits this JSON Schema')
  expect(step(said('Final Answer: ```json\n{"a":1}\n```'))[0]).toMatchObject({ key: 'repair-1' })
  expect(next()).toEqual({ type: 'finish', output: { a: 1 } })
})

test('an output that the engine refused goes back with the issues', () => {
  const { step, next, history, promptText } = play(undefined, { definition: { output } })
  step(said('Final Answer: {"a":"x"}'))
  history.add({ type: 'output-reject', output: { a: 'x' }, issues: [{ path: '/a', message: 'must be number' }] })
  const [again] = step(said('Final Answer: {"a":1}'))
  expect(again).toMatchObject({ key: 'model-1', continues: 'model-0' })
  expect(promptText(again)).toContain('- /a: must be number')
  expect(next()).toEqual({ type: 'finish', output: { a: 1 } })
})

test('handoffs: the output is the output, a failure the failure, a refusal an observation', () => {
  const start = (): PlannerPlay => {
    const started = play(undefined, { definition: { tools: [expert], output } })
    started.step(said('Action: expert\nAction Input: {"input":"why?"}'))
    return started
  }
  const well = start()
  expect(well.step(done({ a: 1 }))).toEqual([
    { kind: 'run', key: 'tool-1', agent: 'expert-agent', input: 'why?', tool: 'expert', continues: 'model-0' },
  ])
  expect(well.next()).toEqual({ type: 'finish', output: { a: 1 } })
  well.history.add({ type: 'output-reject', output: { a: 1 }, issues: [{ path: '/a', message: 'too small' }] })
  const [again] = well.step()
  expect(again).toMatchObject({ continues: 'model-0' })
  expect(well.promptText(again)).toContain('Observation: {\\"a\\":1}\\n\\nYour final answer does not fit')
  const failing = start()
  failing.step({ status: 'failed', error: failure })
  expect(failing.next()).toEqual({ type: 'fail', error: failure })
  const denied = start()
  denied.step({ status: 'denied', error: failure })
  expect(denied.promptText(denied.step()[0])).toContain('Observation: denied (TOOL_FAILED): no network')
})

test('options: model, settings, stop sequences, texts', () => {
  const planner = reactPlanner({
    model: 'big',
    settings: { temperature: 0 },
    stopSequences: [],
    texts: { template: ({ tools }) => `${tools.length} tools` },
  })
  const { next } = play(planner, { definition: { instructions: undefined, models: ['big'] }, input: 'Hi.' })
  expect(next()).toEqual({
    type: 'act',
    effects: [
      {
        kind: 'model',
        key: 'model-0',
        model: 'big',
        settings: { temperature: 0 },
        messages: [
          { role: 'system', content: '2 tools' },
          { role: 'user', content: [{ type: 'text', text: 'Hi.' }] },
        ],
      },
    ],
  } satisfies Decision)
  expect(() => reactPlanner({ observationLimit: 0 })).toThrow(/observationLimit/)
  expect(reactPlanner({ observationLimit: 9 }).version).not.toBe(reactPlanner().version)
})

test('the template without tools asks for the answer alone', () => {
  expect(reactTemplate({ tools: [], output: undefined })).toBe(
    'You have no tools. Write your answer in exactly this form:\n\nThought: why you can answer now\nFinal Answer: your answer',
  )
})
