import { expect, test } from 'vitest'
import type { Decision, ModelEffect, Planner } from '../../core/index.ts'
import { promptOf } from '../../core/index.ts'
import { plannerConformance } from '../../testing/planner-conformance.ts'
import { type PlannerPlay, answered, done, playPlanner, said } from '../../testing/planner-play.ts'
import { type ModelTurn, type PlannerDialect, type PlannerScenario, scriptedAnswer } from '../../testing/planner-scenario.ts'
import { expert } from '../../../test/fixtures/planner-parts.ts'
import { planExecutePlanner, planTemplate, type PlanState } from './index.ts'

/** A model that writes a plan when it is asked for one, and text otherwise. */
const isPlanning = ({ run }: ModelTurn): boolean => (run.state as PlanState).phase === 'planning'
const dialect: PlannerDialect = {
  answer: (text, turn) => scriptedAnswer([{ type: 'text', text: isPlanning(turn) ? '{"steps":[{"goal":"think"}]}' : text }]),
  call: (calls, turn) => {
    const steps = calls.map(
      ({ tool, input }) =>
        `{"goal":"use it","tool":"${tool.alias}","input":${typeof input === 'string' ? input : JSON.stringify(input)}}`,
    )
    return scriptedAnswer([{ type: 'text', text: isPlanning(turn) ? `{"steps":[${steps.join(',')}]}` : 'Done.' }])
  },
}

plannerConformance({ test, createPlanner: () => planExecutePlanner(), dialect })
plannerConformance({
  test: (name, run) => test(`with other options: ${name}`, run),
  createPlanner: () => planExecutePlanner({ answer: 'last-step', revisions: 0 }),
  dialect,
})

const play = (planner: Planner = planExecutePlanner(), scenario: Partial<PlannerScenario> = {}): PlannerPlay =>
  playPlanner(planner, scenario)
const failure = { code: 'TOOL_FAILED', message: 'no network', retryable: false }
const plan = (...steps: readonly object[]): string => JSON.stringify({ steps })
const search = { id: 'a', goal: 'find', tool: 'web_search', input: { query: 'otters' } }
const note = { id: 'b', goal: 'write down', tool: 'note', input: { query: 'first: {{steps.a.output/hits/0}}' } }
const think = { id: 'c', goal: 'What does it mean?' }

test('three steps are carried out in order, outputs are handed on, the model answers at the end', () => {
  const { step, next, view, promptText } = play(undefined, { input: 'Otters?' })
  const [first] = step(said(plan(search, note, think)))
  expect(first).toMatchObject({ kind: 'model', key: 'plan-0' })
  const [system, user] = promptOf(view, first as ModelEffect)
  expect(system?.content).toBe(`You are the subject of a test.\n\n${planTemplate({ tools: view.tools, maxSteps: 20 })}`)
  expect(user).toEqual({ role: 'user', content: [{ type: 'text', text: 'Otters?' }] })
  expect(step(done({ hits: ['river', 'sea'] }))).toEqual([
    { kind: 'tool', key: 'step-1', tool: 'web.search', input: { query: 'otters' } },
  ])
  expect(view.state).toMatchObject({ phase: 'working', step: 0, revisions: 0, plan: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] })
  expect(step(done('noted'))).toEqual([{ kind: 'tool', key: 'step-2', tool: 'note', input: { query: 'first: river' } }])
  const [question] = step(said('They swim.'))
  expect(question).toMatchObject({ kind: 'model', key: 'step-3', continues: 'plan-0' })
  expect(promptText(question)).toContain(
    'Step \\"a\\" (find) gave:\\n{\\"hits\\":[\\"river\\",\\"sea\\"]}\\n\\nStep \\"b\\" (write down) gave:\\nnoted\\n\\nNow carry out step \\"c\\"',
  )
  const [answer] = step(said('Otters swim.'))
  expect(answer).toMatchObject({ key: 'answer-4', continues: 'step-3' })
  expect((answer as ModelEffect).messages).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'All steps are done. Now write the answer to the request.' }] },
  ])
  expect((view.state as PlanState).results).toEqual([
    { id: 'a', goal: 'find', key: 'step-1', status: 'completed', summary: '{"hits":["river","sea"]}' },
    { id: 'b', goal: 'write down', key: 'step-2', status: 'completed', summary: 'noted' },
    { id: 'c', goal: 'What does it mean?', key: 'step-3', status: 'completed', summary: 'They swim.' },
  ])
  expect(next()).toEqual({ type: 'finish', output: 'Otters swim.' })
})

test('waits while effects are open', () => {
  const { step, next } = play()
  step()
  expect(next()).toEqual({ type: 'idle' })
})

