/** Runs that end and have another one go on in their place (S17). */
import { afterEach, expect, test } from 'vitest'
import { type Agent, defineAgent, type Json, type RunEvent, type Store, OpspawnError } from '../../src/index.ts'
import { replay } from '../../src/orchestrator/index.ts'
import { defineWorkflow, type WorkflowFunction } from '../../src/plugins/planner-code/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { fleet } from './support/fleet.ts'
import { ask, call, child, gate, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, settle, until, world, type World } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'
import { scriptedModel } from './harness.ts'

afterEach(closeAll)

type Options = Partial<Parameters<typeof defineWorkflow>[0]>

const workflow = (run: WorkflowFunction<Json, unknown>, options: Options = {}): Agent =>
  defineWorkflow({ name: 'loop', ...options }, run as WorkflowFunction<unknown, unknown>) as unknown as Agent

const step = noting('step', ({ n }) => n)
/** Counts down, one tool call in each run, and continues as new until it is at 0. */
const countdown = workflow(
  async (ctx, input) => {
    const n = Number(input)
    await ctx.tool(step, { n })
    return n === 0 ? 'landed' : ctx.continueAsNew(n - 1)
  },
  { tools: [step] },
)

/** The runs that went on in each other's place, from the first on. */
async function chainOf({ ops }: Pick<World, 'ops'>, runId: string): Promise<readonly Awaited<ReturnType<typeof ops.record>>[]> {
  const chain = [await ops.record(runId)]
  for (let next = chain[0]?.successor; next !== undefined; next = chain.at(-1)?.successor) chain.push(await ops.record(next))
  return chain
}

test('the result follows the chain; each run is whole, names the next, and keeps what it was started with', async () => {
  const at = await world({ agents: [countdown] })
  const run = await at.ops.start('loop', 3, { tenant: 'acme', session: 'ada', priority: 7, metadata: { from: 'test' } })
  expect(await outcomeOf(at.clock, run)).toEqual({ status: 'completed', output: 'landed' })
  // Also where it is asked for when all is over.
  expect(await (await at.ops.run(run.id)).result).toEqual({ status: 'completed', output: 'landed' })
  const chain = await chainOf(at, run.id)
  expect(chain.map(({ input, status }) => [input, status])).toEqual([3, 2, 1, 0].map((n) => [n, 'completed']))
  expect(chain.map(({ continues }) => continues)).toEqual([undefined, ...chain.slice(0, -1).map(({ runId }) => runId)])
  for (const { tenant, session, priority, metadata, rootId, runId, depth } of chain)
    expect({ tenant, session, priority, metadata, rootId, depth }).toEqual({
      tenant: 'acme',
      session: 'ada',
      priority: 7,
      metadata: { from: 'test' },
      rootId: runId,
      depth: 0,
    })
  for (const [index, { runId }] of chain.entries()) {
    const events = await historyOf(at.ops, runId)
    expect(ofType(events, 'effect-end')).toHaveLength(1)
    expect(events.at(-1)).toMatchObject({ type: 'run-end', outcome: { status: 'completed' } })
    expect(ofType(events, 'run-end')[0]?.successor).toBe(chain[index + 1]?.runId)
  }
  // Of the session only the last one is left: the others are parts of the same work.
  expect(chain.map(({ transcript }) => transcript === undefined)).toEqual([true, true, true, false])
})

test('a worker may die at any moment: no link is lost or doubled', async () => {
  const reference = await fleet([countdown])
  expect((await outcomeOf(reference.clock, await reference.first.ops.start('loop', 2, { runId: 'run' }))).status).toBe(
    'completed',
  )
  const ids = (await chainOf(reference.first, 'run')).map(({ runId }) => runId)
  for (let dieAt = 0; dieAt < reference.appends(); dieAt += 1) {
    for (const moment of ['before', 'after'] as const) {
      const at = await fleet([countdown], { dieAt, moment })
      await at.first.ops.start('loop', 2, { runId: 'run' })
      await settle(at.clock)
      expect(at.isDead()).toBe(true)
      const second = await at.second()
      const outcome = await outcomeOf(at.clock, await second.ops.run('run'))
      expect(outcome).toEqual({ status: 'completed', output: 'landed' })
      expect((await at.store.list({}, {})).runs.map(({ runId }) => runId).toSorted()).toEqual(ids.toSorted())
      for (const { runId } of await chainOf(second, 'run'))
        expect(ofType(await at.store.read(runId, 1), 'effect-end')).toHaveLength(1)
      await closeAll()
    }
  }
})

