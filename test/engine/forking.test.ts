import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, OpspawnError } from '../../src/index.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { ask, call, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, outcomeOf, until, world } from './support/world.ts'
import { cuttable, memoryStore, sharedStore } from './support/wrappers.ts'
import { fragile, strict, keysOf } from './support/forks.ts'

afterEach(closeAll)

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
