import { OpspawnError } from '../core/index.ts'
import type { Call } from './call.ts'
import type { FetchSettings } from './options.ts'

/** Doing it again does no harm, by the meaning of the method. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/**
 * What a call fails with that got no answer: `ADDRESS_REFUSED`; `PAYLOAD_TOO_LARGE` for a head above the limit;
 * `TOOL_UNAVAILABLE` when nothing was sent, or the method may be repeated; else `EFFECT_UNKNOWN`. `details.sent` says
 * whether the request may have left.
 */
export function connectionFault(error: unknown, call: Call, method: string, settings: FetchSettings): OpspawnError {
  const own = [error, (error as { cause?: unknown } | undefined)?.cause].find((one) => OpspawnError.is(one))
  if (own !== undefined) return own as OpspawnError
  const { code } = (error ?? {}) as { readonly code?: unknown }
  const sent = call.wasSent
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = `${call.name}: the head of the answer is larger than ${settings.maxHeaderBytes} bytes`
    return new OpspawnError('PAYLOAD_TOO_LARGE', message, { details: { limit: settings.maxHeaderBytes, sent } })
  }
  const why = typeof code === 'string' ? ` (${code})` : ''
  if (typeof code === 'string' && code.startsWith('HPE_')) {
    return new OpspawnError('TOOL_FAILED', `${call.name}: the answer is not HTTP${why}`, { cause: error, details: { sent } })
  }
  if (!sent) {
    return new OpspawnError('TOOL_UNAVAILABLE', `${call.name} cannot be reached${why}; nothing was sent`, {
      cause: error,
      details: { sent },
    })
  }
  const broken = `${call.name}: the connection broke before an answer came${why}`
  return REPEATABLE.has(method)
    ? new OpspawnError('TOOL_UNAVAILABLE', broken, { cause: error, details: { sent } })
    : new OpspawnError('EFFECT_UNKNOWN', `${broken}; the request may have been carried out`, { cause: error, details: { sent } })
}

/** What reading a body fails with that broke off or cannot be unpacked. */
export function bodyFault(error: unknown, call: Call): OpspawnError {
  if (OpspawnError.is(error)) return error
  const { code } = (error ?? {}) as { readonly code?: unknown }
  const why = typeof code === 'string' ? ` (${code})` : ''
  return new OpspawnError('TOOL_FAILED', `${call.name}: the answer broke off or cannot be unpacked${why}`, {
    cause: error,
    retryable: true,
    details: { sent: true },
  })
}

/** An answer whose body is above the limit. */
export function tooLarge(call: Call, limit: number): OpspawnError {
  const message = `${call.name}: the answer is larger than ${limit} bytes; ask for less, or raise maxBytes`
  return new OpspawnError('PAYLOAD_TOO_LARGE', message, { details: { limit, sent: true } })
}