test('signals that came early, and those to a run that went on, reach the one that goes on', async () => {
  const asked: string[] = []
  const entity = workflow(async (ctx, input) => {
    asked.push(JSON.stringify(input))
    if (input === 'first') {
      await ctx.signal('go')
      return ctx.continueAsNew('second')
    }
    const early = await ctx.signal('early')
    return [early, await ctx.signal('late')]
  })
  const at = await world({ agents: [entity] })
  const run = await at.ops.start('loop', 'first')
  await settle(at.clock)
  await run.signal('early', 1)
  await settle(at.clock)
  await run.signal('go')
  await until(at.clock, 'the successor waits', () => asked.includes('"second"'))
  await settle(at.clock)
  await run.signal('late', 2, { id: 'once' })
  await run.signal('late', 3, { id: 'once' })
  expect(await outcomeOf(at.clock, run)).toEqual({ status: 'completed', output: [1, 2] })
})

test('cancel, pause, resume and approvals of the first reach the one that goes on', async () => {
  const long = workflow(async (ctx, input) => {
    if (input !== 'last') return ctx.continueAsNew(input === 'first' ? 'second' : 'last')
    await ctx.approval('go on?')
    return ctx.sleep('10d')
  })
  const at = await world({ agents: [long] })
  const run = await at.ops.start('loop', 'first')
  await settle(at.clock, 8)
  const last = (await chainOf(at, run.id)).at(-1)?.runId ?? ''
  expect(last).not.toBe(run.id)
  expect((await run.approvals()).map(({ runId, question }) => [runId, question])).toEqual([[last, 'go on?']])
  await run.pause('a while', { by: 'ada' })
  await settle(at.clock)
  expect((await at.ops.record(last)).status).toBe('paused')
  await run.resume({ by: 'ada' })
  await settle(at.clock)
  expect((await at.ops.record(last)).status).toBe('waiting')
  await run.cancel('enough')
  expect(await outcomeOf(at.clock, run)).toMatchObject({
    status: 'cancelled',
    error: { message: 'the run was cancelled: enough' },
  })
})

test('a parent gets the outcome of the last one, once; and its cancellation reaches the last one', async () => {
  const parent = defineAgent({ name: 'parent', planner: stepsPlanner([child('loop', 2)]), agents: [countdown] }) as Agent
  const at = await world({ agents: [parent, countdown] })
  const run = await at.ops.start('parent', 'go')
  expect(await outcomeOf(at.clock, run)).toEqual({ status: 'completed', output: ['landed'] })
  expect(ofType(await historyOf(at.ops, run.id), 'effect-end')).toHaveLength(1)
  const { runs } = await at.ops.list({ parentId: run.id })
  expect(runs.map(({ rootId, depth, parent: of }) => [rootId, depth, of])).toEqual(
    runs.map(() => [run.id, 1, { runId: run.id, key: 'loop' }]),
  )
  expect(runs).toHaveLength(3)

  const endless = workflow(async (ctx, input) => (input === 0 ? ctx.sleep('10d') : ctx.continueAsNew(0)), { name: 'endless' })
  const boss = (name: string, hurries: boolean): Agent =>
    defineAgent({
      name,
      agents: [endless],
      tools: [step],
      planner: planner(
        (view) => {
          if (view.decisions === 0)
            return {
              type: 'act',
              effects: [child('endless', 1), { kind: 'wait', key: 'while', for: { type: 'time', ms: 5000 } }],
            }
          if (hurries && view.settled.length > 0) return { type: 'finish', output: 'left' }
          return { type: 'idle' }
        },
        { reactive: true },
      ),
    }) as Agent
  for (const hurries of [true, false]) {
    const there = await world({ agents: [boss('boss', hurries), endless] })
    const above = await there.ops.start('boss', 'go')
    await settle(there.clock, 8)
    if (!hurries) await above.cancel('enough')
    expect((await outcomeOf(there.clock, above)).status).toBe(hurries ? 'completed' : 'cancelled')
    await settle(there.clock, 8)
    const links = (await there.ops.list({ parentId: above.id })).runs
    expect(links.map(({ status, successor }) => `${status} ${successor === undefined}`).toSorted()).toEqual([
      'cancelled true',
      'completed false',
    ])
  }
})

test('a cancellation while the successor is being accepted stops that too', async () => {
  const [reached, go] = [gate(), gate()]
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const store: Store = sharedStore(inner, {
    async create(run, options) {
      if (run.origin.continues !== undefined) {
        reached.open()
        await go.promise
      }
      return inner.create(run, options)
    },
  })
  const at = await world({ agents: [countdown], store, clock })
  const run = await at.ops.start('loop', 5)
  await reached.promise
  await run.cancel('enough')
  await settle(clock)
  go.open()
  expect((await outcomeOf(clock, run)).status).toBe('cancelled')
  await settle(clock, 8)
  const { runs } = await at.ops.list()
  expect(runs.map(({ status, continues }) => `${status} ${continues === run.id}`).toSorted()).toEqual([
    'cancelled false',
    'cancelled true',
  ])
})

