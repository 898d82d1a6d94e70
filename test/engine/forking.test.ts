import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Effect, OpspawnError, type Planner, type RunView, type Tool } from '../../src/index.ts'
import { defineWorkflow } from '../../src/plugins/planner-code/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { ask, call, child, gate, never, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, historySoFar, now, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { cuttable, memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

/** Asks for these effects, one decision after the other, and fails when one of them did. */
function strict(...decisions: readonly (readonly Effect[])[]): Planner {
  return planner((run) => {
    const failed = run.latest.find(({ outcome }) => outcome !== undefined && outcome.status !== 'completed')?.outcome
    if (failed !== undefined && failed.status !== 'completed') return { type: 'fail', error: failed.error }
    const effects = decisions[run.decisions]
    return effects === undefined ? { type: 'finish', output: run.latest.map(valueOf) } : { type: 'act', effects }
  })
}

function valueOf({ outcome }: RunView['latest'][number]) {
  return outcome?.status === 'completed' ? outcome.value : null
}

/** A tool that fails until it is mended. */
function fragile(name: string, options: Partial<Tool> = {}) {
  let broken = true
  const tool = noting(
    name,
    () => {
      if (broken) throw new Error('broken')
      return `${name} done`
    },
    options as never,
  )
  return { tool, mend: () => (broken = false), break: () => (broken = true) }
}

const keysOf = (calls: readonly { readonly context: { readonly key: string } }[]): string[] =>
  calls.map(({ context }) => context.key)