test('a failed step leads to a revised plan, which may use what was done', () => {
  const { step, next, view, promptText } = play()
  step(said(plan(search, { id: 'b', tool: 'note' }, think)))
  step(done({ hits: ['river'] }))
  step({ status: 'denied', error: failure })
  const [revised] = step(said(plan({ id: 'b2', goal: 'again', tool: 'web_search', input: { query: '{{steps.a.output/hits}}' } })))
  expect(revised).toMatchObject({ key: 'plan-3', continues: 'plan-0' })
  const text = promptText(revised)
  expect(text).toContain('Step \\"a\\" (find) gave:')
  expect(text).toContain('Step \\"b\\" (call note) failed with TOOL_FAILED: no network')
  expect(view.state).toMatchObject({
    phase: 'planning',
    revisions: 1,
    results: [{ id: 'a' }, { id: 'b', status: 'failed', summary: 'TOOL_FAILED: no network' }],
  })
  expect(step(done('ok'))).toEqual([{ kind: 'tool', key: 'step-4', tool: 'web.search', input: { query: ['river'] } }])
  expect(view.state).toMatchObject({ phase: 'working', revisions: 1, plan: [{ id: 'b2' }] })
  step(said('Done.'))
  expect(next()).toEqual({ type: 'finish', output: 'Done.' })
})

test('after the allowed revisions the run fails and says which step and why', () => {
  const { step, next } = play(planExecutePlanner({ revisions: 1 }))
  for (let round = 0; round < 2; round += 1) {
    step(said(plan(search)))
    step({ status: 'failed', error: { ...failure, causes: [{ name: 'Error', message: 'reset' }] } })
  }
  expect(next()).toEqual({
    type: 'fail',
    error: {
      code: 'PLAN_FAILED',
      message: 'step "a" failed after 1 revised plans: TOOL_FAILED: no network',
      retryable: false,
      causes: [
        { name: 'TOOL_FAILED', message: 'no network' },
        { name: 'Error', message: 'reset' },
      ],
    },
  })
})

test('a reference to what an output does not have fails the step before the tool is called', () => {
  const { step, promptText } = play()
  step(said(plan(search, note)))
  step(done('no hits'))
  const [revised] = step()
  expect(revised).toMatchObject({ key: 'plan-2' })
  expect(promptText(revised)).toContain('TOOL_INPUT_INVALID: there is nothing at {{steps.a.output/hits/0}}')
})

test('a plan that cannot be read gets one more turn, then the run fails', () => {
  const { step, next, promptText } = play()
  step(said('First I search.'))
  const [again] = step(said(plan({ goal: 'x', tool: 'hammer' })))
  expect(again).toMatchObject({ key: 'repair-1', continues: 'plan-0' })
  expect(promptText(again)).toContain('there is no JSON of the form')
  expect(next()).toMatchObject({
    type: 'fail',
    error: { code: 'PLAN_FAILED', message: expect.stringContaining('no tool "hammer"') as string },
  })
})

test('an empty plan answer is left out of the prompt that asks again, a mended plan is carried out', () => {
  const { step, view } = play(undefined, { input: 'Hi.' })
  step(answered([]))
  const [again] = step(said(plan(search)))
  expect(promptOf(view, again as ModelEffect).map(({ role }) => role)).toEqual(['system', 'user', 'user'])
  expect(step(done(1))).toMatchObject([{ kind: 'tool', key: 'step-2' }])
  expect(step()[0]).toMatchObject({ key: 'answer-3', continues: 'repair-1' })
})

test.each([
  ['plan-0', [said('x', 'interrupted')], 'MODEL_INTERRUPTED'],
  ['plan-0', [{ status: 'failed' as const, error: failure }], 'TOOL_FAILED'],
  ['step-1', [said(plan(think)), said('x', 'interrupted')], 'MODEL_INTERRUPTED'],
  ['step-1', [said(plan(think)), { status: 'failed' as const, error: failure }], 'TOOL_FAILED'],
  ['answer-2', [said(plan(think)), said('y'), said('x', 'length')], 'MODEL_ANSWER_INVALID'],
  ['answer-2', [said(plan(think)), said('y'), { status: 'failed' as const, error: failure }], 'TOOL_FAILED'],
])('a model call that fails or breaks off at %s fails the run', (key, outcomes, code) => {
  const { step, next, view } = play()
  for (const outcome of outcomes) step(outcome)
  expect(view.latest[0]?.effect.key).toBe(key)
  expect(next()).toMatchObject({ type: 'fail', error: { code } })
})

test.each([
  ['nothing', answered([]), 'the model answered nothing'],
  ['half an answer', said('It is', 'length'), 'cut at the output limit'],
  ['a withheld answer', said('It is', 'content-filter'), 'withheld'],
])('%s to a question is a failed step', (_name, outcome, why) => {
  const { step, view, promptText } = play()
  step(said(plan(search, think)))
  step(done('found'))
  step(outcome)
  const [revised] = step()
  expect(revised).toMatchObject({ key: 'plan-3', continues: 'plan-0' })
  expect(promptText(revised)).toContain(why)
  // The question's prompt is not part of the conversation any more, so its news are told again.
  expect(promptText(revised)).toContain('gave:\\nfound')
  expect(view.state).toMatchObject({ revisions: 1 })
})

