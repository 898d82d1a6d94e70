import type { Orchestrator, Store } from './core/index.ts'
import { createOrchestrator as createBareOrchestrator, type OrchestratorOptions } from './orchestrator/index.ts'
import { toolsPlanner } from './plugins/planner-tools/index.ts'
import { fastqScheduler } from './plugins/scheduler-fastq/index.ts'
import { memoryStore } from './plugins/store-memory/index.ts'

/** What an orchestrator is composed of, where a path will do for a store. */
export interface LocalOptions extends Omit<OrchestratorOptions, 'store'> {
  /** A store, or the path of a SQLite file to keep the runs in. @default in memory: lost when the process ends */
  readonly store?: Store | string
}

/**
 * Makes an orchestrator that works as it stands: whatever is not given is an in-memory store, an in-process scheduler and
 * the native tool-calling planner. Give the path of a file as `store`, and the same agents survive the process.
 *
 * @throws OpspawnError see `createOrchestrator` of `opspawn/orchestrator`; `STORE_FAILED` when the file cannot be used
 */
export async function createOrchestrator(options: LocalOptions = {}): Promise<Orchestrator> {
  // What is no object, or no list, is for the inner function to refuse.
  if (typeof options !== 'object' || options === null) return createBareOrchestrator(options)
  const { store, ...rest } = options
  const parts = withDefaults(rest)
  if (typeof store === 'string') return createWithFile(store, parts)
  if (store !== undefined) parts.store = store
  else if (!brings(rest, 'store/1')) parts.store = memoryStore(rest.clock === undefined ? {} : { clock: rest.clock })
  return createBareOrchestrator(parts)
}

type Parts = { -readonly [K in keyof OrchestratorOptions]: OrchestratorOptions[K] }

/** Everything but a store. */
function withDefaults(options: OrchestratorOptions): Parts {
  const parts: Parts = { ...options }
  if (options.scheduler === undefined && !brings(options, 'scheduler/1')) parts.scheduler = fastqScheduler()
  if (options.planner === undefined && !brings(options, 'planner/1')) parts.planner = toolsPlanner()
  return parts
}

/** Whether a part of a kind is among the plugins. */
function brings({ plugins }: OrchestratorOptions, spec: string): boolean {
  const given: readonly unknown[] = Array.isArray(plugins) ? plugins : []
  return given.some((plugin) => (plugin as { spec?: unknown } | null | undefined)?.spec === spec)
}

/** The store of a file is loaded only when there is one, and opened before anything starts. */
async function createWithFile(path: string, options: OrchestratorOptions): Promise<Orchestrator> {
  const { sqliteStore } = await import('./plugins/store-sqlite/index.ts')
  const store = sqliteStore(options.clock === undefined ? { path } : { path, clock: options.clock })
  try {
    await store.open()
    return await createBareOrchestrator({ ...options, store })
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}
