import { describe, expect, test } from 'vitest'
import {
  agent,
  callTool,
  ended,
  expectCode,
  gate,
  guardFile,
  historyOf,
  hostile,
  manualClock,
  once,
  open,
  plan,
  tool,
  turns,
} from '../harness.ts'
import { opened, waiting } from './subjects.ts'

guardFile()

describe('approvals', () => {
  test('given twice: the second is told that it was decided', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await run.approve('pay', { by: 'ada' })
    await expectCode(() => run.approve('pay', { by: 'bob' }), 'APPROVAL_DECIDED', 'pay')
    expect(await run.result).toEqual({ status: 'completed', output: 'paid' })
    await historyOf(run)
  })
  test('given twice at the same moment: one counts', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    const both = await Promise.allSettled([run.approve('pay', { by: 'ada' }), run.deny('pay', { by: 'bob' })])
    expect(both.map((one) => one.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    await run.result
    const responses = (await historyOf(run)).filter((event) => event.type === 'approval-response')
    expect(responses).toHaveLength(1)
  })
  test('denied after it was approved is told that it was decided', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await run.approve('pay', { by: 'ada' })
    await run.result
    await expectCode(() => run.deny('pay', { by: 'bob' }), 'APPROVAL_DECIDED', 'pay')
  })
  test.each(['nope', '', '__proto__', 'constructor'])('of the key %j are unknown', async (key) => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await expectCode(() => run.approve(key, { by: 'ada' }), 'APPROVAL_UNKNOWN', key)
  })
  test('before the run asked for any are unknown', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await expectCode(() => run.approve('w', { by: 'ada' }), 'APPROVAL_UNKNOWN')
  })
  test.each([undefined, null, {}, { by: '' }, { by: 5 }] as never[])(
    'answered by %j are refused and stay open',
    async (answer) => {
      const ops = await opened()
      const run = await waiting(ops, 'asks')
      await expectCode(() => run.approve('pay', answer), 'OPTIONS_INVALID', 'by')
      expect(await run.approvals()).toMatchObject([{ key: 'pay', tool: 'pay', input: { sum: 5 } }])
    },
  )
  test.each([
    ['a bigint', 10n],
    ['a map', new Map()],
    ['__proto__', hostile()],
    ['an object', { a: 1 }],
  ] as [string, never][])('whose reason is no text are refused or recorded as text: %s', async (_name, reason) => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await run.approve('pay', { by: 'ada', reason }).catch(() => run.approve('pay', { by: 'ada' }))
    await run.result
    const response = (await historyOf(run)).find((event) => event.type === 'approval-response')
    expect(typeof (response as { reason?: unknown } | undefined)?.reason).toMatch(/string|undefined/)
  })
  test('of a run that has ended are refused', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    await expectCode(() => run.approve('pay', { by: 'ada' }), 'APPROVAL_UNKNOWN', 'pay')
  })
})

