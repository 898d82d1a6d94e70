/** Closing an orchestrator: in which order, and what becomes of those who wait. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  createOrchestrator,
  defineAgent,
  defineExtension,
  type Extension,
  OpspawnError,
  type Scheduler,
  type Store,
} from '../../src/index.ts'
import { manualClock, scriptedModel } from '../../src/testing/index.ts'
import { call, never, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, now, settle, world } from './support/world.ts'
import { fastqScheduler, memoryStore, sharedStore, wrapScheduler } from './support/wrappers.ts'

afterEach(closeAll)

const quick = defineAgent({ name: 'quick', planner: planner((run) => ({ type: 'finish', output: run.input })) })

describe('dispose', () => {
  test('await using closes everything', async () => {
    const closed: string[] = []
    const extension = defineExtension({ name: 'x', setup: () => () => void closed.push('x') })
    {
      await using ops = await createOrchestrator({ announce: false, agents: [quick], plugins: [extension] })
      await (
        await ops.start(quick, 'x')
      ).result
    }
    expect(closed).toEqual(['x'])
  })

  test('parts are closed last first, the store last of all', async () => {
    const closed: string[] = []
    const named = (name: string): Extension => defineExtension({ name, setup: () => () => void closed.push(name) })
    const store: Store = { ...sharedStore(memoryStore()), [Symbol.asyncDispose]: async () => void closed.push('store') }
    const inner = fastqScheduler()
    const scheduler: Scheduler = {
      ...wrapScheduler(inner, (tasks, pass) => pass(tasks)),
      [Symbol.asyncDispose]: async () => void closed.push('scheduler'),
    }
    const ops = await createOrchestrator({ announce: false, plugins: [named('a'), named('b'), named('c')], store, scheduler })
    await ops[Symbol.asyncDispose]()
    expect(closed).toEqual(['c', 'b', 'a', 'scheduler', 'store'])
  })

  test('several that fail are reported together and do not keep the others from being closed', async () => {
    const closed: string[] = []
    const failing = (name: string): Extension =>
      defineExtension({
        name,
        setup: () => () => {
          closed.push(name)
          throw new Error(`${name} is stuck`)
        },
      })
    const good = defineExtension({ name: 'good', setup: () => () => void closed.push('good') })
    const ops = await createOrchestrator({ announce: false, plugins: [failing('a'), good, failing('b')] })
    const error = (await ops[Symbol.asyncDispose]().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )) as OpspawnError
    expect(OpspawnError.is(error, 'INTERNAL')).toBe(true)
    expect(error.message).toContain('a is stuck')
    expect(error.message).toContain('b is stuck')
    expect((error.cause as AggregateError).errors).toHaveLength(2)
    expect(closed).toEqual(['b', 'good', 'a'])
  })

  test('it is idempotent', async () => {
    let count = 0
    const extension = defineExtension({ name: 'x', setup: () => () => void (count += 1) })
    const ops = await createOrchestrator({ announce: false, plugins: [extension] })
    await Promise.all([ops[Symbol.asyncDispose](), ops[Symbol.asyncDispose]()])
    await ops[Symbol.asyncDispose]()
    expect(count).toBe(1)
  })

  test('a run that waits is left in the store and its result rejects', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const agent = defineAgent({
      name: 'flow',
      planner: stepsPlanner([{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'x' } }]),
    })
    const { ops } = await world({ agents: [agent], store: sharedStore(store), clock })
    const run = await ops.start(agent, 'go')
    const { result } = run
    result.catch(() => {})
    await settle(clock)
    await ops[Symbol.asyncDispose]()
    await expect(result).rejects.toMatchObject({ code: 'ORCHESTRATOR_DRAINING' })
    expect((await store.list({ runId: run.id }, {})).runs[0]?.status).toBe('waiting')
  })

  test('an iteration over events ends with an error, not for ever', async () => {
    const agent = defineAgent({
      name: 'flow',
      planner: stepsPlanner([{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'x' } }]),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    const watching = (async () => {
      for await (const _ of run);
    })()
    watching.catch(() => {})
    await settle(clock)
    await ops[Symbol.asyncDispose]()
    await expect(watching).rejects.toMatchObject({ code: 'ORCHESTRATOR_DRAINING' })
  })

  test('it ends although the store never answers what it is told of definitions', async () => {
    const inner = memoryStore()
    const closed: string[] = []
    const documents = { ...(inner.documents as NonNullable<Store['documents']>), get: never }
    const capabilities = { ...inner.capabilities, durability: 'process' } as const
    const store: Store = {
      ...sharedStore(inner, { capabilities, documents }),
      [Symbol.asyncDispose]: async () => void closed.push('store'),
    }
    const ops = await createOrchestrator({ announce: false, agents: [quick], store })
    expect(await (await ops.start(quick, 'x')).result).toMatchObject({ status: 'completed' })
    await ops.close()
    expect(closed).toEqual(['store'])
  })

  test('no timer of a closed orchestrator stays on the clock', async () => {
    const { ops, clock } = await world({ agents: [quick] })
    const run = await ops.start(quick, 'x')
    await run.result
    await ops[Symbol.asyncDispose]()
    await settle(clock)
    expect(clock.pending).toBe(0)
  })

  test('what was set up is undone when the set-up fails later', async () => {
    const closed: string[] = []
    const good = defineExtension({ name: 'good', setup: () => () => void closed.push('good') })
    const bad = defineExtension({
      name: 'bad',
      setup: () => {
        throw new Error('no')
      },
    })
    await expect(createOrchestrator({ announce: false, plugins: [good, bad] })).rejects.toThrow('no')
    expect(closed).toEqual(['good'])
  })

  test('what was set up is undone when a price is missing', async () => {
    const closed: string[] = []
    const good = defineExtension({ name: 'good', setup: () => () => void closed.push('good') })
    const agent = defineAgent({ name: 'dear', model: scriptedModel([]), limits: { cost: 1 } })
    await expect(createOrchestrator({ announce: false, agents: [agent], plugins: [good] })).rejects.toMatchObject({
      code: 'BUDGET_PRICE_UNKNOWN',
    })
    expect(closed).toEqual(['good'])
  })
})

test('a result that somebody holds to await it later does not end the process when the orchestrator is closed', async () => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  try {
    const agent = defineAgent({ name: 'walker', tools: [noting('step', never)], planner: stepsPlanner([call('step')]) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    const { result } = run
    await ops.drain(1)
    await ops.close()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(unhandled).toEqual([])
    await expect(result).rejects.toMatchObject({ code: 'ORCHESTRATOR_DRAINING' })
  } finally {
    process.off('unhandledRejection', listener)
  }
})

describe('what it says', () => {
  test('at the start it says aloud what the store survives', async () => {
    const said: string[] = []
    const ops = await createOrchestrator({ announce: (text) => said.push(text) })
    expect(said).toEqual([expect.stringContaining('lost when this process ends')])
    expect(ops.durability).toBe('none')
    await ops[Symbol.asyncDispose]()
  })

  test('two orchestrators share nothing', async () => {
    const one = await world({ agents: [quick] })
    const two = await world({ agents: [quick] })
    const run = await one.ops.start(quick, 'x')
    await expect(two.ops.run(run.id)).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
    expect(await now(one.clock, run.result)).toMatchObject({ status: 'completed' })
    expect(two.heard).toEqual([])
  })
})
