import { expect, test } from 'vitest'
import { type Schema, userMessage } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  errorOf,
  expectFailure,
  guardFile,
  modelOf,
  once,
  plan,
  play,
  providerError,
  refusal,
  tool,
} from './harness.ts'

guardFile()

test('a failure of a model names the model, its provider and the status', async () => {
  const model = modelOf(() => {
    throw providerError('bad key', { statusCode: 401, isRetryable: false })
  })
  const played = await play(agent('subject', once(callModel('m', { messages: [userMessage('go')] })), { model }))
  expectFailure(played.effect('m'), 'MODEL_FAILED', /^model test\/m failed with status 401: .*bad key/)
  const bare = modelOf(() => {
    throw new Error('no idea')
  })
  const other = await play(agent('subject', once(callModel('m')), { model: bare }))
  expectFailure(other.effect('m'), 'MODEL_FAILED', /^model test\/m failed: no idea/)
})

test('a result that is not JSON is said to be so once', async () => {
  const played = await play(agent('subject', once(callTool('a', 't')), { tools: [tool('t', () => ({ n: 10n }))] }))
  const { message } = errorOf(played.effect('a'))
  expect(message).toBe('the result of tool "t" cannot be recorded: a bigint at /n is not JSON; convert it first')
})

test('a decision that cannot be recorded names the member that is to blame', async () => {
  const played = await play(
    agent(
      'subject',
      plan(() => ({ type: 'finish', output: 1, state: { n: 10n } })),
    ),
  )
  expectFailure(played.outcome, 'PLANNER_DECISION_INVALID', /cannot be recorded, because of its state: a bigint at \/n/)
})

test("a schema that is refused is refused in our words, without a class's name", async () => {
  const error = await refusal({
    agents: [agent('subject', undefined, { model: modelOf(() => 1), output: { type: 'text' } as Schema })],
  })
  expect(error.code).toBe('SCHEMA_NOT_CONVERTIBLE')
  expect(error.message).toMatch('#/type is "text"')
  expect(error.message).not.toMatch('TypeError')
})

test('a list in the list of plugins is called one', async () => {
  const { code, message } = await refusal({ plugins: [[tool('t', () => 1)] as never] })
  expect(`${code} ${message}`).toMatch(/^PLUGIN_INVALID .*found a list; put what it holds/)
})