describe('retry: a fork of what failed', () => {
  test('an agent whose model call failed goes on from there: nothing that completed is done again', async () => {
    let down = true
    const model = scriptedModel(
      [
        ({ prompt }) => {
          const told = prompt.filter((message) => message.role === 'tool').length
          if (told === 0) return { toolCalls: [{ name: 'look', input: {} }] }
          if (down) throw new OpspawnError('MODEL_FAILED', 'no credit')
          return 'done'
        },
      ],
      { repeat: true },
    )
    const look = noting('look')
    const agent = defineAgent({ name: 'a', model, tools: [look] })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go', { session: 's', metadata: { ticket: 7 } })
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'MODEL_FAILED' } })
    const before = await historyOf(ops, run.id)
    const asked = model.calls.length

    down = false
    const fork = await ops.fork(run.id)
    expect(await outcomeOf(clock, fork)).toEqual({ status: 'completed', output: 'done' })
    expect(model.calls.length - asked).toBe(1)
    expect(look.calls).toHaveLength(1)
    expect(await ops.record(fork.id)).toMatchObject({
      forkOf: { runId: run.id },
      session: 's',
      metadata: { ticket: 7 },
      rootId: fork.id,
      depth: 0,
      spending: { used: { steps: 1 }, reserved: { steps: 0 } },
    })
    const after = await historyOf(ops, fork.id)
    expect(after.map(({ seq }) => seq)).toEqual(after.map((_, index) => index + 1))
    expect(after.every(({ at }, index) => index === 0 || at >= (after[index - 1]?.at ?? 0))).toBe(true)
    expect(ofType(after, 'run-claim')).toHaveLength(1)
    expect(await historyOf(ops, run.id), 'the other run stays as it is').toEqual(before)
  })

  test('of one decision only what failed is performed again, under another idempotency key', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const effects = [call('good', {}, 'one'), call('bad', {}, 'two'), call('good', {}, 'three')]
    const agent = defineAgent({ name: 'a', tools: [good, tool], planner: strict(effects, [call('good', {}, 'last')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    mend()
    const fork = await ops.fork(run.id)
    expect(await outcomeOf(clock, fork)).toEqual({ status: 'completed', output: ['good done'] })
    expect(keysOf(good.calls)).toEqual(['one', 'three', 'last'])
    expect(tool.calls).toHaveLength(2)
    expect(new Set(tool.calls.map(({ context }) => context.idempotencyKey)).size).toBe(2)
    expect(tool.calls.map(({ context }) => context.attempt)).toEqual([1, 1])
  })

  test('a failure that the planner went on from stays as it was', async () => {
    const tolerated = fragile('tolerated')
    const fatal = fragile('fatal')
    const decide = planner((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [call('tolerated')] }
      if (run.decisions === 1) return { type: 'act', effects: [call('fatal')] }
      const { outcome } = run.effects.get('fatal') ?? {}
      if (outcome?.status === 'completed') return { type: 'finish', output: run.settled.map((one) => one.outcome?.status ?? '') }
      return { type: 'fail', error: { code: 'TOOL_FAILED', message: 'fatal', retryable: false } }
    })
    const agent = defineAgent({ name: 'a', tools: [tolerated.tool, fatal.tool], planner: decide })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await outcomeOf(clock, run)
    tolerated.mend()
    fatal.mend()
    expect(await outcomeOf(clock, await ops.fork(run.id))).toEqual({ status: 'completed', output: ['failed', 'completed'] })
    expect(tolerated.tool.calls).toHaveLength(1)
  })

  test('a fork that fails too can be forked again', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const agent = defineAgent({ name: 'a', tools: [good, tool], planner: strict([call('good'), call('bad')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const first = await ops.start(agent, 'go')
    await outcomeOf(clock, first)
    const second = await ops.fork(first.id)
    await outcomeOf(clock, second)
    mend()
    const third = await ops.fork(second.id)
    expect(await outcomeOf(clock, third)).toEqual({ status: 'completed', output: ['good done', 'bad done'] })
    expect(good.calls).toHaveLength(1)
    expect(await ops.record(third.id)).toMatchObject({ forkOf: { runId: second.id } })
  })

  test('a cancelled run goes on: children start anew, waits begin anew, signals are kept', async () => {
    const slow = noting('slow', (_input, { signal, agent }) => {
      if (slow.calls.length > 1) return `${agent} done`
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    })
    const helper = defineAgent({ name: 'helper', tools: [slow], planner: stepsPlanner([call('slow')]) })
    const sleep: Effect = { kind: 'wait', key: 'sleep', for: { type: 'time', ms: 60_000 } }
    const news: Effect = { kind: 'wait', key: 'news', for: { type: 'signal', name: 'news' } }
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: strict([child('helper'), sleep], [news]) })
    const { ops, clock } = await world({ agents: [agent, helper] })
    const run = await ops.start(agent, 'go')
    await until(clock, 'the child works', () => slow.calls.length === 1)
    await run.signal('news', 'early')
    await run.pause('wait a moment')
    await settle(clock)
    await run.cancel()
    await outcomeOf(clock, run)
    await clock.advance(120_000)

    const fork = await ops.fork(run.id)
    await clock.advance(59_000)
    expect(await now(clock, fork.result), 'its wait lasts as long as it would have').toBeUndefined()
    await clock.advance(2000)
    expect(await now(clock, fork.result)).toEqual({ status: 'completed', output: ['early'] })
    expect((await ops.list({ parentId: fork.id })).runs).toHaveLength(1)
    expect(ofType(await historyOf(ops, fork.id), 'signal').map(({ name }) => name)).toEqual(['news'])
  })

  test.each([
    ['an output that did not fit', { type: 'finish', output: 'no number' }],
    ['a planner that gave up', { type: 'fail', error: { code: 'PLAN_FAILED', message: 'no way', retryable: false } }],
  ] as const)('%s: the last decision is made once more', async (_name, end) => {
    let answer = 'bad'
    const first = noting('first')
    const second = noting('second', () => answer)
    const decide = planner((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [call('first')] }
      if (run.decisions === 1) return { type: 'act', effects: [call('second')] }
      const value = valueOf(run.latest[0] as RunView['latest'][number])
      return value === 'bad' ? end : { type: 'finish', output: 5 }
    })
    const agent = defineAgent({
      name: 'a',
      tools: [first, second],
      planner: decide,
      output: { type: 'number' },
      limits: { repairs: 0 },
    })
    const { ops, clock } = await world({ agents: [agent as unknown as Agent] })
    const run = await ops.start('a', 'go')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    answer = 'good'
    expect(await outcomeOf(clock, await ops.fork(run.id))).toEqual({ status: 'completed', output: 5 })
    expect([first.calls.length, second.calls.length]).toEqual([1, 2])
  })

  test('a planner that threw is asked again, and all that it had asked for stays', async () => {
    let broken = true
    const step = noting('step')
    const decide = planner((run) => {
      if (run.decisions === 0) return { type: 'act', effects: [call('step')] }
      if (broken) throw new Error('a slip')
      return { type: 'finish', output: 'mended' }
    })
    const agent = defineAgent({ name: 'a', tools: [step], planner: decide })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'PLANNER_FAILED' } })
    broken = false
    expect(await outcomeOf(clock, await ops.fork(run.id))).toEqual({ status: 'completed', output: 'mended' })
    expect(step.calls).toHaveLength(1)
  })

  test('a workflow does its failed task anew, and what comes behind it', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const workflow = await loadWorkflow(
      {
        name: 'flow',
        tasks: {
          a: { tool: 'good' },
          b: { needs: 'a', tool: 'bad' },
          c: { needs: 'a', forEach: [{ n: 1 }, { n: 2 }, { n: 3 }], tool: 'good' },
          d: { needs: ['b', 'c'], tool: 'good' },
        },
      },
      { tools: [good, tool] },
    )
    const { ops, clock } = await world({ agents: [workflow as Agent] })
    const run = await ops.start('flow', {})
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    const done = good.calls.length
    mend()
    expect(await outcomeOf(clock, await ops.fork(run.id))).toMatchObject({ status: 'completed' })
    expect(done).toBe(4)
    expect(good.calls).toHaveLength(5)
    expect(tool.calls).toHaveLength(2)
  })

  test('a workflow in code replays what completed', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const workflow = defineWorkflow({ name: 'code', tools: [good, tool] }, async (ctx) => {
      const [first] = await Promise.all([ctx.tool('good'), ctx.tool('bad')])
      return { first, second: await ctx.tool('good', {}, { name: 'second' }) } as never
    }) as Agent
    const { ops, clock } = await world({ agents: [workflow] })
    const run = await ops.start('code', {})
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed' })
    mend()
    expect(await outcomeOf(clock, await ops.fork(run.id))).toMatchObject({ status: 'completed' })
    expect(good.calls).toHaveLength(2)
  })
})

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

