import { expect, test } from 'vitest'
import type { Decision, ModelEffect, Planner } from '../../core/index.ts'
import { promptOf } from '../../core/index.ts'
import { type PlannerPlay, answered, done, playPlanner, said } from '../../testing/planner-play.ts'
import { plannerConformance } from '../../testing/planner-conformance.ts'
import { scenarioDefinition } from '../../testing/planner-scenarios.ts'
import type { PlannerScenario } from '../../testing/planner-scenario.ts'
import { expert, toolCall } from '../../../test/fixtures/planner-parts.ts'
import { toolsPlanner, toolsTexts } from './index.ts'

plannerConformance({ test, createPlanner: () => toolsPlanner() })
plannerConformance({
  test: (name, run) => test(`with other options: ${name}`, run),
  createPlanner: () => toolsPlanner({ sessionTranscript: 'full', allowCutAnswer: true }),
})

const play = (planner: Planner = toolsPlanner(), scenario: Partial<PlannerScenario> = {}): PlannerPlay =>
  playPlanner(planner, scenario)
const failure = { code: 'TOOL_FAILED', message: 'no network', retryable: false }

test('says nothing to the model but instructions, conversation, input and what tools came to', () => {
  const { step, next, view } = play(undefined, {
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Before.' }] }],
    input: { a: 1 },
  })
  const [first] = step(
    answered([
      { type: 'reasoning', text: 'hm', providerMetadata: { p: { sign: 'x' } } },
      toolCall('c1', 'web_search', '{"query":"a"}'),
      toolCall('c2', 'note'),
    ]),
  )
  expect(first).toEqual({
    kind: 'model',
    key: 'model-0',
    tools: 'all',
    messages: [
      { role: 'system', content: 'You are the subject of a test.' },
      { role: 'user', content: [{ type: 'text', text: 'Before.' }] },
      { role: 'user', content: [{ type: 'text', text: '{"a":1}' }] },
    ],
  })
  const calls = step(done('found'), { status: 'failed', error: failure })
  expect(calls).toEqual([
    { kind: 'tool', key: 'tool-1-0', tool: 'web.search', input: { query: 'a' }, callId: 'c1' },
    { kind: 'tool', key: 'tool-1-1', tool: 'note', input: {}, callId: 'c2' },
  ])
  const [second] = step(said('Done.'))
  expect(second).toEqual({ kind: 'model', key: 'model-2', tools: 'all', continues: 'model-0', results: ['tool-1-0', 'tool-1-1'] })
  expect(promptOf(view, second as ModelEffect).slice(3)).toEqual([
    {
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'hm', providerOptions: { p: { sign: 'x' } } },
        { type: 'tool-call', toolCallId: 'c1', toolName: 'web_search', input: { query: 'a' } },
        { type: 'tool-call', toolCallId: 'c2', toolName: 'note', input: {} },
      ],
    },
    {
      role: 'tool',
      content: [
        { type: 'tool-result', toolCallId: 'c1', toolName: 'web_search', output: { type: 'text', value: 'found' } },
        {
          type: 'tool-result',
          toolCallId: 'c2',
          toolName: 'note',
          output: { type: 'error-text', value: 'TOOL_FAILED: no network' },
        },
      ],
    },
  ])
  expect(next()).toEqual({ type: 'finish', output: 'Done.' })
})

test('waits while effects are open', () => {
  const { step, next } = play()
  step()
  expect(next()).toEqual({ type: 'idle' })
})

