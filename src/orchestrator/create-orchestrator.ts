import {
  type Agent,
  type Clock,
  type Json,
  type NewRun,
  OpspawnError,
  type Orchestrator,
  type Planner,
  type Plugin,
  type Policy,
  type Run,
  type RunOrigin,
  requireLimits,
  type Scheduler,
  type StartOptions,
  type Store,
  toFailure,
  toJson,
} from '../core/index.ts'
import { createAgentBoard } from './agent-board.ts'
import { compose } from './composition.ts'
import { DEFAULT_TIMING, type Engine, type Timing } from './engine.ts'
import { Hub } from './hub.ts'
import { requireRecord } from './look-up.ts'
import { checkInput } from './perform-run.ts'
import { createRunHandle, type HandleContext } from './run-handle.ts'
import { type PriceTable, requirePrices, tightenLimits } from './spending.ts'
import { createId, createKeepAlive, systemClock } from './system.ts'
import { createWorker } from './worker.ts'

/** What an orchestrator is composed of. */
export interface OrchestratorOptions {
  readonly agents?: readonly Agent[]
  /** Everything else: stores, schedulers, memories, tools that agents name, extensions. They are disposed with the orchestrator, last first. */
  readonly plugins?: readonly Plugin[]
  readonly store?: Store
  readonly scheduler?: Scheduler
  /** For agents that name none. */
  readonly planner?: Planner
  readonly policy?: Policy
  /** Prices by `provider/modelId`, `modelId` or `*`; needed for cost limits. */
  readonly prices?: PriceTable
  /** Runs worked on at once in this process. @default 1000 */
  readonly concurrency?: number
  /** Queues worked on. @default ['default'] */
  readonly queues?: readonly string[]
  /** `false`: accepts runs and looks at them, but leaves the work to other processes. @default true */
  readonly work?: boolean
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
  const { store, scheduler, agents } = composition
  const prices = options.prices ?? {}
  for (const ready of agents.values()) {
    requirePrices(`agent "${ready.agent.name}"`, ready.agent.limits, Object.values(ready.agent.models), prices)
  }
  const keepAlive = createKeepAlive()
  const clock = options.clock ?? systemClock
  const engine: Engine = {
    store,
    scheduler,
    agents,
    hub,
    board: createAgentBoard(
      [...agents.values()].map((ready) => ready.agent),
      hub,
    ),
    policy: composition.policy,
    prices,
    middleware: composition.middleware,
    clock,
    random: options.random ?? Math.random,
    workerId: (options.ids ?? createId)(),
    timing: { ...DEFAULT_TIMING, ...options.timing },
    publish: (tasks) => worker.publish(tasks),
    wakeAt: (at) => worker.wakeAt(at),
    poke: (runId) => worker.poke(runId),
  }
  const worker = createWorker(engine, {
    queues: options.queues ?? ['default'],
    concurrency: options.concurrency ?? 1000,
    hold: keepAlive.hold,
  })
  announce(options, store)
  if (options.work !== false) worker.start()
  return assemble(engine, worker, composition.dispose, keepAlive.hold, options.ids ?? createId)
}

const OPTION_NAMES: readonly string[] = [
  'agents',
  'plugins',
  'store',
  'scheduler',
  'planner',
  'policy',
  'prices',
  'concurrency',
  'queues',
  'work',
  'timing',
  'announce',
  'clock',
  'random',
  'ids',
]

function requireOptions(options: OrchestratorOptions): void {
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.includes(name))
      throw new OpspawnError('OPTIONS_INVALID', `createOrchestrator has no option "${name}"; it has ${OPTION_NAMES.join(', ')}`)
  }
  const { concurrency } = options
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency > 0)) {
    throw new OpspawnError(
      'LIMIT_INVALID',
      `createOrchestrator: concurrency must be a whole number above 0, not ${String(concurrency)}`,
    )
  }
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