test('a queue that is full and a store that fails are tried again', async () => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const refusals: OpspawnError[] = [new OpspawnError('QUEUE_FULL', 'full'), new OpspawnError('STORE_FAILED', 'away')]
  const store = sharedStore(inner, {
    async create(run, options) {
      const refusal = run.origin.continues === undefined ? undefined : refusals.shift()
      if (refusal !== undefined) throw refusal
      return inner.create(run, options)
    },
  })
  const at = await world({ agents: [countdown], store, clock })
  expect((await outcomeOf(clock, await at.ops.start('loop', 1))).status).toBe('completed')
  expect(refusals).toEqual([])
  expect(at.faults.map(({ failure, context }) => [failure.code, context.where])).toEqual([
    ['QUEUE_FULL', 'continue'],
    ['STORE_FAILED', 'continue'],
  ])
})

test('the limits hold for the whole chain', async () => {
  const model = scriptedModel(['yes'], { repeat: true })
  const asker = defineAgent({ name: 'asker', model, planner: stepsPlanner([ask('Well?')]) }) as Agent
  const asking = workflow(
    async (ctx, input) => {
      await ctx.agent('asker', 'go')
      return ctx.continueAsNew(Number(input) + 1)
    },
    { agents: [asker], limits: { steps: 3, durationMs: 1_000_000 } },
  )
  const at = await world({ agents: [asking, asker] })
  const run = await at.ops.start('loop', 0)
  const outcome = await outcomeOf(at.clock, run)
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'BUDGET_EXCEEDED', details: { limit: 'steps' } } })
  const chain = await chainOf(at, run.id)
  expect(chain.map(({ limits }) => limits.steps)).toEqual([3, 2, 1])

  const slow = workflow(
    async (ctx) => {
      await ctx.sleep('1s')
      return ctx.continueAsNew(0)
    },
    { limits: { durationMs: 3500 } },
  )
  const there = await world({ agents: [slow] })
  const late = await there.ops.start('loop', 0)
  expect(await outcomeOf(there.clock, late, { stepMs: 100 })).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
  expect((await chainOf(there, late.id)).length).toBe(4)
})

test('an input that does not fit its schema fails the run, and no successor is there', async () => {
  const strict = workflow(async (ctx) => ctx.continueAsNew('text'), { input: { type: 'integer' } as never })
  const at = await world({ agents: [strict] })
  const run = await at.ops.start('loop', 1)
  expect(await outcomeOf(at.clock, run)).toMatchObject({ status: 'failed', error: { code: 'INPUT_INVALID' } })
  expect((await at.ops.list()).runs).toHaveLength(1)
})

test('what the run has seen is known of its successor, and what is open is cancelled', async () => {
  const secret = noting('secret', () => 'x', { labels: ['private'] })
  const endless = noting('endless', () => new Promise(() => {}))
  const reader = workflow(
    async (ctx, input) => {
      if (input === 1) return 'done'
      void ctx.tool(endless)
      await ctx.tool(secret)
      return ctx.continueAsNew(1)
    },
    { tools: [secret, endless] },
  )
  const at = await world({ agents: [reader] })
  const run = await at.ops.start('loop', 0)
  expect((await outcomeOf(at.clock, run)).status).toBe('completed')
  const [first, second] = await chainOf(at, run.id)
  expect(second?.labels).toEqual(['private'])
  const ends = ofType(await historyOf(at.ops, first?.runId ?? ''), 'effect-end')
  expect(ends.map(({ key, outcome }) => [key, outcome.status])).toEqual([
    ['secret', 'completed'],
    ['endless', 'cancelled'],
  ])
})

test('a history of a run that went on replays, and one that would do something else now does not', async () => {
  const at = await world({ agents: [countdown] })
  const run = await at.ops.start('loop', 1)
  await outcomeOf(at.clock, run)
  const events: readonly RunEvent[] = await historyOf(at.ops, run.id)
  expect(await replay(events, countdown)).toEqual({ same: true, decisions: 2 })
  const other = workflow(async (ctx, input) => ctx.tool(step, { n: Number(input) }), { tools: [step] })
  expect(await replay(events, other)).toMatchObject({ same: false, recorded: { type: 'continue' }, present: { type: 'finish' } })
})

test('a history that grows long is warned of once, and ends the run at its limit', async () => {
  const quick = noting('quick', () => null)
  const grower = defineAgent({
    name: 'grower',
    tools: [quick],
    planner: planner((run) => ({
      type: 'act',
      effects: Array.from({ length: 999 }, (_, index) => call('quick', {}, `${run.decisions} ${index}`)),
    })),
  }) as Agent
  const at = await world({ agents: [grower] })
  const run = await at.ops.start('grower', 'go')
  const outcome = await outcomeOf(at.clock, run)
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'BUDGET_EXCEEDED', details: { limit: 20_000 } } })
  expect((outcome as { error: { message: string } }).error.message).toContain('continueAsNew')
  const warnings = at.faults.filter(({ context }) => context.where === 'history')
  expect(warnings.map(({ context }) => context.runId)).toEqual([run.id])
  expect((await at.ops.record(run.id)).seq).toBeLessThan(21_005)
})
