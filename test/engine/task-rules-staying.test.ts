/** Rules of tasks stay with what they were given to: through repetitions, forks, successors and crashes. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Effect, type Json, OpspawnError, type Policy, type TaskRule } from '../../src/index.ts'
import { defineWorkflow, type WorkflowFunction } from '../../src/plugins/planner-code/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, never, noting, type NotingTool, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, until, world } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'
import { NO_PAYING, HIDDEN, PAY, under, agentOf, boss, ran, completed, asText, childOf } from './support/task-rules.ts'

afterEach(closeAll)

describe('rules of a task stay', () => {
  test('when a call is tried again', async () => {
    const flaky = noting('flaky', () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNRESET' })), {
      retry: { attempts: 3, baseMs: 1 },
    })
    const { clock, run } = await ran([
      agentOf('clerk', [flaky], [under(call('flaky', {}, 'it'), [{ verdict: 'ask', tool: 'flaky' }])]),
    ])
    await run.approve('it', { by: 'grace' })
    await outcomeOf(clock, run)
    expect(flaky.calls).toHaveLength(3)
  })

  test('when a run goes on in the place of another', async () => {
    const pay = noting('pay')
    const loop: WorkflowFunction<Json, unknown> = async (ctx, input) =>
      input === 'go' ? ctx.continueAsNew('again') : ctx.tool(pay, { to: 'ada' }).catch((error: OpspawnError) => error.code)
    const clerk = defineWorkflow({ name: 'clerk', tools: [pay] }, loop as WorkflowFunction<unknown, unknown>) as unknown as Agent
    const at = await ran([boss('clerk', [NO_PAYING]), clerk])
    expect(await outcomeOf(at.clock, at.run)).toEqual(completed('POLICY_DENIED'))
    const { runs } = await at.ops.list({ agent: 'clerk' })
    expect(runs.map(({ task, rules }) => ({ task, rules }))).toEqual([
      { task: 'of-clerk', rules: [NO_PAYING] },
      { task: 'of-clerk', rules: [NO_PAYING] },
    ])
    expect(pay.calls).toEqual([])
  })

  test('in the run that makes a cancelled one good', async () => {
    const [book, undo] = [noting('book'), noting('undo', undefined, { effect: 'idempotent' })]
    const clerk = await loadWorkflow(
      {
        name: 'clerk',
        tasks: { book: { tool: 'book', onFailure: 'undo' }, wait: { needs: 'book', approval: 'ok?' }, undo: { tool: 'undo' } },
      },
      { tools: [book, undo] },
    )
    const rules: readonly TaskRule[] = [{ name: 'kept', verdict: 'ask', tool: 'undo' }]
    const at = await ran([boss('clerk', rules), clerk])
    await at.run.cancel('enough')
    const run = at.run
    await outcomeOf(at.clock, run)
    const made = async () => (await at.ops.list({ agent: 'clerk' })).runs.find(({ compensates }) => compensates !== undefined)
    await until(at.clock, 'it is being made good', async () => (await made()) !== undefined)
    const { runId = '', ...record } = (await made()) ?? {}
    expect(record).toMatchObject({ task: 'of-clerk', rules })
    const undoing = await at.ops.run(runId)
    await until(at.clock, 'it asks', async () => (await undoing.approvals()).length === 1)
    expect(undo.calls).toEqual([])
    await undoing.approve('undo', { by: 'grace' })
    expect(await outcomeOf(at.clock, undoing)).toMatchObject({ status: 'completed' })
    expect(ofType(await historyOf(at.ops, runId), 'policy-verdict')).toMatchObject([{ rule: 'kept' }])
  })

  test('in a fork of a run that is part of it, and for calls that a fork takes along', async () => {
    const pay = noting('pay')
    const at = await ran([boss('clerk', [NO_PAYING]), agentOf('clerk', [pay], [PAY])])
    const { runId } = await childOf(at, at.run.id)
    const fork = await at.ops.fork(runId, { afterSeq: 1 })
    expect(await outcomeOf(at.clock, fork)).toEqual(completed('denied: POLICY_DENIED'))
    const own = await ran([agentOf('clerk', [pay], [under(PAY, [NO_PAYING])])])
    const decided = ofType(own.events, 'decision')[0]?.seq ?? 0
    const along = await own.ops.fork(own.run.id, { afterSeq: decided })
    expect(await outcomeOf(own.clock, along)).toEqual(completed('denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })
})

describe('after a crash', () => {
  /** A worker that dies, and one that takes over, each with a policy of its own, on one store. */
  async function takenOver(agents: readonly Agent[], ready: () => boolean, before: Policy, after: Policy) {
    const clock = manualClock()
    const store = memoryStore({ clock })
    let dead = false
    const alive = <T>(work: () => Promise<T>): Promise<T> =>
      dead ? Promise.reject(new OpspawnError('STORE_FAILED', 'cut off')) : work()
    const cut = sharedStore(store, {
      append: (...given) => alive(() => store.append(...given)),
      heartbeat: (...given) => alive(() => store.heartbeat(...given)),
      claim: (...given) => alive(() => store.claim(...given)),
      release: (...given) => alive(() => store.release(...given)),
      sweep: (...given) => alive(() => store.sweep(...given)),
    })
    const first = await world({ agents, store: cut, clock, policy: before })
    const { id } = await first.ops.start(agents[0]?.name ?? '', 'go')
    await until(clock, 'it is under way', ready)
    dead = true
    const second = await world({ agents, store, clock, policy: after })
    await clock.advance(20_000)
    return { ...second, run: await second.ops.run(id) }
  }

  const ENFORCE: Policy = { rules: [] }
  const TRY: Policy = { rules: [], mode: 'dry-run' }

  /** One place, which the first call never gives back: the second one was let in, and not begun. */
  function held(pay: NotingTool, effect: Effect) {
    const hold = noting('hold', () => (hold.calls.length === 1 ? never() : 'held'))
    const clerk = defineAgent({
      name: 'clerk',
      tools: [hold, pay],
      limits: { parallel: 1 },
      planner: stepsPlanner([call('hold', {}, 'first'), effect]),
    })
    return { hold, clerk: clerk as unknown as Agent }
  }

  test('a call that was let in is judged by its own rules once more', async () => {
    const pay = noting('pay')
    const { hold, clerk } = held(pay, under(PAY, [NO_PAYING]))
    const at = await takenOver([clerk], () => hold.calls.length === 1, TRY, ENFORCE)
    expect(await outcomeOf(at.clock, at.run)).toEqual(completed('held', 'denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })

  test('and by those of the tasks that its run is part of', async () => {
    const pay = noting('pay')
    const { hold, clerk } = held(pay, PAY)
    const at = await takenOver([boss('clerk', [NO_PAYING]), clerk], () => hold.calls.length === 1, TRY, ENFORCE)
    expect(await outcomeOf(at.clock, at.run)).toEqual(asText('held', 'denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })

  test('what is asked for only then is under the same rules', async () => {
    const pay = noting('pay')
    const hold = noting('hold', () => (hold.calls.length === 1 ? never() : 'held'))
    const clerk = agentOf('clerk', [hold, pay], [call('hold')], [PAY])
    const at = await takenOver([boss('clerk', [NO_PAYING]), clerk], () => hold.calls.length === 1, ENFORCE, ENFORCE)
    expect(await outcomeOf(at.clock, at.run)).toEqual(asText('denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })

  test('a call through a front tool that is hidden now is refused by its rule, not for having changed', async () => {
    const pay = noting('pay')
    const front = {
      ...noting('proxy'),
      route: (input: Json, context: { isHidden(tool: string): boolean }) =>
        context.isHidden('pay') ? undefined : { tool: pay, input },
    } as unknown as NotingTool
    const { hold, clerk } = held(front, under(call('proxy', { to: 'ada' }, 'it'), [HIDDEN]))
    const at = await takenOver([clerk], () => hold.calls.length === 1, TRY, ENFORCE)
    expect(await outcomeOf(at.clock, at.run)).toEqual(completed('held', 'denied: POLICY_DENIED'))
    expect(pay.calls).toEqual([])
  })
})
