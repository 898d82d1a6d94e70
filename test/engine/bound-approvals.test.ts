import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAgent, type Json } from '../../src/index.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { call, child, gate, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeAt, outcomeOf, settle, until, world } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'
import { asked, clerk } from './support/clerk.ts'

afterEach(closeAll)

const HOUR = 3_600_000

describe('time and binding', () => {
  test('an approval that nobody answers expires and the body is never entered', async () => {
    const { ops, clock, run, tool } = await asked(undefined, { policy: { rules: [], approvalMs: HOUR } })
    await clock.advance(HOUR - 1)
    expect(await run.approvals()).toHaveLength(1)
    await clock.advance(1)
    expect(await outcomeOf(clock, run)).toMatchObject({ output: ['denied: APPROVAL_EXPIRED'] })
    expect(tool.calls).toHaveLength(0)
    expect(outcomeAt(await historyOf(ops, run.id), 'it')?.status).toBe('denied')
  })

  test('an expired approval cannot be given any more', async () => {
    const second = [call('other', {}, 'other')]
    const tool = noting('send', undefined, { approval: true })
    const other = noting('other', undefined, { approval: true })
    const agent = defineAgent({
      name: 'clerk',
      tools: [tool, other],
      planner: stepsPlanner([call('send', {}, 'it')], second),
    })
    const { ops, clock } = await world({ agents: [agent], policy: { rules: [], approvalMs: HOUR } })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await clock.advance(HOUR)
    await expect(run.approve('it', { by: 'ada' })).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    expect(tool.calls).toHaveLength(0)
  })

  test('an answer after the deadline is refused even where no worker has noticed the deadline yet', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const agent = clerk(noting('send', undefined, { approval: true }))
    const first = await world({ agents: [agent], store: sharedStore(store), clock })
    const run = await first.ops.start(agent, 'go')
    await until(first.clock, 'it asks', async () => (await run.approvals()).length === 1)
    await first.ops.drain(10)
    // Only looks: it works on nothing, so nobody has written the expiry down.
    const late = await world({ agents: [agent], store: sharedStore(store), clock, work: false })
    await first.clock.advance(25 * HOUR)
    const handle = await late.ops.run(run.id)
    await expect(handle.approve('it', { by: 'ada' })).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
  })

  test('an answer is bound to the exact arguments: its hash in the history is that of tool and input', async () => {
    const tool = noting('send', undefined, { approval: true })
    const effects = [call('send', { to: 'ada' }, 'a'), call('send', { to: 'eve' }, 'b'), call('send', { to: 'ada' }, 'c')]
    const agent = defineAgent({ name: 'clerk', tools: [tool], planner: stepsPlanner(effects) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 3)
    for (const key of ['a', 'b', 'c']) await run.deny(key, { by: 'ada' })
    await outcomeOf(clock, run)
    const [a, b, c] = ofType(await historyOf(ops, run.id), 'approval-request')
    expect(a?.hash).toBe(c?.hash)
    expect(a?.hash).not.toBe(b?.hash)
  })

  test('an answer that carries the hash of other arguments changes nothing', async () => {
    const time = manualClock()
    const store = memoryStore({ clock: time })
    const { run, clock, tool } = await asked(undefined, { store, clock: time })
    await store.signal(run.id, {
      id: 'forged',
      name: 'opspawn.approval',
      payload: { key: 'it', hash: 'of something else', approved: true, by: 'eve' },
    })
    await clock.advance(2000)
    expect(tool.calls).toHaveLength(0)
    expect(await run.approvals()).toHaveLength(1)
  })
})

