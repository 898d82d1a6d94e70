import {
  type Agent,
  type Clock,
  type NewRun,
  OpspawnError,
  type Orchestrator,
  type Planner,
  type Plugin,
  type Policy,
  type Run,
  type Schedule,
  type Scheduler,
  type StartOptions,
  type Store,
  toFailure,
} from '../core/index.ts'
import { createConversations } from './conversation.ts'
import { createAgentBoard } from './agent-board.ts'
import { requireShape, type Shape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import type { CompiledPolicy } from './policy.ts'
import { compose, type Composition } from './composition.ts'
import { pinnedDefinition, registerDefinitions } from './definitions.ts'
import { DEFAULT_TIMING, type Engine, type Timing } from './engine.ts'
import { prepareFork } from './forking.ts'
import { frozen } from './frozen.ts'
import { Hub } from './hub.ts'
import { requireRecord } from './look-up.ts'
import { NO_OPTIONS, prepareRun, requireTexts } from './prepare-run.ts'
import { createRounds } from './rounds.ts'
import { createRetryBudget } from './retry-budget.ts'
import { type HandleContext, RunHandle } from './run-handle.ts'
import { agentsBelow, type PriceTable, requirePrices } from './spending.ts'
import { createId, createKeepAlive, elapsedOf, systemClock } from './system.ts'
import { createSchedules } from './schedules/schedules.ts'
import type { Timetable } from './schedules/timetable.ts'
import { atMost, createWorker } from './worker.ts'

/** What an orchestrator is composed of. */
export interface OrchestratorOptions {
  /** The agents that can be started or called here. */
  readonly agents?: readonly Agent[]
  /** Everything else: stores, schedulers, memories, tools that agents name, extensions. They are disposed with the orchestrator, last first. */
  readonly plugins?: readonly Plugin[]
  /** Owns the runs; exactly one, here or among the plugins. The `createOrchestrator` of `opspawn` has a default. */
  readonly store?: Store
  /** Carries hints; exactly one, here or among the plugins. The `createOrchestrator` of `opspawn` has a default. */
  readonly scheduler?: Scheduler
  /** For agents that name none. */
  readonly planner?: Planner
  /** What agents may do. @default everything that they were given */
  readonly policy?: Policy
  /** Prices by `provider/modelId`, `modelId` or `*`; needed for cost limits. */
  readonly prices?: PriceTable
  /** Runs worked on at once in this process. @default 1000 */
  readonly concurrency?: number
  /** Queues worked on. @default ['default'] */
  readonly queues?: readonly string[]
  /** Put into the store at the start; one that stands there unchanged keeps its next slot. None is removed that is not here. */
  readonly schedules?: readonly Schedule[]
  /** `false`: accepts runs and looks at them, but leaves the work to other processes. @default true */
  readonly work?: boolean
  /** Milliseconds; what is not given is as in {@link DEFAULT_TIMING}. */
  readonly timing?: Partial<Timing>
  /** Says at the start what the store survives. @default one line on standard error; `false` for silence */
  readonly announce?: ((text: string) => void) | false
  /** @default the machine's */
  readonly clock?: Clock
  /** Draws from [0, 1), for retry waits. @default Math.random */
  readonly random?: () => number
  /** @default random UUIDs */
  readonly ids?: () => string
}

/**
 * Wires the parts together and starts to work. Everything is checked before anything runs.
 *
 * @throws OpspawnError whose code is one of the set-up codes: `NAME_DUPLICATE`, `PLUGIN_INVALID`, `PLUGIN_SPEC_UNSUPPORTED`,
 * `PLUGIN_CAPABILITY_MISSING`, `TOOL_UNKNOWN`, `AGENT_UNKNOWN`, `MEMORY_UNKNOWN`, `SCHEMA_NOT_CONVERTIBLE`,
 * `BUDGET_PRICE_UNKNOWN`, `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export async function createOrchestrator(options: OrchestratorOptions = {}): Promise<Orchestrator> {
  requireOptions(options)
  const hub = new Hub()
  const composition = await compose(options, hub)
  let orchestrator: Orchestrator | undefined
  try {
    orchestrator = join(options, composition, hub)
    for (const schedule of options.schedules ?? []) await orchestrator.schedules.put(schedule)
    return orchestrator
  } catch (error) {
    await (orchestrator?.close() ?? composition.dispose()).catch(() => {})
    throw error
  }
}

function requireOptions(options: OrchestratorOptions): void {
  requireShape('createOrchestrator', options, OPTIONS)
  const { timing = {}, prices = {}, queues = ['default'] } = options
  if (options.announce !== undefined && options.announce !== false && typeof options.announce !== 'function') {
    const text = `createOrchestrator: announce must be a function, or false for silence, not ${show(options.announce)}`
    throw new OpspawnError('OPTIONS_INVALID', text)
  }
  requireTiming(timing)
  if (options.clock !== undefined) requireShape('clock', options.clock, CLOCK, 'OPTIONS_INVALID', true)
  for (const [name, price] of Object.entries(prices)) requireShape(`prices, ${name}`, price, PRICE)
  if (queues.length === 0 || !queues.every((queue) => typeof queue === 'string' && queue !== '')) {
    throw new OpspawnError('OPTIONS_INVALID', 'createOrchestrator: queues must be a list of at least one name')
  }
}

function requireTiming(timing: Partial<Timing>): void {
  requireShape('timing', timing, Object.fromEntries(Object.keys(DEFAULT_TIMING).map((name) => [name, 'finite?'])))
  const { leaseMs, heartbeatMs } = { ...DEFAULT_TIMING, ...timing }
  if (!(heartbeatMs * 2 <= leaseMs)) {
    const text = `timing: heartbeatMs (${heartbeatMs}) must be at most half of leaseMs (${leaseMs}), or claims run out between heartbeats`
    throw new OpspawnError('LIMIT_INVALID', text, { details: { member: 'heartbeatMs' } })
  }
}

const OPTIONS: Shape = {
  agents: 'list?',
  plugins: 'list?',
  store: 'object?',
  scheduler: 'object?',
  planner: 'object?',
  policy: 'object?',
  prices: 'object?',
  concurrency: 'whole?',
  queues: 'list?',
  schedules: 'list?',
  work: 'flag?',
  timing: 'object?',
  announce: 'any?',
  clock: 'object?',
  random: 'function?',
  ids: 'function?',
}
const CLOCK: Shape = { now: 'function', setTimer: 'function', elapsed: 'function?' }
const PRICE: Shape = { input: 'amount', output: 'amount', cacheRead: 'amount?' }

function join(options: OrchestratorOptions, composition: Composition, hub: Hub): Orchestrator {
  const { store, scheduler, agents, policy, prepareRouted, middleware } = composition
  const { prices = {}, ids = createId } = options
  for (const { agent } of agents.values())
    requirePrices(`agent "${agent.name}"`, agent.limits, agentsBelow(agent, agents), prices)
  const { hold } = createKeepAlive()
  const registered = [...agents.values()].map((ready) => ready.agent)
  const { clock = systemClock } = options
  const elapsed = elapsedOf(clock)
  const engine: Engine = {
    store,
    scheduler,
    agents,
    hub,
    board: createAgentBoard(registered, hub),
    policy,
    prepareRouted,
    prices,
    middleware,
    clock,
    elapsed,
    random: options.random ?? Math.random,
    retryBudget: createRetryBudget(elapsed),
    workerId: ids(),
    timing: { ...DEFAULT_TIMING, ...options.timing },
    conversations: createConversations(),
    rounds: createRounds({ clock, elapsed, isHere: (runId) => worker.isWorkingOn(runId) }),
    publish: (tasks) => worker.publish(tasks),
    wakeAt: (at) => worker.wakeAt(at),
    poke: (runId) => worker.poke(runId),
    hurry: (runId) => worker.hurry(runId),
  }
  const worker = createWorker(engine, { queues: options.queues ?? ['default'], concurrency: options.concurrency ?? 1000, hold })
  announce(options, store, policy)
  const registering = options.work === false ? undefined : registerDefinitions(engine)
  if (options.work !== false) worker.start()
  const dispose = async (): Promise<void> => {
    // The store is closed behind it; one that never answers is not waited for.
    await atMost(1_000, registering)
    await composition.dispose()
  }
  return assemble(engine, worker, { registering, dispose }, hold, ids, options.work !== false)
}

const SURVIVES: Readonly<Record<Store['capabilities']['durability'], string>> = {
  none: 'runs are lost when this process ends',
  process: 'runs survive the end of this process, not a power cut',
  disk: 'runs survive a power cut',
  replicated: 'runs survive the loss of a machine',
}

function announce({ announce: say }: OrchestratorOptions, store: Store, { isDryRun }: CompiledPolicy): void {
  if (say === false) return
  const { durability } = store.capabilities
  const tell = say ?? ((text: string) => process.stderr.write(`${text}\n`))
  tell(`opspawn: store "${store.name}", durability ${durability}: ${SURVIVES[durability]}`)
  if (isDryRun) tell('opspawn: policy mode dry-run: its rules refuse nothing and ask nobody, they only leave notes in histories')
}

const FILTER: Shape = {
  tenant: 'text?',
  agent: 'text?',
  session: 'text?',
  status: 'list?',
  parentId: 'text?',
  rootId: 'text?',
  runId: 'text?',
}
/** Runs in one part of a listing. */
const MAX_PAGE = 1_000

type Worker = ReturnType<typeof createWorker>

function assemble(
  engine: Engine,
  worker: Worker,
  { registering, dispose }: { readonly registering: Promise<void> | undefined; readonly dispose: () => Promise<void> },
  hold: () => () => void,
  ids: () => string,
  isWorking: boolean,
): Orchestrator {
  const context: HandleContext = { engine, hold }
  let draining: ReturnType<Orchestrator['drain']> | undefined
  let disposing: Promise<void> | undefined

  function requireOpen(): void {
    if (draining !== undefined)
      throw new OpspawnError('ORCHESTRATOR_DRAINING', 'the orchestrator is stopping and takes no new runs')
  }

  async function start(target: string | Agent, input: unknown, options: StartOptions = NO_OPTIONS): Promise<Run<never>> {
    requireOpen()
    return accept(context, worker, await prepareRun(engine, target, input, options, ids), options)
  }

  const { schedules, timetable } = createSchedules({
    engine,
    ids,
    requireOpen,
    accept: (run) => accept(context, worker, run, NO_OPTIONS),
  })
  if (isWorking) timetable?.start()

  const orchestrator: Orchestrator = {
    durability: engine.store.capabilities.durability,
    start: start as Orchestrator['start'],
    async fork(runId, options = {}) {
      requireOpen()
      return accept(context, worker, await prepareFork(engine, runId, options, ids), options)
    },
    ...createLookUps(context, registering),
    schedules,
    agents: () => engine.board.states(),
    counts: () => worker.counts(),
    on: (type, listener) => engine.hub.on(type, listener),
    async drain(deadlineMs = 10_000) {
      requireShape('drain', { deadlineMs }, { deadlineMs: 'amount' })
      draining ??= drainAll(worker, timetable, deadlineMs)
      return draining
    },
    close() {
      disposing ??= closeAll([() => orchestrator.drain(), () => engine.hub.close(), dispose])
      return disposing
    },
    [Symbol.asyncDispose]: () => orchestrator.close(),
  }

  return orchestrator
}

/** What looks at runs and changes none. */
function createLookUps(
  context: HandleContext,
  registering: Promise<void> | undefined,
): Pick<Orchestrator, 'run' | 'record' | 'definition' | 'list'> {
  const { engine } = context
  return {
    async run(runId, options) {
      const record = await requireRecord(engine, runId, options)
      return new RunHandle(context, record.runId, record.agent)
    },
    record: async (runId, options) => frozen(await requireRecord(engine, runId, options)),
    async definition(runId, options) {
      await registering
      return frozen(await pinnedDefinition(engine, await requireRecord(engine, runId, options), options))
    },
    async list(filter = {}, page = {}, options) {
      requireShape('list, filter', filter, FILTER)
      requireTexts('list, filter', filter)
      requireShape('list, page', page, { cursor: 'text?', limit: 'whole?' })
      return frozen(await engine.store.list(filter, { ...page, limit: Math.min(page.limit ?? 100, MAX_PAGE) }, options))
    },
  }
}

/** Hands a run to the store and says that it is there, now or when it is due. */
async function accept(context: HandleContext, worker: Worker, run: NewRun, options: StartOptions): Promise<Run<never>> {
  const { engine } = context
  const { told } = engine.hub
  const { run: record, task, created } = await engine.store.create(run, options)
  const handle = new RunHandle<never>(context, record.runId, record.agent, created ? { told, at: engine.elapsed() } : undefined)
  if (record.outcome !== undefined) return handle
  if (run.dueAt === undefined || run.dueAt <= record.createdAt) engine.publish([task])
  else {
    worker.learnClock(record.createdAt)
    engine.wakeAt(run.dueAt)
  }
  return handle
}

async function drainAll(worker: Worker, timetable: Timetable | undefined, deadlineMs: number): ReturnType<Orchestrator['drain']> {
  const stopped = timetable?.stop()
  const report = await worker.drain(deadlineMs)
  // A look that is under way needs a turn or two of the store; one that hangs is not waited for.
  await atMost(1_000, stopped)
  return report
}

/** Closes one part after the other, whatever fails, and reports all failures together. */
async function closeAll(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      if (error instanceof AggregateError) failures.push(...(error.errors as unknown[]))
      else failures.push(error)
    }
  }
  if (failures.length === 0) return
  const texts = failures.map((failure) => toFailure(failure, 'INTERNAL').message).join('; ')
  throw new OpspawnError('INTERNAL', `the orchestrator could not be closed cleanly: ${texts}`, {
    cause: new AggregateError(failures),
  })
}
