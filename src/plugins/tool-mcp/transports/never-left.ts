import { OpspawnError } from '../../../core/index.ts'

/** Errors of the system and of TLS that come before the first byte of a request was sent. */
const BEFORE_SENDING: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/**
 * Whether a request that failed with this error provably never reached its server. A connection that was reset may have
 * carried it, and so may one that timed out: these say no.
 */
export function neverLeft(error: unknown): boolean {
  let at: unknown = error
  for (let depth = 0; depth < 8 && typeof at === 'object' && at !== null; depth += 1) {
    if (OpspawnError.is(at)) return at.code === 'ADDRESS_REFUSED' || wasNotSent(at)
    if (at instanceof AggregateError && at.errors.length > 0) return at.errors.every(neverLeft)
    const { code } = at as { readonly code?: unknown }
    if (typeof code === 'string' && BEFORE_SENDING.has(code)) return true
    at = (at as { readonly cause?: unknown }).cause
  }
  return false
}

/** A guarded fetch says so itself. */
function wasNotSent({ details }: OpspawnError): boolean {
  return (details as { readonly sent?: unknown } | undefined)?.sent === false
}
