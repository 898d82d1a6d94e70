import { describe, expect, test } from 'vitest'
import { fastqScheduler } from '../../../src/plugins/scheduler-fastq/index.ts'
import { memoryStore } from '../../../src/plugins/store-memory/index.ts'
import { agent, callTool, expectCode, guardFile, once, refusal, tool } from '../harness.ts'

guardFile()

const idle = once(callTool('a', 'x'))
const x = tool('x', () => 1)
const subject = agent('subject', idle, { tools: [x] })

describe('limits', () => {
  const bad = [0, -1, Number.NaN, 'many'] as never[]
  const members = ['steps', 'tokens', 'cost', 'durationMs', 'decisions', 'parallel', 'effects', 'depth', 'payload'] as const
  test.each(
    members.flatMap((member) =>
      bad.filter((value) => value !== 0 || member !== 'depth').map((value) => [member, value] as const),
    ),
  )('limits.%s of %s is refused by name', async (member, value) => {
    const error = await expectCode(
      () => agent('subject', idle, { limits: { [member]: value } }),
      'LIMIT_INVALID',
      member,
      'agent "subject"',
    )
    expect(error.details).toEqual({ member })
  })
  test.each(['steps', 'tokens', 'decisions', 'payload', 'parallel', 'effects', 'depth'])(
    'limits.%s of 0.5 is refused',
    async (member) => {
      await expectCode(() => agent('subject', idle, { limits: { [member]: 0.5 } }), 'LIMIT_INVALID', member, /whole number/)
    },
  )
  test('limits that count may be Infinity, those of time and money need not be whole', () => {
    const limits = { steps: Infinity, tokens: Infinity, decisions: Infinity, payload: Infinity, cost: 0.5, durationMs: 0.5 }
    expect(agent('subject', idle, { limits }).limits).toEqual(limits)
  })
  test.each([
    [{ leaseMs: 100, heartbeatMs: 1000 }, /heartbeatMs \(1000\).*leaseMs \(100\)/],
    [{ leaseMs: 9_000 }, /heartbeatMs \(5000\).*leaseMs \(9000\)/],
    [{ heartbeatMs: 8_000 }, /heartbeatMs \(8000\).*leaseMs \(15000\)/],
  ])('timing %j, under which claims run out between heartbeats, is refused', async (timing, text) => {
    const error = await refusal({ timing })
    expect(error).toMatchObject({ code: 'LIMIT_INVALID', message: expect.stringMatching(text) as string })
  })
  test.each([-1, Number.NaN, 'many'] as never[])('limits.repairs of %s is refused', async (repairs) => {
    await expectCode(() => agent('subject', idle, { limits: { repairs } }), 'LIMIT_INVALID', 'repairs')
  })
  test('limits.depth may be 0: no children at all', () => {
    expect(agent('subject', idle, { limits: { depth: 0 } }).limits.depth).toBe(0)
  })
  test('limits.repairs may be 0', () => {
    expect(agent('subject', idle, { limits: { repairs: 0 } }).limits.repairs).toBe(0)
  })
  test.each([null, 5, 'many'] as never[])('limits of %s are refused', async (limits) => {
    await expectCode(() => agent('subject', idle, { limits }), 'LIMIT_INVALID')
  })
  test('a misspelt limit is named: it must not pass as none', async () => {
    await expectCode(() => agent('subject', idle, { limits: { token: 5 } as never }), 'LIMIT_INVALID', /"token".*tokens/)
  })
  test.each((['concurrency', 'modelTimeoutMs'] as const).flatMap((member) => bad.map((value) => [member, value] as const)))(
    "an agent's %s of %s is refused",
    async (member, value) => {
      await expectCode(() => agent('subject', idle, { [member]: value }), 'LIMIT_INVALID', member)
    },
  )
  test.each((['attempts', 'baseMs', 'maxMs'] as const).flatMap((member) => bad.map((value) => [member, value] as const)))(
    "an agent's and a tool's retry.%s of %s is refused",
    async (member, value) => {
      await expectCode(() => agent('subject', idle, { retry: { [member]: value } }), 'LIMIT_INVALID', member)
      await expectCode(() => tool('x', () => 1, { retry: { [member]: value } }), 'LIMIT_INVALID', member)
    },
  )
  test.each((['timeoutMs', 'concurrency'] as const).flatMap((member) => bad.map((value) => [member, value] as const)))(
    "a tool's %s of %s is refused",
    async (member, value) => {
      await expectCode(() => tool('x', () => 1, { [member]: value }), 'LIMIT_INVALID', member, 'tool "x"')
    },
  )
  test.each([...bad, 1.5 as never])("the orchestrator's concurrency of %s is refused", async (concurrency) => {
    expect((await refusal({ concurrency })).code).toBe('LIMIT_INVALID')
  })
  test.each(
    (['leaseMs', 'heartbeatMs', 'sweepMs', 'parkMs', 'cancelMs', 'decideMs', 'toolMs', 'modelMs'] as const).flatMap((member) =>
      [-1, Number.NaN, 'many', Infinity].map((value) => [member, value as never] as const),
    ),
  )('timing.%s of %s is refused by name', async (member, value) => {
    const error = await refusal({ timing: { [member]: value } })
    expect(error.code).toBe('LIMIT_INVALID')
    expect(error.message).toMatch(member)
  })
  test('a misspelt member of timing is named', async () => {
    expect((await refusal({ timing: { sweep: 5 } as never })).message).toMatch('sweep')
  })
  test.each([...bad, Infinity as never])('policy.approvalMs of %s is refused: approvals expire', async (approvalMs) => {
    const error = await refusal({ policy: { rules: [], approvalMs } })
    expect(error).toMatchObject({ code: 'LIMIT_INVALID', message: expect.stringContaining('approvalMs') as string })
  })
  test.each([...bad, 0.5, Infinity] as never[])('settings.maxOutputTokens of %s is refused', async (maxOutputTokens) => {
    const settings = { maxOutputTokens }
    await expectCode(() => agent('subject', idle, { settings }), 'LIMIT_INVALID', 'maxOutputTokens', 'agent "subject"')
  })
  test.each([-1, Number.NaN, 'many', undefined] as never[])('a price of %s is refused with its row', async (input) => {
    const error = await refusal({ prices: { 'test/m': { input, output: 1 } } })
    expect(error.code).toBe('LIMIT_INVALID')
    expect(error.message).toMatch('test/m')
  })
  test.each([['x'], [[]], [[5]], [['']], [null]] as never[][])('queues of %j are refused', async (queues) => {
    expect((await refusal({ queues: queues as never })).code).toBe('OPTIONS_INVALID')
  })
  test.each(bad)("the store's and the scheduler's capacity of %s is refused", async (capacity) => {
    await expectCode(() => memoryStore({ capacity }), 'LIMIT_INVALID', 'capacity')
    await expectCode(() => fastqScheduler({ capacity }), 'LIMIT_INVALID', 'capacity')
  })
  test.each([
    ['limits', { limits: { steps: -1 } }],
    ['concurrency', { concurrency: Number.NaN }],
    ['modelTimeoutMs', { modelTimeoutMs: 'x' }],
    ['retry', { retry: { attempts: 0 } }],
  ])('an agent written as plain data is checked like one that was defined: %s', async (name, more) => {
    const error = await refusal({ agents: [{ ...subject, ...more } as never] })
    expect(error.code).toBe('LIMIT_INVALID')
    expect(error.message).toMatch(name === 'limits' ? 'steps' : name === 'retry' ? 'attempts' : name)
  })
  test.each([
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['concurrency', { concurrency: 0 }],
    ['attempts', { retry: { attempts: -1 } }],
  ])('a tool written as plain data is checked like one that was defined: %s', async (name, more) => {
    const error = await refusal({ plugins: [{ ...x, ...more } as never] })
    expect(error.code).toBe('LIMIT_INVALID')
    expect(error.message).toMatch(name)
  })
})
