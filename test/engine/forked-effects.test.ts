/** Which effects a fork may do again, and which stay done. */
import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type Effect } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, child, gate, never, noting } from './support/parts.ts'
import { closeAll, historySoFar, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { cuttable, memoryStore, sharedStore } from './support/wrappers.ts'
import { fragile, strict } from './support/forks.ts'

afterEach(closeAll)

describe('what may be done again', () => {
  test('an approval was for the other run: the fork asks anew', async () => {
    const { tool, mend } = fragile('pay', { approval: true })
    const good = noting('good')
    const agent = defineAgent({ name: 'a', tools: [good, tool], planner: strict([call('good'), call('pay')]) })
    const { ops, clock } = await world({ agents: [agent], policy: { rules: [], approvalMs: 10_000 } })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await run.approve('pay', { by: 'ada' })
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    mend()
    await clock.advance(20_000)
    const fork = await ops.fork(run.id)
    await clock.advance(5000)
    expect(tool.calls).toHaveLength(1)
    expect(await fork.approvals()).toMatchObject([{ kind: 'approval', key: 'pay' }])
    await fork.approve('pay', { by: 'ada' })
    expect(await outcomeOf(clock, fork)).toEqual({ status: 'completed', output: ['good done', 'pay done'] })
  })

  test('a question that nobody had answered is asked anew, with its whole time', async () => {
    const question: Effect = { kind: 'wait', key: 'ok', for: { type: 'approval', question: 'Go on?', deadlineMs: 10_000 } }
    const good = noting('good')
    const agent = defineAgent({ name: 'a', tools: [good], planner: strict([call('good'), question]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'APPROVAL_EXPIRED' } })
    const fork = await ops.fork(run.id)
    await clock.advance(9000)
    await fork.approve('ok', { by: 'ada' })
    expect(await outcomeOf(clock, fork)).toMatchObject({ status: 'completed' })
    expect(good.calls).toHaveLength(1)
  })

  test('the rules of today hold: what is denied now is denied', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const agent = defineAgent({ name: 'a', tools: [good, tool], planner: strict([call('good'), call('bad', { n: 1 })]) })
    const before = await world({ agents: [agent], clock, store: sharedStore(store) })
    const run = await before.ops.start(agent, 'go')
    await outcomeOf(clock, run)
    await before.ops.drain(1)
    mend()
    const rules = [{ verdict: 'deny', tool: 'bad', arguments: { '/n': { equals: 1 } } } as const]
    const { ops } = await world({ agents: [agent], clock, store: sharedStore(store), policy: { rules } })
    const outcome = await outcomeOf(clock, await ops.fork(run.id, { runId: 'fork' }))
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'POLICY_DENIED' } })
    expect(tool.calls).toHaveLength(1)
  })

  test.each([
    [{}, 1, 'EFFECT_UNKNOWN'],
    [{ repeatUnknown: true }, 2, undefined],
  ])('an unsafe call that may have happened, with %j: the body is entered %i times', async (options, count, code) => {
    const pay = noting('pay', (_input, { runId }) => (runId === 'old' ? never() : 'paid'), { effect: 'unsafe' })
    const good = noting('good')
    const agent = defineAgent({ name: 'a', tools: [good, pay], planner: strict([call('good'), call('pay')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go', { runId: 'old' })
    await until(clock, 'it pays', () => pay.calls.length === 1)

    const during = await outcomeOf(clock, await ops.fork('old', options), { steps: 5 })
    expect(during, 'while the old run still works on it').toMatchObject(code ? { error: { code } } : { status: 'completed' })
    expect(pay.calls).toHaveLength(count)
    await run.cancel()
    await outcomeOf(clock, run)
    const afterwards = await outcomeOf(clock, await ops.fork('old', options))
    expect(afterwards).toMatchObject(code ? { error: { code } } : { status: 'completed' })
    expect(pay.calls).toHaveLength(code ? 1 : 3)
    expect(good.calls).toHaveLength(1)
  })

  test('an unsafe call that took too long is not made again, one that failed is', async () => {
    const slow = noting('slow', (_input, { runId }) => (runId === 'old' ? never() : 'late'), {
      effect: 'unsafe',
      timeoutMs: 1000,
    })
    const { tool, mend } = fragile('bad', { effect: 'unsafe' })
    const agent = defineAgent({ name: 'a', tools: [slow, tool], planner: strict([call('slow'), call('bad')]) })
    const { ops, clock } = await world({ agents: [agent] })
    await outcomeOf(clock, await ops.start(agent, 'go', { runId: 'old' }))
    mend()
    expect(await outcomeOf(clock, await ops.fork('old'))).toMatchObject({ status: 'failed', error: { code: 'EFFECT_UNKNOWN' } })
    expect([slow.calls.length, tool.calls.length]).toEqual([1, 2])
    expect(await outcomeOf(clock, await ops.fork('old', { repeatUnknown: true }))).toMatchObject({ status: 'completed' })
  })

  test('a harmless call that took too long is made again', async () => {
    const slow = noting('slow', (_input, { runId }) => (runId === 'old' ? never() : 'late'), {
      timeoutMs: 1000,
      retry: { attempts: 1 },
    })
    const agent = defineAgent({ name: 'a', tools: [slow, noting('good')], planner: strict([call('slow'), call('good')]) })
    const { ops, clock } = await world({ agents: [agent] })
    await outcomeOf(clock, await ops.start(agent, 'go', { runId: 'old' }))
    expect(await outcomeOf(clock, await ops.fork('old'))).toMatchObject({ status: 'completed' })
  })

  test('an unsafe call of the fork itself is entered once: after a crash it is unknown', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const pay = noting(
      'pay',
      (_input, { runId }) => {
        if (runId === 'fork') return never()
        throw new Error('declined')
      },
      { effect: 'unsafe' },
    )
    const agent = defineAgent({ name: 'a', tools: [noting('good'), pay], planner: strict([call('good'), call('pay')]) })
    const line = cuttable(store)
    const { ops } = await world({ agents: [agent], store: line.store, clock })
    await outcomeOf(clock, await ops.start(agent, 'go', { runId: 'old' }))
    await ops.fork('old', { runId: 'fork' })
    await until(clock, 'the fork pays', () => pay.calls.length === 2)
    line.cut()
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    const outcome = await outcomeOf(clock, await second.ops.run('fork'))
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'EFFECT_UNKNOWN' } })
    expect(pay.calls).toHaveLength(2)
  })

  test('a wait and an approval of the fork have their whole time, and end with it', async () => {
    const sleep: Effect = { kind: 'wait', key: 'sleep', for: { type: 'time', ms: 10_000 } }
    const pay = noting('pay', () => 'paid', { approval: true })
    const agent = defineAgent({ name: 'a', tools: [noting('good'), pay], planner: strict([call('good'), sleep, call('pay')]) })
    const { ops, clock } = await world({ agents: [agent], policy: { rules: [], approvalMs: 30_000 } })
    const run = await ops.start(agent, 'go')
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await run.cancel()
    await outcomeOf(clock, run)
    await clock.advance(60_000)
    const fork = await ops.fork(run.id)
    await clock.advance(9000)
    expect(ofType(await historySoFar(ops, fork.id), 'effect-end').map(({ key }) => key)).toEqual(['good'])
    await clock.advance(2000)
    expect(ofType(await historySoFar(ops, fork.id), 'effect-end').map(({ key }) => key)).toEqual(['good', 'sleep'])
    expect(await outcomeOf(clock, fork)).toMatchObject({ status: 'failed', error: { code: 'APPROVAL_EXPIRED' } })
  })

  test('a wait that expired takes the signal that came too late', async () => {
    const news: Effect = { kind: 'wait', key: 'news', for: { type: 'signal', name: 'news', deadlineMs: 1000 } }
    const open = gate<string>()
    const slow = noting('slow', () => open.promise)
    const agent = defineAgent({ name: 'a', tools: [slow], planner: strict([news, call('slow')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await clock.advance(2000)
    await run.signal('news', 'late')
    await settle(clock)
    open.open('done')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'WAIT_EXPIRED' } })
    expect(await outcomeOf(clock, await ops.fork(run.id))).toEqual({ status: 'completed', output: ['late', 'done'] })
  })

  test('a fork of a child is a run of its own, and its parent hears nothing of it', async () => {
    const { tool, mend } = fragile('bad')
    const helper = defineAgent({ name: 'helper', tools: [tool], planner: strict([call('bad')]) })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: strict([child('helper')]) })
    const { ops, clock } = await world({ agents: [agent, helper] })
    const run = await ops.start(agent, 'go')
    await outcomeOf(clock, run)
    const [below] = (await ops.list({ parentId: run.id })).runs
    mend()
    const fork = await ops.fork(below?.runId ?? '')
    expect(await outcomeOf(clock, fork)).toMatchObject({ status: 'completed' })
    const record = await ops.record(fork.id)
    expect(record).toMatchObject({ depth: 0, rootId: fork.id })
    expect(record.parent).toBeUndefined()
  })

  test('what completed behind the point is not done again, if it was asked for before it', async () => {
    const open = gate<string>()
    const slow = noting('slow', () => open.promise)
    const quick = noting('quick')
    const agent = defineAgent({
      name: 'a',
      tools: [slow, quick],
      planner: strict([call('quick'), call('slow')], [call('quick', {}, 'last')]),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'the quick one is done', () => quick.calls.length === 1)
    await settle(clock)
    const { seq } = await ops.record(run.id)
    open.open('slow done')
    await outcomeOf(clock, run)
    const fork = await ops.fork(run.id, { afterSeq: seq })
    expect(await outcomeOf(clock, fork)).toMatchObject({ status: 'completed' })
    expect(slow.calls).toHaveLength(1)
    expect(quick.calls).toHaveLength(3)
    expect(await ops.record(fork.id)).toMatchObject({ forkOf: { runId: run.id, seq } })
  })
})
