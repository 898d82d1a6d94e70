import { OpspawnError, type Clock, type EmbeddingModel } from '../core/index.ts'
import { createEmbedder, type Embedder } from './embedder.ts'
import { found, isObject, optionsInvalid } from './faults.ts'
import { roughTokens } from './pack.ts'

/** What every memory may be told. */
export interface CommonMemoryOptions {
  /** Unique among the memories of an orchestrator. @default the name of the plugin */
  readonly name?: string | undefined
  /** Turns texts into vectors; without one recall goes by words alone. */
  readonly embedder?: EmbeddingModel | undefined
  /** Numbers of each vector, where they are known. @default those of the first vector */
  readonly dims?: number | undefined
  /** Counts a text's tokens for budgets. @default a quarter of its characters, and 8 */
  readonly countTokens?: ((text: string) => number) | undefined
  /** Only its `now` is used. @default the machine's */
  readonly clock?: Pick<Clock, 'now'> | undefined
  /** Makes ids. @default random UUIDs */
  readonly newId?: (() => string) | undefined
}

/** The same, checked, with defaults. */
export interface CommonMemoryParts {
  readonly name: string
  readonly embedder: Embedder | undefined
  readonly countTokens: (text: string) => number
  readonly now: () => number
  readonly newId: () => string
  /** Its ids are random, so that no record ever has one of them before: nobody gave another `newId`. */
  readonly hasRandomIds: boolean
}

const COMMON: readonly (keyof CommonMemoryOptions)[] = ['name', 'embedder', 'dims', 'countTokens', 'clock', 'newId']

/**
 * Checks what every memory may be told.
 *
 * @param factory name of the function that was called, for the message.
 * @param own names of the options that only this memory has; it checks them itself.
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function checkMemoryOptions(
  factory: string,
  options: CommonMemoryOptions,
  defaultName: string,
  own: readonly string[] = [],
): CommonMemoryParts {
  requireMembers(factory, options, [...COMMON, ...own])
  const { name = defaultName, embedder, dims, countTokens = roughTokens, clock = Date, newId = randomId } = options
  if (typeof name !== 'string' || name === '') throw optionsInvalid(factory, `name must be a text, not ${found(name)}`)
  requireFunctions(factory, { countTokens, newId, 'now of the clock': (clock as { readonly now?: unknown } | null)?.now })
  if (dims !== undefined && embedder === undefined) throw optionsInvalid(factory, 'dims is of use only with an embedder')
  return {
    name,
    embedder: embedder === undefined ? undefined : createEmbedder(embedder, { dims }),
    countTokens,
    now: () => clock.now(),
    newId,
    hasRandomIds: newId === randomId,
  }
}

function requireFunctions(factory: string, members: Readonly<Record<string, unknown>>): void {
  for (const [member, value] of Object.entries(members))
    if (typeof value !== 'function') throw optionsInvalid(factory, `${member} must be a function, not ${found(value)}`)
}

function requireMembers(factory: string, given: unknown, known: readonly string[]): void {
  if (!isObject(given)) throw optionsInvalid(factory, `must be given an object, not ${found(given)}`)
  const unknown = Object.keys(given).find((member) => !known.includes(member))
  if (unknown !== undefined) throw optionsInvalid(factory, `has no member ${found(unknown)}; it may have ${known.join(', ')}`)
}

/** Checks options that are true or false. @throws OpspawnError `OPTIONS_INVALID` */
export function requireFlags(factory: string, flags: Readonly<Record<string, unknown>>): void {
  for (const [member, value] of Object.entries(flags))
    if (typeof value !== 'boolean') throw optionsInvalid(factory, `${member} must be true or false, not ${found(value)}`)
}

/** Checks an option that is a whole number within limits. @throws OpspawnError `LIMIT_INVALID` */
export function requireWhole(
  factory: string,
  member: string,
  value: unknown,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
  throw new OpspawnError('LIMIT_INVALID', `${factory}: ${member} must be a whole number ${range}, not ${found(value)}`)
}

function randomId(): string {
  return crypto.randomUUID()
}
