import { OpspawnError } from '../../../core/index.ts'
import type { McpServerState } from './state.ts'

/** What every message about a server begins with. */
export function prefix(server: string): string {
  return `MCP server ${JSON.stringify(server)}: `
}

/** Whether a failure is one of a request that its server did not get, and did not refuse either: another may be made. */
export function neverArrived(error: unknown): boolean {
  if (!OpspawnError.is(error, 'TOOL_UNAVAILABLE')) return false
  const reason = (error.details as { readonly reason?: unknown } | undefined)?.reason
  return reason === 'session-expired' || reason === 'connection-ended'
}

export function closedFailure(server: string): OpspawnError {
  return new OpspawnError('TOOL_UNAVAILABLE', `${prefix(server)}its connections have been closed`, { retryable: false })
}

export function slowFailure(ms: number): OpspawnError {
  return new OpspawnError('TOOL_UNAVAILABLE', `No connection stood after ${ms} ms (limits.connectTimeoutMs)`)
}

export function earlyFailure({ lastError, server }: McpServerState, ms: number): OpspawnError {
  const last = lastError?.message.replace(prefix(server), '') ?? 'unknown'
  const text = `${prefix(server)}not tried again for ${ms} ms, since the last attempt failed: ${last}`
  return new OpspawnError('TOOL_UNAVAILABLE', text, { details: { retryAfterMs: ms } })
}

/** Why a connection has ended, in our words. */
export function lossOf(error: unknown): OpspawnError {
  if (OpspawnError.is(error)) return error
  return new OpspawnError('TOOL_UNAVAILABLE', 'The connection was lost', { cause: error })
}
