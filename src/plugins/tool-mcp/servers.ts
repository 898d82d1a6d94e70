import type { JsonObject, OperationOptions } from '../../core/index.ts'
import type { McpConnection, McpEvent } from './port.ts'

/** On whose behalf a server is used. Servers that know their users are connected to once for each principal. */
export interface McpCaller {
  /** Of the run's caller; absent: nobody in particular. */
  readonly principal?: string | undefined
}

/** What the catalog and the tools need of the part that keeps connections. */
export interface McpServers {
  /** Configured names, in the order of the configuration. */
  readonly names: readonly string[]
  /** Callers of one partition share a connection, and all that was learned through it; `''`: everybody. */
  partition(server: string, caller: McpCaller): string
  /** What the server is, without what it says of itself: command and arguments, or the origin of its address. */
  identity(server: string): JsonObject
  /** What its configuration says of it. */
  defaults(server: string): McpServerDefaults
  /**
   * Does something over the open connection, which is opened if need be. Work that provably did not reach the server is done
   * once more over a new one.
   *
   * @throws OpspawnError `TOOL_UNAVAILABLE` and whatever a connection cannot be opened for; what the work throws
   * @throws the reason of `options.signal`; a connection that is being opened goes on for others
   */
  use<T>(
    server: string,
    caller: McpCaller,
    work: (connection: McpConnection) => Promise<T>,
    options?: OperationOptions,
  ): Promise<T>
  /** Tells of every event of every connection, and `open` after each new one. Gives a function that stops it. */
  onEvent(listener: (event: McpServerEvent) => void): () => void
  /** Replaces secrets of the server's configuration in a text. */
  mask(server: string, text: string): string
  /** Where each stands, for people. */
  states(): readonly JsonObject[]
  /** Closes all connections. Never throws twice for the same. */
  close(): Promise<void>
}

/**
 * What a server's configuration says where nothing else is said.
 *
 * @property trusted Whether its hints are believed.
 */
export interface McpServerDefaults {
  readonly trusted: boolean
  /** Longest call without progress, in milliseconds. */
  readonly callMs: number
  /** Longest reading of a list, in milliseconds. */
  readonly listMs: number
}

/**
 * What a connection of a server tells.
 *
 * @property server Name of the server.
 * @property partition Whose connection: everybody's, or a principal's.
 * @property event What happened.
 * @property event.type `open`: a connection stands; the others as the connection tells them.
 */
export interface McpServerEvent {
  readonly server: string
  readonly partition: string
  readonly event: McpEvent | { readonly type: 'open' }
}
