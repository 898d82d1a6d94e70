import { expect, test } from 'vitest'
import {
  type Agent,
  defineAgent,
  OpspawnError,
  type Orchestrator,
  type Run,
  type RunEvent,
  type RunLimits,
  type RunRecord,
  type Store,
  type TaskRef,
} from '../../src/index.ts'
import { type ManualClock, manualClock, scriptedModel, seededRandom, shuffled } from '../../src/testing/index.ts'
import { call, child, noting, type NotingTool, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, ofType, world, type World } from './support/world.ts'
import { fastqScheduler, memoryStore, sharedStore, wrapScheduler } from './support/wrappers.ts'

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 120)
const FIRST = Number(process.env['SIMULATION_FIRST'] ?? 1)

/** How much chaos there is. Switched off at the end, so that everything can come to rest. */
interface Weather {
  readonly random: () => number
  calm: boolean
  /** The worker that cannot reach the store at the moment. */
  cut: number | undefined
}

const STARTERS = ['tree', 'flow', 'asker', 'reader'] as const

interface Cast {
  readonly agents: Agent[]
  readonly unsafe: NotingTool
  readonly modelCalls: { count: number }
}

/** Agents that between them use every kind of effect that the engine performs. */
function cast(random: () => number): Cast {
  const modelCalls = { count: 0 }
  const unsafe = noting('pay', ({ id }) => `paid ${id as number}`, { effect: 'unsafe' })
  const verified = noting('ship', () => 'shipped', { effect: 'unsafe', verify: () => ({ happened: true, output: 'shipped' }) })
  const flaky = noting('look', () => {
    if (random() < 0.2) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    return 'seen'
  })
  const slow = noting('slow', () => new Promise((resolve) => setImmediate(() => resolve('slow'))), {
    effect: 'idempotent',
    concurrency: 2,
  })
  const gated = noting('send', () => 'sent', { effect: 'unsafe', approval: true })
  const answering = scriptedModel(
    [
      ({ prompt }) => {
        modelCalls.count += 1
        if (random() < 0.1) return { fault: 'server-error' }
        const turns = prompt.filter(({ role }) => role === 'tool').length
        if (turns === 0) return { toolCalls: [{ name: 'look' }, { name: 'slow' }] }
        if (turns === 1) return { toolCalls: [{ name: 'pay', input: { id: 1 } }, { name: 'ship' }] }
        return 'done'
      },
    ],
    { repeat: true, record: false },
  )
  const reader = defineAgent({ name: 'reader', model: answering, tools: [flaky, slow, unsafe, verified], concurrency: 2 })
  const tree = defineAgent({
    name: 'tree',
    agents: [reader],
    tools: [slow],
    concurrency: 2,
    planner: stepsPlanner([child('reader', 'a', 'a'), child('reader', 'b', 'b'), call('slow')], [child('reader', 'c', 'c')]),
  })
  const asker = defineAgent({
    name: 'asker',
    tools: [gated, flaky],
    planner: stepsPlanner([call('send', { to: 1 }, 's1'), call('look'), call('send', { to: 2 }, 's2')], [call('look', {}, 'l2')]),
  })
  const flow = defineAgent({
    name: 'flow',
    tools: [slow],
    agents: [asker],
    planner: planner(
      (run) => {
        if (run.decisions === 0) {
          return {
            type: 'act',
            effects: [
              { kind: 'wait', key: 'time', for: { type: 'time', ms: 3000 } },
              { kind: 'wait', key: 'signal', for: { type: 'signal', name: 'go', deadlineMs: 40_000 } },
              call('slow'),
            ],
          }
        }
        const time = run.effects.get('time')?.outcome
        if (time !== undefined && !run.effects.has('asker')) return { type: 'act', effects: [child('asker')] }
        return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: run.settled.length }
      },
      { reactive: true },
    ),
  })
  return { agents: [reader, tree, asker, flow] as unknown as Agent[], unsafe, modelCalls }
}

