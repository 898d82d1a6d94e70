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
  type Scheduler,
  type StartOptions,
  type Store,
  toFailure,
} from '../core/index.ts'
import { createAgentBoard } from './agent-board.ts'
import { requireShape, type Shape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import { compose, type Composition } from './composition.ts'
import { DEFAULT_TIMING, type Engine, type Timing } from './engine.ts'
import { prepareFork } from './forking.ts'
import { frozen } from './frozen.ts'
import { Hub } from './hub.ts'
import { requireRecord } from './look-up.ts'
import { NO_OPTIONS, prepareRun } from './prepare-run.ts'
import { type HandleContext, RunHandle } from './run-handle.ts'
import { agentsBelow, type PriceTable, requirePrices } from './spending.ts'
import { createId, createKeepAlive, systemClock } from './system.ts'
import { createWorker } from './worker.ts'

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
  requireShape('createOrchestrator', options, OPTIONS)
  const { timing = {}, prices = {}, queues = ['default'] } = options
  if (options.announce !== undefined && options.announce !== false && typeof options.announce !== 'function') {
    const text = `createOrchestrator: announce must be a function, or false for silence, not ${show(options.announce)}`
    throw new OpspawnError('OPTIONS_INVALID', text)
  }
  requireShape('timing', timing, Object.fromEntries(Object.keys(DEFAULT_TIMING).map((name) => [name, 'positive?'])))
  const { leaseMs, heartbeatMs } = { ...DEFAULT_TIMING, ...timing }
  if (!(heartbeatMs * 2 <= leaseMs)) {
    const text = `timing: heartbeatMs (${heartbeatMs}) must be at most half of leaseMs (${leaseMs}), or claims run out between heartbeats`
    throw new OpspawnError('LIMIT_INVALID', text, { details: { member: 'heartbeatMs' } })
  }
  for (const [name, price] of Object.entries(prices)) requireShape(`prices, ${name}`, price, PRICE)
  if (queues.length === 0 || !queues.every((queue) => typeof queue === 'string' && queue !== '')) {
    throw new OpspawnError('OPTIONS_INVALID', 'createOrchestrator: queues must be a list of at least one name')
  }
  const hub = new Hub()
  const composition = await compose(options, hub)
  try {
    return join(options, composition, hub)
  } catch (error) {
    await composition.dispose().catch(() => {})
    throw error
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
  work: 'flag?',
  timing: 'object?',
  announce: 'any?',
  clock: 'object?',
  random: 'function?',
  ids: 'function?',
}
const PRICE: Shape = { input: 'amount', output: 'amount', cacheRead: 'amount?' }

function join(options: OrchestratorOptions, composition: Composition, hub: Hub): Orchestrator {
  const { store, scheduler, agents, policy, middleware } = composition
  const { prices = {}, ids = createId } = options
  for (const { agent } of agents.values())
    requirePrices(`agent "${agent.name}"`, agent.limits, agentsBelow(agent, agents), prices)
  const { hold } = createKeepAlive()
  const registered = [...agents.values()].map((ready) => ready.agent)
  const engine: Engine = {
    store,
    scheduler,
    agents,
    hub,
    board: createAgentBoard(registered, hub),
    policy,
    prices,
    middleware,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    workerId: ids(),
    timing: { ...DEFAULT_TIMING, ...options.timing },
    conversations: new WeakMap(),
    publish: (tasks) => worker.publish(tasks),
    wakeAt: (at) => worker.wakeAt(at),
    poke: (runId) => worker.poke(runId),
    hurry: (runId) => worker.hurry(runId),
  }
  const worker = createWorker(engine, { queues: options.queues ?? ['default'], concurrency: options.concurrency ?? 1000, hold })
  announce(options, store)
  if (options.work !== false) worker.start()
  return assemble(engine, worker, () => composition.dispose(), hold, ids)
}

const SURVIVES: Readonly<Record<Store['capabilities']['durability'], string>> = {
  none: 'runs are lost when this process ends',
  process: 'runs survive the end of this process, not a power cut',
  disk: 'runs survive a power cut',
  replicated: 'runs survive the loss of a machine',
}

function announce({ announce: say }: OrchestratorOptions, store: Store): void {
  if (say === false) return
  const { durability } = store.capabilities
  const text = `opspawn: store "${store.name}", durability ${durability}: ${SURVIVES[durability]}`
  if (say === undefined) process.stderr.write(`${text}\n`)
  else say(text)
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

function assemble(
  engine: Engine,
  worker: ReturnType<typeof createWorker>,
  dispose: () => Promise<void>,
  hold: () => () => void,
  ids: () => string,
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
    return accept(await prepareRun(engine, target, input, options, ids), options)
  }

  async function accept(run: NewRun, options: StartOptions): Promise<Run<never>> {
    const { run: record, task } = await engine.store.create(run, options)
    const handle = new RunHandle<never>(context, record.runId, record.agent)
    if (record.outcome !== undefined) return handle
    if (run.dueAt === undefined) engine.publish([task])
    else {
      worker.learnClock(record.createdAt)
      engine.wakeAt(run.dueAt)
    }
    return handle
  }

  const orchestrator: Orchestrator = {
    durability: engine.store.capabilities.durability,
    start: start as Orchestrator['start'],
    async fork(runId, options = {}) {
      requireOpen()
      return accept(await prepareFork(engine, runId, options, ids), options)
    },
    async run(runId, options) {
      const record = await requireRecord(engine, runId, options)
      return new RunHandle(context, record.runId, record.agent)
    },
    record: async (runId, options) => frozen(await requireRecord(engine, runId, options)),
    async list(filter = {}, page = {}, options) {
      requireShape('list, filter', filter, FILTER)
      requireShape('list, page', page, { cursor: 'text?', limit: 'whole?' })
      return frozen(await engine.store.list(filter, { ...page, limit: Math.min(page.limit ?? 100, MAX_PAGE) }, options))
    },
    agents: () => engine.board.states(),
    on: (type, listener) => engine.hub.on(type, listener),
    async drain(deadlineMs = 10_000) {
      requireShape('drain', { deadlineMs }, { deadlineMs: 'amount' })
      draining ??= worker.drain(deadlineMs)
      return draining
    },
    close() {
      disposing ??= close()
      return disposing
    },
    [Symbol.asyncDispose]: () => orchestrator.close(),
  }

  async function close(): Promise<void> {
    const failures: unknown[] = []
    await orchestrator.drain().catch((error: unknown) => failures.push(error))
    engine.hub.close()
    await dispose().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) {
      const all = failures.flatMap((failure) => (failure instanceof AggregateError ? (failure.errors as unknown[]) : [failure]))
      const texts = all.map((failure) => toFailure(failure, 'INTERNAL').message).join('; ')
      throw new OpspawnError('INTERNAL', `the orchestrator could not be closed cleanly: ${texts}`, {
        cause: new AggregateError(all),
      })
    }
  }

  return orchestrator
}
