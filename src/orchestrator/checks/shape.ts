import { type ErrorCode, OpspawnError } from '../../core/index.ts'
import { show } from './show.ts'

/** What a member of an options object must be; with `?` it may be absent. */
export type Kind = Base | `${Base}?`
type Base = keyof typeof CHECKS

/** The members of an options object. */
export type Shape = Readonly<Record<string, Kind>>

const CHECKS = {
  any: (): boolean => true,
  text: (value: unknown): boolean => typeof value === 'string',
  flag: (value: unknown): boolean => typeof value === 'boolean',
  function: (value: unknown): boolean => typeof value === 'function',
  list: (value: unknown): boolean => Array.isArray(value),
  object: (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value),
  number: (value: unknown): boolean => Number.isFinite(value),
  /** Above 0; Infinity is no limit. */
  positive: (value: unknown): boolean => typeof value === 'number' && value > 0,
  finite: (value: unknown): boolean => CHECKS.positive(value) && value !== Infinity,
  /** A whole number above 0; Infinity is no limit. */
  upTo: (value: unknown): boolean => CHECKS.whole(value) || value === Infinity,
  amount: (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0,
  whole: (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0,
  count: (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0,
}

const WORDS: Readonly<Record<Base, string>> = {
  any: 'anything',
  text: 'a text',
  flag: 'true or false',
  function: 'a function',
  list: 'a list',
  object: 'an object',
  number: 'a number',
  positive: 'a number above 0',
  finite: 'a finite number above 0',
  upTo: 'a whole number above 0, or Infinity',
  amount: 'a number, 0 or more',
  whole: 'a whole number above 0',
  count: 'a whole number, 0 or more',
}

/**
 * Checks an options object: an object, no member that is not in the shape, each of its kind. One mechanism for everything
 * that users hand in, so that a misspelt limit or rule never passes as none.
 *
 * @param code for what is not a number; numbers out of range are `LIMIT_INVALID`
 * @param open members that are not in the shape are let pass: for parts that other packages make
 * @throws OpspawnError `code`, `LIMIT_INVALID`
 */
export function requireShape(
  where: string,
  value: unknown,
  shape: Shape,
  code: ErrorCode = 'OPTIONS_INVALID',
  open = false,
): void {
  if (!CHECKS.object(value)) throw new OpspawnError(code, `${where} must be an object, not ${show(value)}`)
  const object = value as Readonly<Record<string, unknown>>
  const unknown = open ? undefined : Object.keys(object).find((member) => !Object.hasOwn(shape, member))
  if (unknown !== undefined) {
    const text = `${where} has no member ${show(unknown)}; it may have ${Object.keys(shape).join(', ')}`
    throw new OpspawnError(code, text, { details: { member: unknown } })
  }
  for (const [member, kind] of Object.entries(shape)) requireMember(where, member, kind, object[member], code)
}

function requireMember(where: string, member: string, kind: Shape[string], item: unknown, code: ErrorCode): void {
  const base = (kind.endsWith('?') ? kind.slice(0, -1) : kind) as Base
  if ((item === undefined && base !== kind) || CHECKS[base](item)) return
  const text = `${where}: ${member} must be ${WORDS[base]}, not ${show(item)}`
  throw new OpspawnError(LIMITS.has(base) ? 'LIMIT_INVALID' : code, text, { details: { member } })
}

const LIMITS: ReadonlySet<Base> = new Set<Base>(['positive', 'finite', 'upTo', 'amount', 'whole', 'count'])