function stormyStore(store: Store, weather: Weather, worker: number): Store {
  const fail = (): never => {
    throw new OpspawnError('STORE_FAILED', 'the connection broke')
  }
  /** Fails now and then before a call, after it, or all the time while the worker is cut off. */
  async function through<T>(work: () => Promise<T>, odds: number): Promise<T> {
    if (weather.calm) return work()
    if (weather.cut === worker) return fail()
    const luck = weather.random()
    if (luck < odds) return fail()
    const value = await work()
    return luck < odds * 2 ? fail() : value
  }
  /** The worker's hold on a run ends before a write or after it, without a word, and the lease runs out. */
  async function perish<T>(work: () => Promise<T>): Promise<T> {
    const luck = weather.calm ? 1 : weather.random()
    if (luck < 0.01) throw new Error('the worker died before the write')
    const value = await work()
    if (luck < 0.03) throw new Error('the worker died after the write')
    return value
  }
  return sharedStore(store, {
    create: (...given) => through(() => store.create(...given), 0.02),
    claim: (...given) => through(() => store.claim(...given), 0.02),
    append: (...given) => through(() => perish(() => store.append(...given)), 0.03),
    release: (...given) => through(() => store.release(...given), 0.03),
    heartbeat: (...given) => through(() => store.heartbeat(...given), 0.03),
    sweep: (...given) => through(() => store.sweep(...given), 0.05),
    signal: (...given) => through(() => store.signal(...given), 0.02),
  })
}

function stormyScheduler(weather: Weather) {
  const late: TaskRef[] = []
  return wrapScheduler(fastqScheduler(), async (tasks, pass) => {
    const now: TaskRef[] = late.splice(0)
    for (const task of tasks) {
      const luck = weather.calm ? 1 : weather.random()
      if (luck < 0.1) continue
      if (luck < 0.2) now.push(task, task)
      else if (luck < 0.3) late.push(task)
      else now.push(task)
    }
    await pass(weather.calm ? now : shuffled(now, weather.random))
  })
}

interface Story {
  readonly weather: Weather
  readonly clock: ManualClock
  readonly store: Store
  readonly workers: World[]
  readonly roots: string[]
  readonly cast: Cast
  hired: number
}

async function open(seed: number): Promise<Story> {
  const random = seededRandom(seed)
  const weather: Weather = { random, calm: false, cut: undefined }
  const clock = manualClock()
  const store = memoryStore({ clock })
  const members = cast(random)
  const story: Story = { weather, clock, store, workers: [], roots: [], cast: members, hired: 0 }
  for (const index of [0, 1]) story.workers.push(await hire(story, index))
  return story
}

async function hire(story: Story, index: number): Promise<World> {
  const { weather, clock, store, cast: members } = story
  story.hired += 1
  const name = `w${story.hired}`
  let made = 0
  return world({
    agents: members.agents,
    clock,
    store: stormyStore(store, weather, index),
    scheduler: stormyScheduler(weather),
    random: weather.random,
    ids: () => `${name}-${(made += 1)}`,
    // Different, so that neither always sweeps first.
    timing: { sweepMs: 700 + index * 300 },
  })
}

async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  for (let round = 0; round < 20; round += 1) {
    try {
      return await work()
    } catch (error) {
      if (!OpspawnError.is(error, 'STORE_FAILED')) return undefined
    }
  }
  return undefined
}

/** What the world outside may do, and how likely it is. */
const MOVES: readonly (readonly [number, (story: Story, ops: Orchestrator) => Promise<unknown>])[] = [
  [0.35, begin],
  [0.2, ({ store, weather }, ops) => answerOne(ops, store, weather.random)],
  [0.1, (story, ops) => toOne(story, ops, (run) => run.signal('go', { from: 'outside' }, { id: 'go-1' }))],
  [0.05, (story, ops) => toOne(story, ops, (run) => run.cancel('by chance'))],
  [0.02, replaceWorker],
  [0.04, cutOrMend],
  [0.24, ({ clock, weather: { random } }) => clock.advance(Math.floor(random() * (random() < 0.2 ? 20_000 : 1500)))],
]

/** One move: starting, answering, signalling, cancelling, replacing or cutting off a worker, or letting time pass. */
async function move(story: Story): Promise<void> {
  const { random } = story.weather
  const { ops } = story.workers[random() < 0.5 ? 0 : 1] as World
  let luck = random()
  for (const [odds, make] of MOVES) {
    luck -= odds
    if (luck < 0) {
      await make(story, ops)
      return
    }
  }
}

async function begin({ roots, weather, clock }: Story, ops: Orchestrator): Promise<void> {
  const { random } = weather
  if (roots.length >= 5) {
    await clock.advance(Math.floor(random() * 3000))
    return
  }
  const agent = pick(STARTERS, random) as string
  const runId = `root-${roots.length}`
  roots.push(runId)
  await attempt(() => ops.start(agent, { n: roots.length }, { runId, idempotencyKey: runId, limits: limits(random) }))
}

async function toOne({ roots, weather }: Story, ops: Orchestrator, say: (run: Run) => Promise<void>): Promise<void> {
  const runId = pick(roots, weather.random)
  if (runId !== undefined) await attempt(async () => say(await ops.run(runId)))
}

