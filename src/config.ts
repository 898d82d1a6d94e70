import type { LocalOptions } from './local.ts'

/** What a configuration for the command line exports as its default: options, or a function that makes them. */
export type OpspawnConfig = LocalOptions | (() => LocalOptions | Promise<LocalOptions>)

/**
 * Types the default export of an `opspawn.config.ts`; gives it back as it is. The command line makes the orchestrator. A
 * `store` given as a path counts from the folder of the file.
 */
export function defineConfig<C extends OpspawnConfig>(config: C): C {
  return config
}
