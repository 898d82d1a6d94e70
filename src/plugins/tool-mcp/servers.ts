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
  /**
   * The open connection, opened if need be.
   *
   * @throws OpspawnError `TOOL_UNAVAILABLE` and whatever a connection cannot be opened for
   * @throws the reason of `options.signal`; the connection that is being opened goes on for others
   */
  connection(server: string, caller: McpCaller, options?: OperationOptions): Promise<McpConnection>
  /** Tells of every event of every connection, and `open` after each new one. Gives a function that stops it. */
  onEvent(listener: (event: McpServerEvent) => void): () => void
  /** Replaces secrets of the server's configuration in a text. */
  mask(server: string, text: string): string
  /** Where each stands, for people. */
  states(): readonly JsonObject[]
  /** Closes all connections. Never throws twice for the same. */
  close(): Promise<void>
}

/** What a connection of a server tells. */
export interface McpServerEvent {
  readonly server: string
  readonly partition: string
  readonly event: McpEvent | { readonly type: 'open' }
}
