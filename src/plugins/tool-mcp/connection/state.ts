import type { Clock } from '../../../core/index.ts'

/**
 * How it stands with the connection to one server, for one principal.
 *
 * @property server Name in the configuration.
 * @property retryAt Epoch milliseconds from which on it is tried again.
 * @property serverInfo What the server says that it is; nothing is decided by it.
 * @property serverInfo.name Its name.
 * @property serverInfo.version Its version.
 * @property lastError.code Of the error table.
 * @property lastError.message In words.
 * @property lastError.at Epoch milliseconds.
 */
export interface McpServerState {
  readonly server: string
  /** Undefined: shared by all, since the server asks nobody who they are. */
  readonly principal: string | undefined
  /**
   * - `idle`: not asked for yet
   * - `connecting`
   * - `ready`
   * - `backoff`: lost, or not reached; tried again by itself at `retryAt`
   * - `failed`: not tried again by itself, but when it is next asked for, from `retryAt` on
   * - `closed`: the end
   */
  readonly state: 'idle' | 'connecting' | 'ready' | 'backoff' | 'failed' | 'closed'
  /** Epoch milliseconds. */
  readonly since: number
  /** The last thing that went wrong; kept when it is well again. Without secrets. */
  readonly lastError: { readonly code: string; readonly message: string; readonly at: number } | undefined
  /** Attempts in a row that have led to no lasting connection. */
  readonly attempts: number
  readonly retryAt: number | undefined
  /** Of the connection that stands. */
  readonly protocolVersion: string | undefined
  readonly serverInfo: { readonly name: string; readonly version: string } | undefined
  /** Connections that have stood so far. */
  readonly connections: number
}

/** A server that nobody has asked for. */
export function idleState(server: string, principal: string | undefined, since: number): McpServerState {
  return {
    server,
    principal,
    state: 'idle',
    since,
    lastError: undefined,
    attempts: 0,
    retryAt: undefined,
    protocolVersion: undefined,
    serverInfo: undefined,
    connections: 0,
  }
}

/** A state that changes, and tells of it. */
export interface StateBox {
  now(): McpServerState
  /** `retryAt`, `protocolVersion` and `serverInfo` belong to one state each, and go with it. */
  become(state: McpServerState['state'], changes?: Partial<McpServerState>): void
  /** Without telling. */
  amend(changes: Partial<McpServerState>): void
}

export function stateBox(first: McpServerState, clock: Clock, onChange: (state: McpServerState) => void): StateBox {
  let now = first
  return {
    now: () => now,
    become(state, changes = {}) {
      const none = { retryAt: undefined, protocolVersion: undefined, serverInfo: undefined }
      now = { ...now, ...none, ...changes, state, since: clock.now() }
      onChange(now)
    },
    amend: (changes) => void (now = { ...now, ...changes }),
  }
}