function assemble(
  engine: Engine,
  worker: ReturnType<typeof createWorker>,
  dispose: () => Promise<void>,
  hold: () => () => void,
  ids: () => string,
): Orchestrator {
  const closing = new AbortController()
  const context: HandleContext = { engine, closed: closing.signal, hold }
  let draining: ReturnType<Orchestrator['drain']> | undefined
  let disposing: Promise<void> | undefined

  async function start(target: string | Agent, input: unknown, options: StartOptions = {}): Promise<Run<never>> {
    if (draining !== undefined)
      throw new OpspawnError('ORCHESTRATOR_DRAINING', 'the orchestrator is stopping and takes no new runs')
    const run = await prepareRun(engine, target, input, options, ids)
    const { run: record, task } = await engine.store.create(run, options)
    const handle = createRunHandle<never>(context, record.runId, record.agent)
    if (record.outcome !== undefined) return handle
    if (run.dueAt === undefined) engine.publish([task])
    else engine.wakeAt(run.dueAt)
    return handle
  }

  const orchestrator: Orchestrator = {
    durability: engine.store.capabilities.durability,
    start: start as Orchestrator['start'],
    async run(runId, options) {
      const record = await requireRecord(engine, runId, options)
      return createRunHandle(context, record.runId, record.agent)
    },
    record: (runId, options) => requireRecord(engine, runId, options),
    list: (filter = {}, page = {}, options) => engine.store.list(filter, page, options),
    agents: () => engine.board.states(),
    on: (type, listener) => engine.hub.on(type, listener),
    drain(deadlineMs = 10_000) {
      draining ??= worker.drain(deadlineMs)
      return draining
    },
    [Symbol.asyncDispose]() {
      disposing ??= close()
      return disposing
    },
  }

  async function close(): Promise<void> {
    const failures: unknown[] = []
    await orchestrator.drain().catch((error: unknown) => failures.push(error))
    closing.abort()
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

/** Checks everything about a run before it is accepted. */
async function prepareRun(
  engine: Engine,
  target: string | Agent,
  input: unknown,
  options: StartOptions,
  ids: () => string,
): Promise<NewRun> {
  const name = typeof target === 'string' ? target : (target as Agent | undefined)?.name
  const ready = typeof name === 'string' ? engine.agents.get(name) : undefined
  if (ready === undefined) {
    const known = [...engine.agents.keys()].join(', ')
    throw new OpspawnError(
      'AGENT_UNKNOWN',
      `there is no agent ${JSON.stringify(name)}; ${known === '' ? 'none is registered' : `registered are ${known}`}`,
      {
        details: { name: String(name) },
      },
    )
  }
  const { agent } = ready
  requireStartOptions(options)
  const maxSize = agent.limits.payload === undefined ? {} : { maxSize: agent.limits.payload }
  const json: Json = await checkInput(ready, toJson(input, maxSize))
  const limits = options.limits === undefined ? agent.limits : tightenLimits(agent.limits, options.limits)
  if (options.limits !== undefined)
    requirePrices(`the run of agent "${agent.name}"`, limits, Object.values(agent.models), engine.prices)
  const runId = options.runId ?? ids()
  const origin: RunOrigin = {
    runId,
    agent: agent.name,
    definition: ready.hash,
    tenant: options.tenant ?? 'default',
    input: json,
    rootId: runId,
    depth: 0,
    limits,
    ...(options.session === undefined ? undefined : { session: options.session }),
    ...(options.messages === undefined ? undefined : { messages: [...options.messages] }),
    ...(options.metadata === undefined
      ? undefined
      : { metadata: toJson(options.metadata) as NonNullable<StartOptions['metadata']> }),
  }
  return {
    origin,
    ...(options.idempotencyKey === undefined ? undefined : { idempotencyKey: options.idempotencyKey }),
    ...(options.dueAt === undefined ? undefined : { dueAt: options.dueAt }),
    ...(options.priority === undefined ? undefined : { priority: options.priority }),
  }
}

const START_OPTION_NAMES: readonly string[] = [
  'runId',
  'tenant',
  'session',
  'messages',
  'limits',
  'idempotencyKey',
  'dueAt',
  'priority',
  'metadata',
  'signal',
]
const ROLES: readonly string[] = ['system', 'user', 'assistant', 'tool']

function requireStartOptions(options: StartOptions): void {
  for (const name of Object.keys(options)) {
    if (!START_OPTION_NAMES.includes(name))
      throw new OpspawnError('OPTIONS_INVALID', `start has no option "${name}"; it has ${START_OPTION_NAMES.join(', ')}`)
  }
  for (const member of ['runId', 'tenant', 'session', 'idempotencyKey'] as const) {
    const value: unknown = options[member]
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.length > 256)) {
      throw new OpspawnError('OPTIONS_INVALID', `start: ${member} must be a text of 1 to 256 characters`)
    }
  }
  for (const member of ['dueAt', 'priority'] as const) {
    const value: unknown = options[member]
    if (value !== undefined && !Number.isFinite(value))
      throw new OpspawnError('OPTIONS_INVALID', `start: ${member} must be a number, not ${String(value)}`)
  }
  if (options.limits !== undefined) requireLimits('start', options.limits)
  if (
    options.messages !== undefined &&
    !(Array.isArray(options.messages) && options.messages.every((message) => ROLES.includes(message?.role)))
  ) {
    throw new OpspawnError('OPTIONS_INVALID', `start: messages must be a list of messages with a role of ${ROLES.join(', ')}`)
  }
}