describe('what the schema makes of the arguments', () => {
  /** A run that waits for a person, of a tool with a schema of its own. */
  async function askedWith(schema: object, input: Json = {}) {
    const send = noting('send', undefined, { approval: true })
    const agent = defineAgent({
      name: 'clerk',
      tools: [{ ...send, input: schema } as never],
      planner: stepsPlanner([call('send', input, 'it')]),
    })
    const time = manualClock()
    const store = sharedStore(memoryStore({ clock: time }))
    const made = await world({ agents: [agent], store, clock: time })
    const run = await made.ops.start(agent, 'go')
    await until(made.clock, 'it asks', async () => (await run.approvals()).length === 1)
    return { ...made, run, calls: send.calls, agent, store }
  }

  test('the person is shown what the body will get, and the answer is bound to it', async () => {
    const schema = z.object({ amount: z.coerce.number().default(5000) })
    const first = await askedWith(schema)
    expect((await first.run.approvals())[0]?.input).toEqual({ amount: 5000 })
    await first.run.approve('it', { by: 'ada' })
    expect(await outcomeOf(first.clock, first.run)).toMatchObject({ output: ['send done'] })
    expect(first.calls[0]?.input).toEqual({ amount: 5000 })
    const second = await askedWith(schema, { amount: '5000' })
    const hashes = [first, second].map(async ({ ops, run }) => {
      for await (const event of (await ops.run(run.id)).events()) if (event.type === 'approval-request') return event.hash
      return undefined
    })
    expect(await hashes[0]).toBe(await hashes[1])
  })

  test('an answer counts after another worker took the run over', async () => {
    const { ops, clock, run, calls, agent, store } = await askedWith(z.object({ amount: z.coerce.number().default(5000) }))
    await ops.drain(10)
    const late = await world({ agents: [agent], store, clock })
    const handle = await late.ops.run(run.id)
    expect((await handle.approvals())[0]?.input).toEqual({ amount: 5000 })
    await handle.approve('it', { by: 'ada' })
    expect(await outcomeOf(clock, handle)).toMatchObject({ output: ['send done'] })
    expect(calls.map(({ input }) => input)).toEqual([{ amount: 5000 }])
  })

  test('a schema that makes other arguments than those that were approved does not get the call made', async () => {
    let draw = 1
    const { clock, run, calls } = await askedWith(z.object({ amount: z.number().default(() => (draw += 1)) }))
    await run.approve('it', { by: 'ada' })
    expect(await outcomeOf(clock, run)).toMatchObject({ output: ['failed: TOOL_INPUT_INVALID'] })
    expect(calls).toHaveLength(0)
  })

  test('a call whose schema was still at work when the worker stopped is judged by the next one', async () => {
    const slow = gate<{ value: unknown }>()
    let checks = 0
    const send = noting('send', undefined, { approval: true })
    const validate = (value: unknown): unknown => (checks++ === 0 ? slow.promise : { value })
    const input = { validator: { '~standard': { version: 1, vendor: 'test', validate } }, jsonSchema: { type: 'object' } }
    const planned = stepsPlanner([call('send', {}, 'it')])
    const agent = defineAgent({ name: 'clerk', tools: [{ ...send, input } as never], planner: planned })
    const time = manualClock()
    const store = sharedStore(memoryStore({ clock: time }))
    const { ops, clock } = await world({ agents: [agent], store, clock: time })
    const run = await ops.start(agent, 'go')
    await until(clock, 'the schema is at work', () => checks === 1)
    const draining = ops.drain(10)
    await clock.advance(1000)
    await draining
    const next = await world({ agents: [agent], store, clock: time })
    await clock.advance(1000)
    const handle = await next.ops.run(run.id)
    expect(await handle.approvals()).toHaveLength(1)
    expect(send.calls).toHaveLength(0)
  })
})

