import { OpspawnError, type ErrorCode, type Failure, type RetryPolicy, toFailure } from '../core/index.ts'

/** Four executions, waits drawn below 0.5, 1, 2 … seconds, never above half a minute. */
export const DEFAULT_RETRY: Required<RetryPolicy> = { attempts: 4, baseMs: 500, maxMs: 30_000 }

/**
 * The wait before the next execution: full jitter, drawn evenly between 0 and a bound that doubles with each failure
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). A provider's Retry-After is the least wait.
 *
 * @param failures executions that failed so far, at least 1
 * @param random draws from [0, 1)
 */
export function retryDelay(
  policy: RetryPolicy,
  failures: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number {
  const base = policy.baseMs ?? DEFAULT_RETRY.baseMs
  const cap = policy.maxMs ?? DEFAULT_RETRY.maxMs
  const bound = Math.min(cap, base * 2 ** (failures - 1), Number.MAX_SAFE_INTEGER)
  const drawn = Math.round(random() * bound)
  return retryAfterMs === undefined ? drawn : retryAfterMs + Math.round(drawn / 4)
}

/** A failed execution, understood. */
export interface Fault {
  readonly failure: Failure
  /** The least wait that the other side asked for. */
  readonly retryAfterMs?: number | undefined
}

/**
 * Understands what a model call threw. Errors of the AI SDK are known by their marker and fields, not by class, so no
 * package is imported: `statusCode`, `isRetryable`, `responseHeaders`.
 *
 * @param now epoch milliseconds, for Retry-After given as a date
 */
export function modelFault(thrown: unknown, now: number): Fault {
  if (OpspawnError.is(thrown)) return ownFault(thrown, 'MODEL_FAILED')
  const status = safely(() => (thrown as { statusCode?: unknown }).statusCode)
  const network = typeof status !== 'number' && isNetworkError(thrown)
  if (isCut(thrown, status)) return { failure: { ...toFailure(thrown, 'MODEL_INTERRUPTED'), retryable: true } }
  const failure = toFailure(thrown, network ? 'MODEL_UNAVAILABLE' : codeOf(status))
  const isRetryable = safely(() => (thrown as { isRetryable?: unknown }).isRetryable)
  return {
    failure: {
      ...failure,
      retryable: typeof isRetryable === 'boolean' ? isRetryable || network : failure.retryable,
      ...(typeof status === 'number' ? { details: { status } } : undefined),
    },
    retryAfterMs: safely(() => retryAfter((thrown as { responseHeaders?: unknown }).responseHeaders, now)),
  }
}

/** What a provider's HTTP status says. */
function codeOf(status: unknown): ErrorCode {
  if (status === 429) return 'MODEL_RATE_LIMITED'
  if (status === 408 || status === 409) return 'MODEL_UNAVAILABLE'
  return typeof status === 'number' && status >= 500 ? 'MODEL_UNAVAILABLE' : 'MODEL_FAILED'
}

/** A success whose body was cut or broken, or a stream that ended in the middle: the provider packages call both an error of the data. */
function isCut(thrown: unknown, status: unknown): boolean {
  if (typeof status === 'number') return status >= 200 && status < 300
  return BROKEN_DATA.has(safely(() => (thrown as { name?: unknown }).name))
}

const BROKEN_DATA: ReadonlySet<unknown> = new Set(['AI_InvalidResponseDataError', 'AI_JSONParseError'])

/** Anything can be thrown, also what throws when it is looked at. */
function safely<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Understands what a tool's body threw: retryable where it says so, or where a connection failed. */
export function toolFault(thrown: unknown): Fault {
  const fault = ownFault(thrown, 'TOOL_FAILED')
  return fault.failure.retryable || !isNetworkError(thrown) ? fault : { ...fault, failure: { ...fault.failure, retryable: true } }
}

/** Understands what says itself whether it may be tried again; `details.retryAfterMs` is the least wait. */
export function ownFault(thrown: unknown, code: ErrorCode): Fault {
  const failure = toFailure(thrown, code)
  const { retryAfterMs } = (failure.details ?? {}) as { readonly retryAfterMs?: unknown }
  return { failure, retryAfterMs: typeof retryAfterMs === 'number' ? clampWait(retryAfterMs) : undefined }
}

const NETWORK_CODES: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

function isNetworkError(thrown: unknown): boolean {
  let link = thrown
  for (let depth = 0; depth < 5 && typeof link === 'object' && link !== null; depth += 1) {
    try {
      if (NETWORK_CODES.has((link as { code?: unknown }).code)) return true
      link = (link as { cause?: unknown }).cause
    } catch {
      return false
    }
  }
  return false
}

/** Reads `retry-after-ms`, then `retry-after` in seconds or as a date; at most an hour is believed. */
function retryAfter(headers: unknown, now: number): number | undefined {
  const exact = Number.parseFloat(headerOf(headers, 'retry-after-ms') ?? '')
  if (Number.isFinite(exact)) return clampWait(exact)
  const text = headerOf(headers, 'retry-after')
  if (text === undefined) return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return clampWait(Number.parseFloat(text) * 1000)
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : clampWait(date - now)
}

/** A header's text from a platform's `Headers` or a plain record, in whatever letters its name is written. */
function headerOf(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  const { get } = headers as { get?: unknown }
  const found: unknown =
    typeof get === 'function'
      ? (get as (name: string) => unknown).call(headers, name)
      : Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]
  return typeof found === 'string' || typeof found === 'number' ? String(found).trim() : undefined
}

function clampWait(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms)), 3_600_000)
}
