import { OpspawnError, type ErrorCode, type Json } from '../../core/index.ts'
import type { Refusal } from './message.ts'

/** Primary result codes of SQLite that ask for different answers. */
const BUSY = [5, 6]
const READ_ONLY = [3, 8]
const DISK_FULL = 13
const CANNOT_OPEN = 14
const CORRUPT = 11
const NOT_A_DATABASE = 26

/** What SQLite's result code says, without its extension; undefined for errors that are not SQLite's. */
export function resultCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { errcode } = error as { readonly errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}

/** Whether another connection holds the lock that is needed. */
export function isBusy(error: unknown): boolean {
  return BUSY.includes(resultCode(error) ?? 0)
}

/** A failure of the store with a reason for programs. */
export function storeFailed(
  reason: string,
  message: string,
  more: { readonly cause?: unknown; readonly retryable?: boolean } = {},
): OpspawnError {
  return new OpspawnError('STORE_FAILED', message, { ...more, details: { reason } })
}

/** Wraps what SQLite or the file system threw in a sentence that says what to do. */
export function wrapFailure(error: unknown, path: string): OpspawnError {
  if (OpspawnError.is(error)) return error
  const [reason, message, retryable] = sentence(error, path)
  return storeFailed(reason, message, { cause: error, retryable })
}

function sentence(error: unknown, path: string): readonly [reason: string, message: string, retryable: boolean] {
  const code = resultCode(error)
  const text = error instanceof Error ? error.message : String(error)
  if (code !== undefined && BUSY.includes(code))
    return ['busy', `${path} was locked by another process all the time; see what holds it open, then try again`, true]
  if (code !== undefined && READ_ONLY.includes(code))
    return ['read-only', `${path} cannot be written: give this user the right to write the file and its folder`, false]
  if (code === DISK_FULL)
    return ['disk-full', `no space is left for ${path}; nothing was written: free some, then try again`, true]
  if (code === CANNOT_OPEN)
    return [
      'cannot-open',
      `${path} cannot be opened: its folder must exist, and this user must be allowed to write into it`,
      false,
    ]
  if (code === NOT_A_DATABASE) return ['not-a-database', `${path} is not a SQLite database; give another path`, false]
  if (code === CORRUPT)
    return ['corrupt', `${path} is damaged: stop what uses it, and put a backup in its place (${text})`, false]
  return ['failed', `${path}: ${text}`, true]
}

/** Writes an error as data for another thread. */
export function toRefusal(error: unknown, path: string): Refusal {
  const { code, message, retryable, details, cause } = wrapFailure(error, path)
  return { code, message, retryable, details, cause: cause instanceof Error ? cause.message : undefined }
}

/** Makes the error again that another thread wrote down. */
export function fromRefusal({ code, message, retryable, details, cause }: Refusal): OpspawnError {
  const options: { retryable: boolean; details: Json | undefined; cause?: Error } = { retryable, details }
  if (cause !== undefined) options.cause = new Error(cause)
  return new OpspawnError(code as ErrorCode, message, options)
}
