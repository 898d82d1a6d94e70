import type { Orchestrator } from './core/index.ts'
import { createOrchestrator as createBareOrchestrator, type OrchestratorOptions } from './orchestrator/index.ts'
import { toolsPlanner } from './plugins/planner-tools/index.ts'
import { fastqScheduler } from './plugins/scheduler-fastq/index.ts'
import { memoryStore } from './plugins/store-memory/index.ts'

/**
 * Makes an orchestrator that works as it stands: whatever is not given is an in-memory store, an in-process scheduler and
 * the native tool-calling planner. Give a store, and the same agents survive the process.
 *
 * @throws OpspawnError see `createOrchestrator` of `opspawn/orchestrator`
 */
export async function createOrchestrator(options: OrchestratorOptions = {}): Promise<Orchestrator> {
  // What is no object, or no list, is for the inner function to refuse.
  if (typeof options !== 'object' || options === null) return createBareOrchestrator(options)
  const given: readonly unknown[] = Array.isArray(options.plugins) ? options.plugins : []
  const has = (spec: string): boolean => given.some((plugin) => (plugin as { spec?: unknown } | null | undefined)?.spec === spec)
  const defaults: { -readonly [K in keyof OrchestratorOptions]: OrchestratorOptions[K] } = { ...options }
  if (options.store === undefined && !has('store/1'))
    defaults.store = memoryStore(options.clock === undefined ? {} : { clock: options.clock })
  if (options.scheduler === undefined && !has('scheduler/1')) defaults.scheduler = fastqScheduler()
  if (options.planner === undefined && !has('planner/1')) defaults.planner = toolsPlanner()
  return createBareOrchestrator(defaults)
}