async function cutOrMend({ weather }: Story): Promise<void> {
  weather.cut = weather.cut === undefined ? Math.floor(weather.random() * 2) : undefined
}

/** A third of the runs has a limit that it may pass. */
function limits(random: () => number): RunLimits {
  const luck = random()
  if (luck < 0.1) return { steps: 1 + Math.floor(random() * 8) }
  if (luck < 0.2) return { durationMs: 1 + Math.floor(random() * 20_000) }
  return luck < 0.3 ? { parallel: 1 } : {}
}

/** A deploy: a worker drains with little patience, and another one takes its place. */
async function replaceWorker(story: Story): Promise<void> {
  const index = story.weather.random() < 0.5 ? 0 : 1
  const worker = story.workers[index] as World
  const draining = worker.ops.drain(story.weather.random() < 0.5 ? 1 : 5)
  await Promise.all([draining.catch(() => {}), story.clock.advance(0)])
  story.workers[index] = await hire(story, index)
}

function pick<T>(items: readonly T[], random: () => number): T | undefined {
  return items[Math.floor(random() * items.length)]
}

async function answerOne(ops: Orchestrator, store: Store, random: () => number): Promise<void> {
  const { runs } = await store.list({ status: ['waiting', 'running', 'queued'] }, { limit: 100 })
  const run = pick(runs, random)
  if (run === undefined) return
  await attempt(async () => {
    const handle = await ops.run(run.runId)
    for (const { key } of await handle.approvals()) {
      if (random() < 0.7) await handle.approve(key, { by: 'ada' })
      else await handle.deny(key, { by: 'bob', reason: 'no' })
    }
  })
}

/** Lets the sun come out: no more faults, everything is approved, and time passes until all runs have ended. */
async function calmDown(story: Story): Promise<void> {
  const { weather, clock, store } = story
  weather.calm = true
  weather.cut = undefined
  const { ops } = story.workers[0] as World
  for (let round = 0; round < 400; round += 1) {
    const { runs } = await store.list({ status: ['queued', 'running', 'waiting', 'paused'] }, { limit: 100 })
    if (runs.length === 0) return
    for (const { runId } of runs) {
      const handle = await ops.run(runId)
      for (const { key } of await handle.approvals()) await handle.approve(key, { by: 'ada' }).catch(() => {})
    }
    await clock.advance(1000)
  }
  throw new Error(`these never ended:\n${(await describeOpen(store)).join('\n')}`)
}

async function describeOpen(store: Store): Promise<string[]> {
  const { runs } = await store.list({ status: ['queued', 'running', 'waiting', 'paused'] }, { limit: 100 })
  return Promise.all(
    runs.map(async ({ runId, agent, status, deliveries, epoch }) => {
      const history = await store.read(runId, 1)
      const ended = new Set(ofType(history, 'effect-end').map(({ key }) => key))
      const open = ofType(history, 'decision')
        .flatMap(({ effects }) => effects.map(({ key }) => key))
        .filter((key) => !ended.has(key))
      const last = history.slice(-4).map(({ type }) => type)
      return `${agent} ${runId.slice(0, 8)}: ${status}, deliveries ${deliveries}, epoch ${epoch}, open ${open.join(' ')}, last ${last.join(' ')}`
    }),
  )
}

async function judge(story: Story): Promise<void> {
  const { store, cast: members } = story
  const { runs } = await store.list({}, { limit: 1000 })
  const least = new Map<string, number>()
  const most = new Map<string, number>()
  for (const run of runs) {
    const history = await store.read(run.runId, 1)
    judgeRun(run, history)
    const used = steps(history)
    least.set(run.rootId, (least.get(run.rootId) ?? 0) + used.least)
    most.set(run.rootId, (most.get(run.rootId) ?? 0) + used.most)
  }
  for (const run of runs) {
    if (run.status === 'quarantined') continue
    const { used, reserved } = run.spending
    expect(reserved, `reserved by ${run.runId}`).toEqual({ steps: 0, tokens: 0, cost: 0 })
    if (run.parent !== undefined) continue
    expect(used.steps, `steps of ${run.runId}`).toBeGreaterThanOrEqual(least.get(run.rootId) ?? 0)
    expect(used.steps, `steps of ${run.runId}`).toBeLessThanOrEqual(most.get(run.rootId) ?? 0)
  }
  judgeUnsafe(members.unsafe)
}

