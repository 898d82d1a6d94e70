import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Agent, OpspawnError, type Orchestrator, type Plugin, type Store } from '../../core/index.ts'
import type { LocalOptions } from '../../index.ts'
import type { Call } from '../calling/command.ts'
import { type LoadedConfig, readConfig } from './config-file.ts'
import { usageError } from '../calling/report-error.ts'

/** The file of `--store`, if it was given. @throws OpspawnError `OPTIONS_INVALID` */
export function storeFile({ options, surroundings: { cwd } }: Call, mustExist: boolean): string | undefined {
  const given = options.text('store')
  if (given === undefined) return undefined
  const path = resolve(cwd, given)
  const isThere = existsSync(path)
  if (isThere && statSync(path).isDirectory())
    throw usageError(`--store takes a file such as runs.db, and ${path} is a folder`, undefined, 'store-missing')
  if (mustExist && !isThere) throw usageError(`there is no file ${path}`, undefined, 'store-missing')
  return path
}

/**
 * Opens the runs of a store to look at and to act upon, without agents and without working on them.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `PLUGIN_CAPABILITY_MISSING`, what the configuration or the store throws
 */
export async function withRuns<T>(
  call: Call,
  act: (runs: Orchestrator, config: LoadedConfig | undefined) => Promise<T>,
): Promise<T> {
  const file = storeFile(call, true)
  const config = file === undefined || call.options.text('config') !== undefined ? await readConfig(call) : undefined
  if (file === undefined && config === undefined) {
    const { cwd } = call.surroundings
    throw usageError(`which store? There is no opspawn.config.ts in ${cwd}`, 'give --store runs.db, or --config', 'store-missing')
  }
  const parts = config === undefined ? {} : storeParts(config.options)
  if (file === undefined && config !== undefined) requireVisible(config)
  return withOrchestrator({ ...(file === undefined ? parts : { store: file }), work: false, announce: false }, (runs) =>
    act(runs, config),
  )
}

/** Opens the whole orchestrator of a configuration. @throws OpspawnError see {@link withRuns} */
export async function withAgents<T>(
  call: Call,
  more: { readonly work: boolean; readonly agents?: readonly Agent[]; readonly options?: Partial<LocalOptions> },
  config: LoadedConfig | undefined,
  act: (orchestrator: Orchestrator) => Promise<T>,
): Promise<T> {
  const file = storeFile(call, false)
  const base = config?.options ?? {}
  const plugins = file === undefined ? base.plugins : base.plugins?.filter(({ spec }) => spec !== 'store/1')
  const agents = [...(base.agents ?? []), ...(more.agents ?? [])]
  const options: LocalOptions = {
    ...base,
    ...more.options,
    agents,
    ...(plugins === undefined ? undefined : { plugins }),
    ...(file === undefined ? undefined : { store: file }),
    work: more.work,
    announce: false,
  }
  return withOrchestrator(options, act)
}

async function withOrchestrator<T>(options: LocalOptions, act: (orchestrator: Orchestrator) => Promise<T>): Promise<T> {
  const { createOrchestrator } = await import('../../index.ts')
  const orchestrator = await createOrchestrator(options)
  try {
    return await act(orchestrator)
  } finally {
    await orchestrator.close()
  }
}

/** Of a configuration, what runs are kept in and told about. */
function storeParts({ store, scheduler, plugins = [], clock, timing }: LocalOptions): LocalOptions {
  return {
    plugins: plugins.filter(({ spec }: Plugin) => spec === 'store/1' || spec === 'scheduler/1'),
    ...(store === undefined ? undefined : { store }),
    ...(scheduler === undefined ? undefined : { scheduler }),
    ...(clock === undefined ? undefined : { clock }),
    ...(timing === undefined ? undefined : { timing }),
  }
}

/** The store of a configuration: a path, a store, or nothing where runs are kept in memory. */
export function configuredStore({ store, plugins = [] }: LocalOptions): Store | string | undefined {
  return store ?? plugins.find((plugin): plugin is Store => plugin.spec === 'store/1')
}

/** @throws OpspawnError `OPTIONS_INVALID` where runs would be in this process alone */
export function requireShared({ options }: Call, config: LoadedConfig | undefined, message: string): void {
  if (options.text('store') !== undefined || isShared(config?.options ?? {})) return
  throw usageError(message, 'name a file in the configuration, or give --store runs.db')
}

/** Whether several processes see the runs of a configuration. */
export function isShared(options: LocalOptions): boolean {
  const store = configuredStore(options)
  return typeof store === 'string' || store?.capabilities.multiProcess === true
}

/** Runs in the memory of another process cannot be seen from here. */
function requireVisible({ path, options }: LoadedConfig): void {
  if (isShared(options)) return
  throw new OpspawnError(
    'PLUGIN_CAPABILITY_MISSING',
    `${path} keeps runs in the memory of the process that started them, so there is nothing to look at from here`,
    { details: { hint: 'name a file in the configuration, `store: "runs.db"`, or give --store' } },
  )
}