describe('forks that differ', () => {
  test('another input begins from the start, and is checked', async () => {
    const step = noting('step')
    const input = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] } as const
    const decide = planner((run) =>
      run.decisions === 0 ? { type: 'act', effects: [call('step', run.input)] } : { type: 'finish', output: run.input },
    )
    const agent = defineAgent({ name: 'a', tools: [step], planner: decide, input }) as Agent
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start('a', { n: 1 })
    await outcomeOf(clock, run)
    const fork = await ops.fork(run.id, { input: { n: 2 }, runId: 'two', metadata: { why: 'again' } })
    expect(fork.id).toBe('two')
    expect(await outcomeOf(clock, fork)).toEqual({ status: 'completed', output: { n: 2 } })
    expect(step.calls.map((one) => one.input)).toEqual([{ n: 1 }, { n: 2 }])
    expect(await ops.record('two')).toMatchObject({ metadata: { why: 'again' }, forkOf: { seq: 1 } })
    await expect(ops.fork(run.id, { input: { n: 'two' } })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  test('another agent goes on with what is there', async () => {
    const { tool } = fragile('bad')
    const good = noting('good')
    const first = defineAgent({ name: 'first', tools: [good, tool], planner: strict([call('good')], [call('bad')]) })
    const second = defineAgent({ name: 'second', tools: [good], planner: strict([call('good')], [call('good', {}, 'other')]) })
    const { ops, clock } = await world({ agents: [first, second] })
    const run = await ops.start(first, 'go')
    await outcomeOf(clock, run)
    const fork = await ops.fork(run.id, { agent: second as unknown as Agent })
    expect(fork.agent).toBe('second')
    expect(await outcomeOf(clock, fork)).toEqual({ status: 'completed', output: ['good done'] })
    expect(keysOf(good.calls)).toEqual(['good', 'other'])
  })

  test('a session is read once', async () => {
    const { tool, mend } = fragile('bad')
    const good = noting('good')
    const seen: number[] = []
    const inner = strict([call('good'), call('bad')])
    const agent = defineAgent({
      name: 'a',
      tools: [good, tool],
      planner: planner((run) => {
        seen.push(run.messages.length)
        return run.input === 'plain' ? { type: 'finish', output: 'plain' } : (inner.decide(run) as never)
      }),
    })
    const { ops, clock } = await world({ agents: [agent] })
    await outcomeOf(clock, await ops.start(agent, 'plain', { session: 's' }))
    const run = await ops.start(agent, 'go', { session: 's' })
    await outcomeOf(clock, run)
    mend()
    await outcomeOf(clock, await ops.fork(run.id))
    expect(seen).toEqual([0, 2, 2, 2])
  })

  test('limits are those of today, tightened as before or as wished', async () => {
    const agent = defineAgent({ name: 'a', planner: stepsPlanner([]), limits: { steps: 9 } })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go', { limits: { steps: 3 } })
    await outcomeOf(clock, run)
    expect(await ops.record((await ops.fork(run.id)).id)).toMatchObject({ limits: { steps: 3 } })
    expect(await ops.record((await ops.fork(run.id, { limits: { steps: 7 } })).id)).toMatchObject({ limits: { steps: 7 } })
    expect(await ops.record((await ops.fork(run.id, { limits: { steps: 70 } })).id)).toMatchObject({ limits: { steps: 9 } })
  })

  test('one key gives one fork', async () => {
    const agent = defineAgent({ name: 'a', tools: [noting('step')], planner: stepsPlanner([call('step')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await outcomeOf(clock, run)
    const [one, two] = await Promise.all([ops.fork(run.id, { idempotencyKey: 'k' }), ops.fork(run.id, { idempotencyKey: 'k' })])
    expect(one.id).toBe(two.id)
  })

  test('what cannot be forked is refused', async () => {
    const step = noting('step')
    const agent = defineAgent({ name: 'a', tools: [step], planner: stepsPlanner([call('step')]) })
    const reactive = defineAgent({
      name: 'r',
      tools: [step],
      planner: { ...stepsPlanner([call('step')]), reactive: true },
    })
    const { ops, clock } = await world({ agents: [agent, reactive] })
    const run = await ops.start(agent, 'go', { runId: 'done' })
    await outcomeOf(clock, run)
    const refusals: [string, object, string][] = [
      ['nobody', {}, 'RUN_UNKNOWN'],
      ['done', { afterSeq: 99 }, 'OPTIONS_INVALID'],
      ['done', { afterSeq: -1 }, 'LIMIT_INVALID'],
      ['done', { tenant: 'other' }, 'OPTIONS_INVALID'],
      ['done', { runId: '' }, 'OPTIONS_INVALID'],
      ['done', { runId: 'done' }, 'RUN_EXISTS'],
      ['done', { agent: 'nobody' }, 'AGENT_UNKNOWN'],
      ['done', { limits: { steps: -1 } }, 'LIMIT_INVALID'],
      ['done', { input: () => {} }, 'JSON_INVALID'],
    ]
    for (const [runId, options, code] of refusals)
      expect([options, await ops.fork(runId, options).catch((error: OpspawnError) => error.code)]).toEqual([options, code])
    const other = await ops.start(reactive, 'go')
    await outcomeOf(clock, other)
    await expect(ops.fork(other.id)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    expect(await outcomeOf(clock, await ops.fork(other.id, { afterSeq: 1 }))).toMatchObject({ status: 'completed' })
    await ops.drain(1)
    await expect(ops.fork('done')).rejects.toMatchObject({ code: 'ORCHESTRATOR_DRAINING' })
  })
})

describe('budget', () => {
  /** Two model calls of one decision; the second fails in the first run. */
  function pair() {
    let down = true
    const model = scriptedModel(
      [
        ({ prompt }) => {
          if (JSON.stringify(prompt).includes('two') && down) throw new OpspawnError('MODEL_FAILED', 'no credit')
          return { text: 'said', usage: { inputTokens: 5, outputTokens: 5 } } as never
        },
      ],
      { repeat: true },
    )
    const agent = defineAgent({ name: 'a', model, limits: { steps: 2 }, planner: strict([ask('one', 'one'), ask('two', 'two')]) })
    return { agent, model, mend: () => (down = false) }
  }

  test('a fork pays for what it does itself', async () => {
    const { agent, model, mend } = pair()
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await outcomeOf(clock, run)
    const before = model.calls.length
    mend()
    const fork = await ops.fork(run.id, { limits: { steps: 1 } })
    expect(await outcomeOf(clock, fork)).toMatchObject({ status: 'completed' })
    expect(model.calls.length - before).toBe(1)
    expect(await ops.record(fork.id)).toMatchObject({ spending: { used: { steps: 1 }, reserved: { steps: 0 } } })
  })

  test('no call is made that the limits of the fork do not allow', async () => {
    let down = true
    const model = scriptedModel(
      [
        () => {
          if (down) throw new OpspawnError('MODEL_FAILED', 'no credit')
          return 'said'
        },
      ],
      { repeat: true },
    )
    const agent = defineAgent({
      name: 'a',
      model,
      tools: [noting('good')],
      planner: strict([call('good'), ask('one', 'one'), ask('two', 'two')]),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await outcomeOf(clock, run)
    const before = model.calls.length
    down = false
    const fork = await ops.fork(run.id, { limits: { steps: 1 } })
    expect(await outcomeOf(clock, fork)).toMatchObject({ status: 'failed', error: { code: 'BUDGET_EXCEEDED' } })
    expect(model.calls).toHaveLength(before)
    expect(await ops.record(fork.id)).toMatchObject({ spending: { used: { steps: 0 }, reserved: { steps: 0 } } })
  })

  test('a call that a worker may have made before it died counts, also when the fork is cancelled then', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const calls: string[] = []
    const model = scriptedModel(
      [
        () => {
          calls.push('call')
          if (calls.length === 1) throw new OpspawnError('MODEL_FAILED', 'no credit')
          return new Promise(() => {}) as never
        },
      ],
      { repeat: true },
    )
    const agent = defineAgent({ name: 'a', model, tools: [noting('good')], planner: strict([call('good'), ask('one', 'one')]) })
    const line = cuttable(store)
    const { ops } = await world({ agents: [agent], store: line.store, clock })
    await outcomeOf(clock, await ops.start(agent, 'go', { runId: 'old' }))
    await ops.fork('old', { runId: 'fork' })
    await until(clock, 'the fork asks', () => calls.length === 2)
    line.cut()
    await store.signal('fork', { id: 'opspawn.cancel', name: 'opspawn.cancel', payload: { reason: '' } })
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await second.ops.run('fork'))).toMatchObject({ status: 'cancelled' })
    expect(await second.ops.record('fork')).toMatchObject({
      spending: { used: { steps: 1 }, reserved: { steps: 0 }, unreported: 1 },
    })
  })

  test.each([0, 1, 2])('a worker that dies at append %i of it pays once', async (dieAt) => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const { agent, mend } = pair()
    const idle = await world({ agents: [agent], store: sharedStore(store), clock })
    const run = await idle.ops.start(agent, 'go')
    await outcomeOf(clock, run)
    await idle.ops.drain(1)
    mend()
    let count = 0
    const line = cuttable(store, {
      append: (...given) =>
        line.through(async () => {
          const tasks = await store.append(...given)
          if (count === dieAt) line.cut()
          count += 1
          return line.through(async () => tasks)
        }),
    })
    const first = await world({ agents: [agent], store: line.store, clock })
    const { id } = await first.ops.fork(run.id, { runId: 'fork' })
    await clock.advance(100)
    const second = await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, await second.ops.run(id))).toMatchObject({ status: 'completed' })
    expect(await second.ops.record(id)).toMatchObject({ spending: { used: { steps: 1 }, reserved: { steps: 0 } } })
  })
})
