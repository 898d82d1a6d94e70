import { expect, test } from 'vitest'
import type { Planner } from '../../core/index.ts'
import { type PlannerPlay, answered, done, playPlanner, said } from '../../testing/planner-play.ts'
import type { PlannerScenario } from '../../testing/planner-scenario.ts'
import { expert, toolCall } from '../../../test/fixtures/planner-parts.ts'
import { repairMessage, toolsPlanner, toolsTexts } from './index.ts'

const play = (planner: Planner = toolsPlanner(), scenario: Partial<PlannerScenario> = {}): PlannerPlay =>
  playPlanner(planner, scenario)

const output = { type: 'object', properties: { a: { type: 'number' } } }

test('a structured output is asked for, and read from JSON, from a fence, from text kept apart', () => {
  const { step, next } = play(undefined, { definition: { output } })
  expect(step(said('```json\n{"a": 1}\n```'))[0]).toMatchObject({
    responseFormat: { type: 'json', name: 'output', schema: output },
  })
  expect(next()).toEqual({ type: 'finish', output: { a: 1 } })
  const apart = play(undefined, { definition: { output } })
  apart.step(answered([{ type: 'text', text: 'chatter' }], 'stop', { structuredOutputText: '{"a":2}' }))
  expect(apart.next()).toEqual({ type: 'finish', output: { a: 2 } })
})

test('text where JSON is wanted gets one more turn, then the run fails', () => {
  const { step, next, promptText } = play(undefined, { definition: { output } })
  step(said('one'))
  const [again] = step(said('still one'))
  expect(again).toMatchObject({ key: 'repair-1', continues: 'model-0', responseFormat: { type: 'json' } })
  expect(promptText(again)).toContain(toolsTexts.notJson)
  expect(next()).toMatchObject({ type: 'fail', error: { code: 'MODEL_ANSWER_INVALID' } })
})

test('a schema of type string is fulfilled by plain text', () => {
  const { step, next } = play(undefined, { definition: { output: { type: 'string' } } })
  expect(step(said('plain'))[0]).not.toHaveProperty('responseFormat')
  expect(next()).toEqual({ type: 'finish', output: 'plain' })
})

test('an output that the engine refused goes back to the model with the issues', () => {
  const { step, next, history, promptText } = play(undefined, { definition: { output } })
  step(said('{"a":"x"}'))
  expect(next()).toMatchObject({ type: 'finish' })
  history.add({ type: 'output-reject', output: { a: 'x' }, issues: [{ path: '/a', message: 'must be number' }] })
  const [again] = step(said('{"a":1}'))
  expect(again).toMatchObject({ key: 'model-1', continues: 'model-0', responseFormat: { type: 'json' } })
  expect(promptText(again)).toContain('- /a: must be number')
  expect(next()).toEqual({ type: 'finish', output: { a: 1 } })
  expect(repairMessage([{ path: '/a', message: 'bad' }])).toContain('- /a: bad')
})

test('an output of a handoff that the engine refused goes to the model that handed over', () => {
  const { step, history, promptText } = play(undefined, { definition: { output, tools: [expert] } })
  step(answered([toolCall('c1', 'expert')]))
  step(done('text'))
  history.add({ type: 'output-reject', output: 'text', issues: [{ path: '/', message: 'must be object' }] })
  const [again] = step()
  expect(again).toMatchObject({ continues: 'model-0', results: ['tool-1-0'] })
  expect(promptText(again)).toContain('must be object')
})