test('names the model that the options name, offers no tools where there are none, adds no empty system message', () => {
  const { next } = play(toolsPlanner({ model: 'big' }), {
    definition: { tools: [], instructions: undefined, models: ['big'] },
    input: 'Hi.',
  })
  expect(next()).toEqual({
    type: 'act',
    effects: [
      { kind: 'model', key: 'model-0', model: 'big', messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi.' }] }] },
    ],
  })
})

test('a good call is made, each bad one is answered with what was wrong', () => {
  const { step, next, promptText } = play()
  step(
    answered([
      toolCall('c1', 'hammer'),
      toolCall('c2', 'note', '{"query":"x"}'),
      toolCall('c3', 'note', '[1]'),
      toolCall('c4', 'note', '{"a'),
      toolCall('c5', 'note', '{"__proto__":{"a":1}}'),
    ]),
  )
  expect(step(done('noted'))).toEqual([{ kind: 'tool', key: 'tool-1-0', tool: 'note', input: { query: 'x' }, callId: 'c2' }])
  const decision = next() as Decision & { type: 'act' }
  const [effect] = decision.effects
  expect(effect).toMatchObject({ continues: 'model-0', results: ['tool-1-0'] })
  const written = promptText(effect)
  expect(written).toContain('There is no tool \\"hammer\\". The tools are: web_search, note.')
  expect(written).toContain('the arguments must be a JSON object')
  expect(written).toContain('not valid JSON')
  expect(written).toContain('__proto__')
})

test('only bad calls: the next turn comes at once', () => {
  const { step } = play()
  step(answered([toolCall('c1', 'hammer')]))
  expect(step()).toEqual([
    {
      kind: 'model',
      key: 'model-1',
      tools: 'all',
      continues: 'model-0',
      messages: [
        {
          role: 'tool',
          content: [
            {
              type: 'tool-result',
              toolCallId: 'c1',
              toolName: 'hammer',
              output: { type: 'error-text', value: 'There is no tool "hammer". The tools are: web_search, note.' },
            },
          ],
        },
      ],
    },
  ])
  expect(toolsTexts.unknownTool('x', [])).toBe('There is no tool "x". There are no tools.')
})

test('provider-executed calls are left alone and go back with their results', () => {
  const { step, next, promptText } = play()
  const web = [
    toolCall('p1', 'web_search', '{}', { providerExecuted: true }),
    { type: 'tool-result', toolCallId: 'p1', toolName: 'web_search', result: { hits: 1 } },
    toolCall('c1', 'note'),
  ]
  step(answered(web))
  expect(step(done(1))).toHaveLength(1)
  const decision = next() as Decision & { type: 'act' }
  expect(promptText(decision.effects[0])).toContain('"providerExecuted":true')
})

test('a call whose tool is another agent starts a child run', () => {
  const tool = { ...expert, delegate: { agent: 'expert-agent', handoff: false, text: true } }
  const { step } = play(undefined, { definition: { tools: [tool] } })
  step(answered([toolCall('c1', 'expert', '{"input":"why?"}')]))
  expect(step(done('because'))).toEqual([
    { kind: 'run', key: 'tool-1-0', agent: 'expert-agent', input: 'why?', tool: 'expert', callId: 'c1' },
  ])
  expect(step(said('Because.'))[0]).toMatchObject({ results: ['tool-1-0'] })
})

test('a handoff gets the conversation, and its output is the output', () => {
  const { step, next } = play(undefined, { definition: { tools: [expert] } })
  step(answered([toolCall('c1', 'expert', '{"input":"why?"}')]))
  expect(step(done({ because: 1 }))[0]).toMatchObject({ kind: 'run', continues: 'model-0' })
  expect(next()).toEqual({ type: 'finish', output: { because: 1 } })
})

test('a handoff that fails fails the run; one that is refused is told to the model', () => {
  const failing = play(undefined, { definition: { tools: [expert] } })
  failing.step(answered([toolCall('c1', 'expert')]))
  failing.step({ status: 'failed', error: failure })
  expect(failing.next()).toEqual({ type: 'fail', error: failure })
  const denied = play(undefined, { definition: { tools: [expert] } })
  denied.step(answered([toolCall('c1', 'expert')]))
  denied.step({ status: 'denied', error: failure })
  expect(denied.next()).toMatchObject({ type: 'act', effects: [{ kind: 'model', results: ['tool-1-0'] }] })
})

test('a handoff beside other calls is refused, the others are made', () => {
  const { step, next, promptText } = play(undefined, { definition: { tools: [expert, ...scenarioDefinition.tools] } })
  step(answered([toolCall('c1', 'expert'), toolCall('c2', 'note')]))
  expect(step(done(1))).toMatchObject([{ kind: 'tool', tool: 'note' }])
  const decision = next() as Decision & { type: 'act' }
  expect(promptText(decision.effects[0])).toContain('call it alone')
})

test.each([
  ['length', 'MODEL_ANSWER_INVALID', /cut at the output limit/],
  ['content-filter', 'MODEL_ANSWER_INVALID', /withheld/],
  ['interrupted', 'MODEL_INTERRUPTED', /broke off/],
  ['error', 'MODEL_INTERRUPTED', /broke off/],
])('finish reason %s fails with %s', (reason, code, message) => {
  const { step, next } = play()
  step(said('text', reason))
  expect(next()).toMatchObject({ type: 'fail', error: { code, message: expect.stringMatching(message) as string } })
})

test('a cut answer is taken when the options allow it; calls of a cut answer are judged one by one', () => {
  const allowed = play(toolsPlanner({ allowCutAnswer: true }))
  allowed.step(said('half an ans', 'length'))
  expect(allowed.next()).toEqual({ type: 'finish', output: 'half an ans' })
  const { step, next } = play()
  step(answered([toolCall('c1', 'note')], 'length'))
  expect(next()).toMatchObject({ type: 'act', effects: [{ kind: 'tool' }] })
})

test('a model call that fails fails the run with its error', () => {
  const { step, next } = play()
  step({ status: 'failed', error: failure })
  expect(next()).toEqual({ type: 'fail', error: failure })
})

test('an empty answer gets one more turn, without the empty message, then the run fails', () => {
  const { step, next, view, promptText } = play(undefined, { input: 'Hi.' })
  step(answered([{ type: 'reasoning', text: 'hm' }]))
  const [again] = step(answered([]))
  expect(again).toMatchObject({ key: 'repair-1', tools: 'all' })
  expect(promptOf(view, again as ModelEffect).map(({ role }) => role)).toEqual(['system', 'user', 'user'])
  expect(promptText(again)).toContain(toolsTexts.emptyAnswer)
  expect(next()).toMatchObject({ type: 'fail', error: { code: 'MODEL_ANSWER_INVALID' } })
})

test('the turn that mends may call tools, and a later fault gets a turn of its own', () => {
  const { step, next } = play()
  step(answered([]))
  step(answered([toolCall('c1', 'note')]))
  step(done(1))
  expect(step(answered([]))[0]).toMatchObject({ continues: 'repair-1', results: ['tool-2-0'] })
  const [again] = step(said('Now.'))
  expect(again).toMatchObject({ key: 'repair-4', continues: 'repair-1', results: ['tool-2-0'] })
  expect(next()).toEqual({ type: 'finish', output: 'Now.' })
})

test('a provider that asks for an approval of its own tool is an error that says so', () => {
  const { step, next } = play()
  step(answered([{ type: 'tool-approval-request', approvalId: 'a', toolCallId: 'p' }]))
  expect(next()).toMatchObject({
    type: 'fail',
    error: { code: 'MODEL_ANSWER_INVALID', message: expect.stringContaining('approval') as string },
  })
})

test('the full transcript leaves out the system message and what was said before', () => {
  const planner = toolsPlanner({ sessionTranscript: 'full' })
  const before = { role: 'user' as const, content: [{ type: 'text' as const, text: 'Before.' }] }
  const { step, next } = play(planner, { messages: [before], input: 'Now?' })
  step(answered([toolCall('c1', 'note'), toolCall('c2', 'hammer')]))
  step(done('noted'))
  step(said('Now.'))
  const decision = next() as Decision & { type: 'finish' }
  expect(decision.messages?.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  expect(JSON.stringify(decision.messages)).not.toContain('Before.')
  const handed = play(planner, { definition: { tools: [expert], instructions: undefined } })
  handed.step(answered([toolCall('c1', 'expert')]))
  handed.step(done({ because: 1 }))
  const end = handed.next() as Decision & { type: 'finish' }
  expect(end.messages?.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  expect(end.messages?.at(-1)).toEqual({ role: 'assistant', content: [{ type: 'text', text: '{"because":1}' }] })
})

test('texts can be replaced one by one; options other than texts are part of the version', () => {
  const { step } = play(toolsPlanner({ texts: { emptyAnswer: 'Say something.' } }))
  step(answered([]))
  expect(JSON.stringify(step())).toContain('Say something.')
  expect(toolsPlanner().version).toBe(toolsPlanner({ texts: {} }).version)
  expect(toolsPlanner({ allowCutAnswer: true }).version).not.toBe(toolsPlanner().version)
  expect(() => toolsPlanner({ sessionTranscript: 'all' as never })).toThrow(/'answer' or 'full'/)
})

test('one decision costs the same however long the history is', () => {
  const { step, view } = play()
  for (let turn = 0; turn < 300; turn += 1) {
    const [effect] = step(answered([toolCall(`c${turn}`, 'note')]))
    expect(JSON.stringify(effect).length).toBeLessThan(400)
    step(done('x'))
  }
  expect(view.decisions).toBe(600)
})