function judgeRun(run: RunRecord, history: readonly RunEvent[]): void {
  const { runId } = run
  expect(
    history.map(({ seq }) => seq),
    `positions of ${runId}`,
  ).toEqual(history.map((_, index) => index + 1))
  const ended = ofType(history, 'effect-end').map(({ key }) => key)
  expect(new Set(ended).size, `ends of ${runId}`).toBe(ended.length)
  const epochs = ofType(history, 'run-claim').map(({ epoch }) => epoch)
  expect(epochs, `epochs of ${runId}`).toEqual(epochs.map((_, index) => index + 1))
  expect(
    history.map(({ at }) => at),
    `times of ${runId}`,
  ).toEqual(history.map(({ at }) => at).toSorted((a, b) => a - b))
  if (run.status === 'quarantined') return
  expect(['completed', 'failed', 'cancelled'], `status of ${runId}`).toContain(run.status)
  expect(history.at(-1), `last event of ${runId}`).toMatchObject({ type: 'run-end', outcome: run.outcome })
  expect(ofType(history, 'run-end')).toHaveLength(1)
  const asked = ofType(history, 'decision').flatMap(({ effects }) => effects.map(({ key }) => key))
  expect([...asked].toSorted(), `effects of ${runId}`).toEqual([...ended].toSorted())
  expect(new Set(ofType(history, 'signal').map(({ id }) => id)).size).toBe(ofType(history, 'signal').length)
  const responses = ofType(history, 'approval-response').map(({ key }) => key)
  expect(new Set(responses).size).toBe(responses.length)
}

/** How many steps a history may have used: calls that were surely made, and those that may have been under way when the run was cancelled. */
function steps(history: readonly RunEvent[]): { readonly least: number; readonly most: number } {
  const models = new Set(
    ofType(history, 'decision').flatMap(({ effects }) => effects.filter(({ kind }) => kind === 'model').map(({ key }) => key)),
  )
  const retried = new Set(ofType(history, 'effect-retry').map(({ key }) => key))
  let least = 0
  let most = 0
  for (const { key, outcome } of ofType(history, 'effect-end')) {
    // A call that found no budget was not made.
    if (!models.has(key) || (outcome.status === 'failed' && outcome.error.code === 'BUDGET_EXCEEDED')) continue
    most += 1
    if (outcome.status !== 'cancelled' || retried.has(key)) least += 1
  }
  return { least, most }
}

function judgeUnsafe({ calls }: NotingTool): void {
  const entered = calls.map(({ context }) => `${context.runId} ${context.key}`)
  expect(new Set(entered).size, 'bodies of unsafe calls').toBe(entered.length)
}

const seen: Record<string, number> = {}

async function count({ store }: Story): Promise<void> {
  const add = (what: string, by = 1): void => void (seen[what] = (seen[what] ?? 0) + by)
  for (const run of (await store.list({}, { limit: 1000 })).runs) {
    add(run.status)
    const history = await store.read(run.runId, 1)
    add('unknown', ofType(history, 'effect-end').filter(({ outcome }) => outcome.status === 'unknown').length)
    add('retries', ofType(history, 'effect-retry').length)
    add('approvals', ofType(history, 'approval-response').length)
    const workers = new Set(ofType(history, 'run-claim').map(({ worker }) => worker))
    if (workers.size > 1) add('taken over')
    if (run.outcome?.status === 'failed') add(run.outcome.error.code)
  }
}

async function simulate(seed: number): Promise<void> {
  const story = await open(seed)
  try {
    const moves = 12 + Math.floor(story.weather.random() * 20)
    for (let index = 0; index < moves; index += 1) await move(story)
    await calmDown(story)
    await judge(story)
    await count(story)
  } catch (error) {
    throw new Error(`seed ${seed} (SIMULATION_FIRST=${seed} SIMULATION_SEEDS=1): ${(error as Error).message}`, { cause: error })
  } finally {
    await closeAll()
  }
}

const groups = Array.from({ length: Math.ceil(SEEDS / 10) }, (_, index) => FIRST + index * 10)

test.each(groups)(
  'seeds from %i on: every run ends typed, nothing is lost, nothing unsafe happens twice (S1, S2, S5, S7, S8, S10, S11)',
  async (from) => {
    for (let seed = from; seed < Math.min(from + 10, FIRST + SEEDS); seed += 1) await simulate(seed)
  },
  60_000,
)

test.runIf(SEEDS >= 100)(
  'the storm was neither so strong that nothing came to a good end, nor so weak that everything did',
  () => {
    expect(Object.keys(seen).toSorted()).toEqual(expect.arrayContaining(['cancelled', 'completed', 'failed']))
    expect(seen['completed']).toBeGreaterThan(100)
    expect(seen['taken over']).toBeGreaterThan(50)
    expect(seen['unknown']).toBeGreaterThan(5)
  },
)