test('an empty answer gets one more turn, then the run fails', () => {
  const { step, next, promptText } = play()
  step(said(plan(think)))
  step(said('So.'))
  step(answered([]))
  const [again] = step(said(' '))
  expect(again).toMatchObject({ key: 'repair-3', continues: 'step-1' })
  expect(promptText(again)).toContain('cannot be used: it is empty')
  expect(next()).toMatchObject({ type: 'fail', error: { code: 'MODEL_ANSWER_INVALID' } })
})

const output = { type: 'object', properties: { a: { type: 'number' } } }

test('a structured answer is asked for at the end only, mended once, and mended again when the engine refuses it', () => {
  const { step, next, history, promptText } = play(undefined, { definition: { output } })
  expect(step(said(plan(think)))[0]).not.toHaveProperty('responseFormat')
  expect(step(said('So.'))[0]).not.toHaveProperty('responseFormat')
  expect(step(said('one'))[0]).toMatchObject({ responseFormat: { type: 'json', schema: output } })
  expect(step(said('{"a":"x"}'))[0]).toMatchObject({ key: 'repair-3', continues: 'answer-2', responseFormat: { type: 'json' } })
  expect(next()).toEqual({ type: 'finish', output: { a: 'x' } })
  history.add({ type: 'output-reject', output: { a: 'x' }, issues: [{ path: '/a', message: 'must be number' }] })
  const [again] = step(said('{"a":1}'))
  expect(again).toMatchObject({ key: 'answer-4', continues: 'repair-3', responseFormat: { type: 'json' } })
  expect(promptText(again)).toContain('- /a: must be number')
  expect(next()).toEqual({ type: 'finish', output: { a: 1 } })
})

test("the last step's output as the answer, and the model's once the engine refused it", () => {
  const planner = planExecutePlanner({ answer: 'last-step' })
  const tool = play(planner, { definition: { output } })
  tool.step(said(plan(search)))
  tool.step(done({ a: 'x' }))
  expect(tool.next()).toEqual({ type: 'finish', output: { a: 'x' } })
  tool.history.add({ type: 'output-reject', output: { a: 'x' }, issues: [{ path: '/a', message: 'must be number' }] })
  const [mended] = tool.step(said('{"a":1}'))
  expect(mended).toMatchObject({ key: 'answer-2', continues: 'plan-0' })
  expect(tool.promptText(mended)).toContain('gave:\\n{\\"a\\":\\"x\\"}\\n\\nThe answer does not fit')
  expect(tool.next()).toEqual({ type: 'finish', output: { a: 1 } })
  const question = play(planner, { definition: { output } })
  question.step(said(plan(think)))
  question.step(said('no JSON'))
  expect(question.next()).toEqual({ type: 'finish', output: 'no JSON' })
  question.history.add({ type: 'output-reject', output: 'no JSON', issues: [{ path: '/', message: 'must be object' }] })
  expect(question.step()[0]).toMatchObject({ key: 'answer-2', continues: 'step-1' })
})

test('a handoff as a step: its output is the output', () => {
  const { step, next } = play(undefined, { definition: { tools: [expert] } })
  step(said(plan({ id: 'a', tool: 'expert', input: { input: 'why?' } }, think)))
  expect(step(done('because'))).toEqual([{ kind: 'run', key: 'step-1', agent: 'expert-agent', input: 'why?', tool: 'expert' }])
  expect(next()).toEqual({ type: 'finish', output: 'because' })
})

test('long results are cut openly, in the prompt and in the state', () => {
  const { step, view, promptText } = play(planExecutePlanner({ resultLimit: 300 }))
  step(said(plan(search)))
  step(done('x'.repeat(1_000)))
  const [answer] = step()
  expect(promptText(answer)).toContain(`${'x'.repeat(300)}\\n[cut here: 700 of 1000 characters left out]`)
  expect((view.state as PlanState).results[0]?.summary).toContain('[cut here: 800 of 1000')
})

test('options: model, texts, limits', () => {
  const planner = planExecutePlanner({ model: 'big', texts: { template: () => 'Plan!', answer: 'Answer!' } })
  const { step, next } = play(planner, { definition: { instructions: undefined, models: ['big'], tools: [] }, input: 'Hi.' })
  expect(next()).toMatchObject({
    effects: [{ kind: 'model', key: 'plan-0', model: 'big', messages: [{ role: 'system', content: 'Plan!' }, { role: 'user' }] }],
  } satisfies Partial<Decision> | object)
  step(said(plan(think)))
  step(said('So.'))
  expect(step()[0]).toMatchObject({ model: 'big', messages: [{ role: 'user', content: [{ type: 'text', text: 'Answer!' }] }] })
  expect(planTemplate({ tools: [], maxSteps: 3 })).toContain('There are no tools.')
  expect(() => planExecutePlanner({ revisions: -1 })).toThrow(/revisions/)
  expect(() => planExecutePlanner({ maxSteps: 0, revisions: 0 })).toThrow(/maxSteps/)
  expect(() => planExecutePlanner({ answer: 'all' as never })).toThrow(/'model' or 'last-step'/)
  expect(planExecutePlanner({ revisions: 3 }).version).not.toBe(planExecutePlanner().version)
})
