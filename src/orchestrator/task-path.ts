import type { RunOrigin } from '../core/index.ts'

/** The task that a call carries out, behind those that its run is part of, the outermost first; nothing where there is none. */
export function taskPath(origin: RunOrigin, effect: { readonly task?: string }): Pick<RunOrigin, 'task'> {
  const names = [origin.task, effect.task].filter((name) => name !== undefined)
  return names.length === 0 ? {} : { task: names.join('/') }
}
