import { OpspawnError, type ErrorCode, type Json, type JsonObject } from '../../core/index.ts'

const BUSY = [5, 6]
const READ_ONLY = [3, 8]
const CORRUPT = 11
const DISK_FULL = 13
const CANNOT_OPEN = 14
const NOT_A_DATABASE = 26

function resultCode(error: unknown): number | undefined {
  const { errcode } = (error ?? {}) as { readonly errcode?: unknown }
  // Without its extension.
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}

/** Whether another connection holds the lock that is needed. */
export function isBusy(error: unknown): boolean {
  return BUSY.includes(resultCode(error) ?? 0)
}

/** A failure of the memory with a reason for programs, `details.reason`. */
export function failed(
  reason: string,
  message: string,
  {
    cause,
    retryable = false,
    more = {},
  }: { readonly cause?: unknown; readonly retryable?: boolean; readonly more?: JsonObject } = {},
): OpspawnError {
  return new OpspawnError('MEMORY_FAILED', message, { cause, retryable, details: { reason, ...more } })
}

/** Wraps what SQLite or the file system threw in a sentence that says what to do. */
export function wrapFailure(error: unknown, path: string): OpspawnError {
  if (OpspawnError.is(error)) return error
  const [reason, message, retryable = false] = sentence(error, path)
  return failed(reason, message, { cause: error, retryable })
}

function sentence(error: unknown, path: string): readonly [reason: string, message: string, retryable?: boolean] {
  const code = resultCode(error) ?? 0
  const text = error instanceof Error ? error.message : String(error)
  if (BUSY.includes(code))
    return ['busy', `${path} was locked by another process all the time; see what holds it open, then try again`, true]
  if (READ_ONLY.includes(code))
    return ['read-only', `${path} cannot be written: give this user the right to write the file and its folder`]
  if (code === DISK_FULL)
    return ['disk-full', `no space is left for ${path}; nothing was written: free some, then try again`, true]
  if (code === CANNOT_OPEN)
    return ['cannot-open', `${path} cannot be opened: its folder must exist, and this user must be allowed to write into it`]
  if (code === NOT_A_DATABASE) return ['not-a-database', `${path} is not a SQLite database; give another path`]
  if (code === CORRUPT) return ['corrupt', `${path} is damaged: stop what uses it, and put a backup in its place (${text})`]
  return ['failed', `${path}: ${text}`, true]
}

/** An error on its way between threads. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly details: Json | undefined
  readonly cause: string | undefined
}

/** Writes an error as data for another thread. */
export function toRefusal(error: unknown, path: string): Refusal {
  const { code, message, retryable, details, cause } = wrapFailure(error, path)
  return { code, message, retryable, details, cause: cause instanceof Error ? cause.message : undefined }
}

/** Makes the error again that another thread wrote down. */
export function fromRefusal({ code, message, retryable, details, cause }: Refusal): OpspawnError {
  return new OpspawnError(code as ErrorCode, message, {
    retryable,
    details,
    ...(cause !== undefined && { cause: new Error(cause) }),
  })
}
