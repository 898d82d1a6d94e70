import { OpspawnError, toJson, type Json } from '../../../core/index.ts'
import { neverLeft } from '../transports/never-left.ts'
import type { WireFailures } from '../transports/wire-failures.ts'

const MAX_MESSAGE = 1_000
const MAX_DATA = 4_096

/** What was being done when a library threw. */
export interface FailedRequest {
  readonly method: string
  readonly signal: AbortSignal | undefined
  readonly failures: WireFailures
  /** Whether the connection had ended by then. */
  readonly isClosed: boolean
}

/** Tells what an error of either library means, in our codes. An abort gives the signal's reason, as it is. */
export function failureOf(error: unknown, request: FailedRequest): unknown {
  if (request.signal?.aborted) return request.signal.reason
  const own = request.failures.take(error) ?? ownError(error)
  if (own !== undefined) return own.code === 'EFFECT_UNKNOWN' && !isCall(request) ? unavailable(own) : own
  if (neverLeft(error)) {
    return new OpspawnError('TOOL_UNAVAILABLE', 'The server cannot be reached; nothing was sent', { cause: error })
  }
  const status = statusOf(error)
  if (status !== undefined) return httpFailure(status, error, request)
  if (ofAuthorisation(error)) return authorisationFailed(error)
  return protocolFailure(error, request)
}

function protocolFailure(error: unknown, request: FailedRequest): OpspawnError {
  const { code } = error as { readonly code?: unknown }
  // The older library gives a number to a connection that has closed, as servers do to errors of theirs.
  if (request.isClosed || code === 'CONNECTION_CLOSED' || code === 'SEND_FAILED') return interrupted(error, request)
  if (typeof code === 'number') return refused(code, error)
  return localFailure(String(code), error, request)
}

const AUTHORISATION = /OAuth|Unauthorized|Issuer|Registration|AuthorizationServer|InsufficientScope|InsecureToken/

/** Whether it failed before the request itself: the server had refused it, for want of a token. */
function ofAuthorisation(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return AUTHORISATION.test(error.name) || AUTHORISATION.test(error.constructor.name)
}

/** No token could be had; the server did nothing. What an authorisation server said is cut, and never trusted. */
export function authorisationFailed(error: unknown): unknown {
  if (!(error instanceof Error) || OpspawnError.is(error)) return error
  const text = error.message.slice(0, MAX_MESSAGE)
  return new OpspawnError('TOOL_FAILED', `Authorisation failed: ${text}`, { cause: error, details: { reason: 'authorisation' } })
}

/** The connection had ended before the request: it is safe to make it on another one. */
export function connectionEnded(cause?: unknown): OpspawnError {
  const details = { reason: 'connection-ended' }
  return new OpspawnError('TOOL_UNAVAILABLE', 'The connection has ended; nothing was sent', { cause, details })
}

function isCall({ method }: FailedRequest): boolean {
  return method === 'tools/call'
}

/** One of ours that a library has wrapped. */
function ownError(error: unknown): OpspawnError | undefined {
  let at = error
  for (let depth = 0; depth < 8 && typeof at === 'object' && at !== null; depth += 1) {
    if (OpspawnError.is(at)) return at
    at = (at as { readonly cause?: unknown }).cause ?? (at as { readonly data?: { readonly cause?: unknown } }).data?.cause
  }
  return undefined
}

function unavailable(cause: unknown): OpspawnError {
  return new OpspawnError('TOOL_UNAVAILABLE', 'The connection broke before the server answered', { cause })
}

function interrupted(cause: unknown, request: FailedRequest): OpspawnError {
  if (!isCall(request)) return unavailable(cause)
  return new OpspawnError('EFFECT_UNKNOWN', 'The connection broke with the call under way', { cause })
}

/** HTTP status of an error of either library: a member, a member of its data, or a code of three digits. */
function statusOf(error: unknown): number | undefined {
  const { code, status, data, name } = error as {
    readonly code?: unknown
    readonly status?: unknown
    readonly data?: { readonly status?: unknown }
    readonly name?: unknown
  }
  if (name === 'UnauthorizedError') return 401
  return [status, data?.status, code].find((value): value is number => typeof value === 'number' && value >= 300 && value <= 599)
}

function httpFailure(status: number, cause: unknown, request: FailedRequest): OpspawnError {
  const details = { status }
  if (status === 429) {
    return new OpspawnError('TOOL_UNAVAILABLE', 'The server asks to slow down (HTTP 429)', { cause, details })
  }
  if (status >= 500) {
    if (isCall(request)) {
      const text = `The server failed with the call under way (HTTP ${status})`
      return new OpspawnError('EFFECT_UNKNOWN', text, { cause, details })
    }
    return new OpspawnError('TOOL_UNAVAILABLE', `The server failed (HTTP ${status})`, { cause, details })
  }
  const why = status === 401 || status === 403 ? ': check its headers, or set up auth for it' : ''
  return new OpspawnError('TOOL_FAILED', `The server refused the request (HTTP ${status})${why}`, { cause, details })
}

/** The server answered with an error: it has not done, or says that it has not done, what was asked. */
function refused(code: number, error: unknown): OpspawnError {
  const { message, data } = error as { readonly message?: unknown; readonly data?: unknown }
  const text = String(message).slice(0, MAX_MESSAGE)
  return new OpspawnError('TOOL_FAILED', `The server answered with error ${code}: ${text}`, {
    cause: error,
    details: { code, ...(data !== undefined && { data: shortJson(data) }) },
  })
}

function shortJson(value: unknown): Json {
  try {
    return toJson(value, { maxSize: MAX_DATA })
  } catch {
    return 'left out: larger than 4,096 characters, or not JSON'
  }
}

function localFailure(code: string, cause: unknown, request: FailedRequest): OpspawnError {
  const text = String((cause as { readonly message?: unknown }).message).slice(0, MAX_MESSAGE)
  if (code === 'INVALID_RESULT' || code === 'UNSUPPORTED_RESULT_TYPE') {
    return new OpspawnError('TOOL_OUTPUT_INVALID', `The server's answer cannot be read: ${text}`, { cause })
  }
  if (code === 'NOT_CONNECTED') {
    return connectionEnded(cause)
  }
  // What is not known to have been refused may have happened.
  const isSafe = !isCall(request) || code === 'METHOD_NOT_SUPPORTED_BY_PROTOCOL_VERSION' || code === 'CAPABILITY_NOT_SUPPORTED'
  return new OpspawnError(isSafe ? 'TOOL_FAILED' : 'EFFECT_UNKNOWN', `${request.method} failed: ${text}`, { cause })
}