describe('several calls at once', () => {
  test('approved, denied and free calls of one decision all come through', async () => {
    const free = noting('free')
    const send = noting('send', ({ to }) => `sent to ${to as string}`, { approval: true, effect: 'unsafe' })
    const model = scriptedModel([
      {
        toolCalls: [
          { name: 'send', input: { to: 'ada' } },
          { name: 'free', input: {} },
          { name: 'send', input: { to: 'eve' } },
          { name: 'free', input: {} },
        ],
      },
      { text: 'done', expect: { toolResults: ['sent to ada', 'free done', /refused/, 'free done'] } },
    ])
    const agent = defineAgent({ name: 'clerk', model, tools: [free, send] })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'both ask and the rest is done', async () => {
      return (await run.approvals()).length === 2 && (await ops.record(run.id)).status === 'waiting'
    })
    expect(free.calls).toHaveLength(2)
    const [ada, eve] = await run.approvals()
    await run.deny(eve?.key ?? '', { by: 'ada' })
    await settle(clock)
    expect(send.calls).toHaveLength(0)
    await run.approve(ada?.key ?? '', { by: 'ada' })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: 'done' })
    model.assertComplete()
    expect(free.calls).toHaveLength(2)
    expect(send.calls).toHaveLength(1)
  })

  test('an approval that is given while a call beside it still runs is not lost', async () => {
    const busy = gate<string>()
    const slow = noting('slow', () => busy.promise)
    const send = noting('send', undefined, { approval: true })
    const agent = defineAgent({ name: 'clerk', tools: [slow, send], planner: stepsPlanner([call('slow'), call('send')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await run.approve('send', { by: 'ada' })
    await until(clock, 'the approved call is made', () => send.calls.length === 1)
    busy.open('slow done')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['slow done', 'send done'] })
  })

  test('two answers at the same moment both count', async () => {
    const send = noting('send', undefined, { approval: true })
    const agent = defineAgent({
      name: 'clerk',
      tools: [send],
      planner: stepsPlanner([call('send', {}, 'a'), call('send', {}, 'b')]),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'both ask', async () => (await run.approvals()).length === 2)
    await Promise.all([run.approve('a', { by: 'ada' }), run.approve('b', { by: 'bob' })])
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['send done', 'send done'] })
  })
})

describe('in runs below', () => {
  /** A root, a child and a grandchild that each wait for a person. */
  async function tree() {
    const send = noting('send', undefined, { approval: true })
    const waits = call('send', { to: 'ada' }, 'it')
    const leaf = defineAgent({ name: 'leaf', tools: [send], planner: stepsPlanner([waits]) })
    const middle = defineAgent({ name: 'middle', tools: [send], agents: [leaf], planner: stepsPlanner([child('leaf'), waits]) })
    const root = defineAgent({ name: 'root', tools: [send], agents: [middle], planner: stepsPlanner([child('middle'), waits]) })
    const made = await world({ agents: [root, middle, leaf] })
    const run = await made.ops.start(root, 'go')
    await until(made.clock, 'all ask', async () => (await run.approvals()).length === 3)
    return { ...made, run, send }
  }

  test('what waits below a run is listed with the run that waits, its own first', async () => {
    const { ops, run } = await tree()
    const pending = await run.approvals()
    expect(pending.map(({ agent, key }) => [agent, key])).toEqual([
      ['root', 'it'],
      ['middle', 'it'],
      ['leaf', 'it'],
    ])
    for (const { runId, agent } of pending) expect((await ops.record(runId)).agent).toBe(agent)
    const middle = await ops.run(pending[1]?.runId ?? '')
    expect((await middle.approvals()).map(({ agent }) => agent)).toEqual(['middle', 'leaf'])
  })

  test('each is answered on a handle of its run, and another run of the store stays out of it', async () => {
    const { ops, clock, run, send } = await tree()
    const other = await ops.start('root', 'go')
    await until(clock, 'the other asks', async () => (await other.approvals()).length === 3)
    expect(await run.approvals()).toHaveLength(3)
    for (const { runId, key } of (await run.approvals()).toReversed()) await (await ops.run(runId)).approve(key, { by: 'ada' })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [[['send done'], 'send done'], 'send done'] })
    expect(send.calls).toHaveLength(3)
    expect(await run.approvals()).toEqual([])
    expect(await other.approvals()).toHaveLength(3)
  })

  test('a key that only a run below knows is refused with where to answer', async () => {
    const send = noting('send', undefined, { approval: true })
    const leaf = defineAgent({ name: 'leaf', tools: [send], planner: stepsPlanner([call('send', {}, 'it')]) })
    const root = defineAgent({ name: 'root', agents: [leaf], planner: stepsPlanner([child('leaf')]) })
    const { ops, clock } = await world({ agents: [root, leaf] })
    const run = await ops.start(root, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await expect(run.approve('it', { by: 'ada' })).rejects.toMatchObject({
      code: 'APPROVAL_UNKNOWN',
      message: expect.stringContaining('is answered there, by its id: pending.runId') as string,
    })
  })
})
