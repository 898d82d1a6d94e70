import type { LocalOptions } from '../../index.ts'
import { nearest } from '../calling/nearest.ts'
import { usageError } from '../calling/report-error.ts'

/** Of each member, whether a value may stand there; what a member holds is checked where it is used. */
const MEMBERS: Readonly<Record<keyof LocalOptions, ((value: unknown) => boolean) | undefined>> = {
  agents: isListOfParts,
  plugins: isListOfParts,
  store: (value) => typeof value === 'string' || (isPart(value) && 'capabilities' in value),
  scheduler: isPart,
  planner: isPart,
  policy: undefined,
  prices: undefined,
  concurrency: undefined,
  queues: undefined,
  schedules: undefined,
  work: undefined,
  timing: undefined,
  announce: undefined,
  clock: undefined,
  random: undefined,
  ids: undefined,
}
const MEANT: Readonly<Record<string, string>> = {
  agents: 'a list of agents',
  plugins: 'a list of plugins',
  store: 'a store, or the path of a file',
  scheduler: 'a scheduler',
  planner: 'a planner',
}

/** So much of a configuration as commands look at by themselves. @throws OpspawnError `OPTIONS_INVALID` */
export function requireConfigShape(path: string, options: object): asserts options is LocalOptions {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(MEMBERS, name)) {
      const meant = nearest(name, Object.keys(MEMBERS))
      const rest = meant === undefined ? `it may have ${Object.keys(MEMBERS).join(', ')}` : `did you mean ${meant}?`
      throw usageError(`the configuration ${path} has no member "${name}"; ${rest}`, undefined, 'config-export')
    }
    const holds = MEMBERS[name as keyof LocalOptions]
    if (value !== undefined && holds?.(value) === false)
      throw usageError(`${name} of the configuration ${path} must be ${MEANT[name]}`, undefined, 'config-export')
  }
}

function isPart(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isListOfParts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isPart)
}
