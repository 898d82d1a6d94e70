/** `__proto__` as a member of its own, as `JSON.parse` makes it, in what somebody hands in: refused by name, never followed. */
import { expect, test } from 'vitest'
import { createOrchestrator, defineAgent, defineTool, type ErrorCode, type Orchestrator } from '../../../src/index.ts'
import { anything, expectCode, expectHealthy, guardFile, hostile } from '../harness.ts'
import { finish, opened, waiting } from './subjects.ts'

guardFile()

/** The same, and that member. */
function beside<T extends object>(members: T): T {
  const value = { polluted: 'yes' }
  return Object.defineProperty({ ...members }, '__proto__', { value, enumerable: true, configurable: true, writable: true })
}

const made = (options: object): Promise<unknown> => createOrchestrator({ announce: false, ...options } as never)
const put = (ops: Orchestrator, more: object): Promise<unknown> =>
  ops.schedules.put({ name: 'nightly', agent: 'echo', every: '1h', ...more } as never)

test.each<[string, ErrorCode, (ops: Orchestrator) => unknown]>([
  ['options of an orchestrator', 'OPTIONS_INVALID', () => createOrchestrator(beside({ announce: false } as const))],
  ['timing', 'OPTIONS_INVALID', () => made({ timing: beside({}) })],
  ['a price table', 'OPTIONS_INVALID', () => made({ prices: beside({}) })],
  ['a price', 'OPTIONS_INVALID', () => made({ prices: { m: beside({ input: 1, output: 1 }) } })],
  ['a policy', 'OPTIONS_INVALID', () => made({ policy: beside({ rules: [] }) })],
  ['a rule', 'OPTIONS_INVALID', () => made({ policy: { rules: [beside({ verdict: 'deny' })] } })],
  ['arguments of a rule', 'OPTIONS_INVALID', () => made({ policy: { rules: [{ verdict: 'deny', arguments: beside({}) }] } })],
  ['an agent', 'AGENT_INVALID', () => defineAgent(beside({ name: 'a', planner: finish }))],
  ['limits of an agent', 'LIMIT_INVALID', () => defineAgent({ name: 'a', planner: finish, limits: beside({}) })],
  ['a tool', 'OPTIONS_INVALID', () => defineTool(beside({ name: 't', description: '', input: anything, execute: () => 1 }))],
  [
    'a retry policy',
    'OPTIONS_INVALID',
    () => defineTool({ name: 't', description: '', input: anything, execute: () => 1, retry: beside({}) }),
  ],
  ['options of a start', 'OPTIONS_INVALID', (ops) => ops.start('echo', 'x', beside({}))],
  ['limits of a start', 'LIMIT_INVALID', (ops) => ops.start('echo', 'x', { limits: beside({}) })],
  ['a caller', 'OPTIONS_INVALID', (ops) => ops.start('echo', 'x', { caller: beside({ principal: 'ada' }) })],
  ['options of a fork', 'OPTIONS_INVALID', async (ops) => ops.fork((await ops.start('echo', 'x')).id, beside({}))],
  [
    'the input of a fork',
    'JSON_INVALID',
    async (ops) => ops.fork((await ops.start('echo', 'x')).id, { afterSeq: 1, input: { a: hostile() } }),
  ],
  ['a filter', 'OPTIONS_INVALID', (ops) => ops.list(beside({}))],
  ['a page', 'OPTIONS_INVALID', (ops) => ops.list({}, beside({}))],
  ['options of a pause', 'OPTIONS_INVALID', async (ops) => (await waiting(ops, 'waits')).pause('', beside({}))],
  ['an answer', 'OPTIONS_INVALID', async (ops) => (await waiting(ops, 'asks')).approve('pay', beside({ by: 'ada' }))],
  ['a schedule', 'SCHEDULE_INVALID', (ops) => put(ops, beside({}))],
  ['the input of a schedule', 'JSON_INVALID', (ops) => put(ops, { input: hostile() })],
  ['what a schedule starts with', 'SCHEDULE_INVALID', (ops) => put(ops, { start: beside({}) })],
])('in %s', async (_what, code, hand) => {
  const ops = await opened()
  await expectCode(() => hand(ops), code, '__proto__')
  expect((await ops.schedules.list()).schedules).toEqual([])
  await expectHealthy(ops)
})
