import { ERROR_CODES, type ErrorCode, errorInfo, OpspawnError } from './errors.ts'
import type { Json } from './json.ts'
import { toJson } from './to-json.ts'

/** An error as data: what histories, outcomes and surfaces carry. It never holds a stack. */
export interface Failure {
  /** A code of the error table, or of a newer one. */
  readonly code: string
  /** At most 10,000 characters. */
  readonly message: string
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean
  /** Left out when they are not JSON, or larger than 64 kB. */
  readonly details?: Json
  /** The errors behind it, nearest first, at most four. */
  readonly causes?: readonly ThrownText[]
}

type ThrownText = { readonly name: string; readonly message: string }

/**
 * Turns anything that was thrown into a {@link Failure}: errors of other libraries, strings, `undefined`, objects
 * whose getters throw. Never throws itself, and never gives more than a history can hold.
 *
 * @param code the code for what is not an {@link OpspawnError}.
 */
export function toFailure(thrown: unknown, code: ErrorCode): Failure {
  const own = OpspawnError.is(thrown) ? thrown : undefined
  const { name, message } = describe(thrown)
  const ownCode = member(own, 'code')
  const retryable = member(own, 'retryable')
  const details = safely(() => toJson(own?.details, { maxSize: 65_536 }))
  const causes = causesOf(thrown)
  return {
    code: typeof ownCode === 'string' ? ownCode : code,
    message: own !== undefined || name === 'Error' ? message : `${name}: ${message}`,
    retryable: typeof retryable === 'boolean' ? retryable : errorInfo(code).retryable,
    ...(details === undefined || details === null ? undefined : { details }),
    ...(causes.length === 0 ? undefined : { causes }),
  }
}

function causesOf(thrown: unknown): readonly ThrownText[] {
  const causes: ThrownText[] = []
  let cause = member(thrown, 'cause')
  for (; cause !== undefined && cause !== null && causes.length < 4; cause = member(cause, 'cause')) causes.push(describe(cause))
  return causes
}

/** Turns a {@link Failure} back into an error to throw. */
export function toError({ code, message, retryable, details }: Failure): OpspawnError {
  const known = (ERROR_CODES as readonly string[]).includes(code) ? (code as ErrorCode) : 'INTERNAL'
  return new OpspawnError(known, message, { retryable, details })
}

function describe(thrown: unknown): ThrownText {
  const isObject = typeof thrown === 'object' && thrown !== null
  const message = isObject ? member(thrown, 'message') : safely(() => String(thrown as string))
  const name = member(thrown, 'name')
  const text = typeof message === 'string' ? message.slice(0, 10_000) : ''
  return {
    name: isObject && typeof name === 'string' ? name.slice(0, 100) : 'Error',
    message: text || 'something thrown without a message',
  }
}

/** A member of anything that was thrown; what cannot be read is not there. */
const member = (thrown: unknown, name: string): unknown => safely(() => (thrown as Readonly<Record<string, unknown>>)[name])

function safely<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