describe('signals', () => {
  test('to a finished run are refused', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    await expectCode(() => run.signal('go'), 'RUN_FINISHED', run.id)
  })
  test.each([
    'opspawn.cancel',
    'opspawn.approval',
    'opspawn.child-end',
    'opspawn.',
    'opspawn.x',
    '',
    ' ',
    'a b',
    '\n',
    'ü',
    `${'x'.repeat(129)}`,
  ])('of the name %j are refused (S10)', async (name) => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await expectCode(() => run.signal(name), 'SIGNAL_INVALID')
    await run.signal('go')
    expect(await run.result).toEqual({ status: 'completed', output: 'went' })
  })
  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an object', {}],
    ['a list', []],
  ] as [string, never][])('of a name that is no text are refused: %s', async (_name, name) => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await expectCode(() => run.signal(name), 'SIGNAL_INVALID')
  })
  test.each([
    ['a bigint', 10n, 'JSON_INVALID'],
    ['a map', new Map(), 'JSON_INVALID'],
    ['__proto__', hostile(), 'JSON_INVALID'],
    ['ten megabytes', 'x'.repeat(10_000_000), 'PAYLOAD_TOO_LARGE'],
  ] as const)('whose payload is %s are refused, and the run goes on waiting', async (_name, payload, code) => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await expectCode(() => run.signal('go', payload as never), code)
    await run.signal('go')
    expect(await run.result).toEqual({ status: 'completed', output: 'went' })
    await historyOf(run)
  })
  test('of one id count once (S10)', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await run.signal('other', 1, { id: 'same' })
    await run.signal('go', 2, { id: 'same' })
    await turns()
    expect((await ops.record(run.id)).outcome).toBeUndefined()
    await run.cancel()
    await run.result
  })
  test.each([
    ['empty', ''],
    ['a number', 5],
    ['null', null],
    ['an object', {}],
    ['ten thousand characters', 'x'.repeat(10_000)],
  ] as [string, never][])('of an id that is none are refused: %s', async (_name, id) => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await expectCode(() => run.signal('go', 1, { id }), 'SIGNAL_INVALID', 'signal id')
  })
  test.each([null, 'same', { ID: 'same' }] as never[])(
    'with options of %j are refused: a misspelt id must not pass as none',
    async (options) => {
      const ops = await opened()
      const run = await waiting(ops, 'waits')
      await expectCode(() => run.signal('go', 1, options), 'OPTIONS_INVALID', /signal, options/)
      expect((await ops.record(run.id)).status).toBe('waiting')
    },
  )
  test("whose id is the engine's own for cancelling do not take cancelling away (S11)", async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    await run.signal('other', 1, { id: 'cancel' })
    await turns()
    await run.cancel('enough')
    await turns()
    expect((await ops.record(run.id)).outcome?.status).toBe('cancelled')
  })
  test("whose id is the engine's own for an approval do not take the approval away", async () => {
    const ops = await opened()
    const run = await waiting(ops, 'asks')
    await run.signal('other', 1, { id: 'approval:pay' })
    await turns()
    await run.approve('pay', { by: 'ada' })
    expect(await run.result).toEqual({ status: 'completed', output: 'paid' })
  })
  test("whose id is the engine's own for a child's end do not lose the child's outcome (S10)", async () => {
    const child = agent(
      'child',
      plan((run) =>
        run.decisions === 0 ? { type: 'act', effects: [callTool('a', 'slow')] } : { type: 'finish', output: 'grown' },
      ),
      {
        tools: [tool('slow', () => held.promise)],
      },
    )
    const parent = agent('parent', once({ kind: 'run', key: 'c', agent: 'child', input: 'x' }), { agents: [child] })
    const held = gate<number>()
    const ops = await open({ agents: [parent, child] })
    const run = await ops.start('parent', 'go')
    await turns()
    const [record] = (await ops.list({ parentId: run.id })).runs
    await run.signal('other', 1, { id: `child-end:${record?.runId}` })
    await turns()
    held.open(1)
    await turns()
    expect((await ops.record(run.id)).outcome).toEqual({ status: 'completed', output: 'done' })
  })
  test('sent early are kept and consumed once (S10)', async () => {
    const twice = agent(
      'twice',
      plan((run) => {
        if (run.open > 0) return { type: 'idle' }
        if (run.decisions === 2) return { type: 'finish', output: run.settled.map((record) => record.outcome?.status ?? '') }
        const deadlineMs = 1000
        return {
          type: 'act',
          effects: [{ kind: 'wait', key: `w${run.decisions}`, for: { type: 'signal', name: 'go', deadlineMs } }],
        }
      }),
    )
    const clock = manualClock()
    const ops = await open({ agents: [twice], clock })
    const run = await ops.start('twice', 'go', { dueAt: clock.now() + 5000 })
    await run.signal('go')
    expect(await ended(run, clock)).toEqual({ status: 'completed', output: ['completed', 'failed'] })
    await historyOf(run)
  })
})
