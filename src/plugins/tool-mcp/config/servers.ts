import type { McpEndpoint } from '../port.ts'

/**
 * What a host knows about one MCP server, all references to the environment resolved.
 *
 * @property enabled Whether it is used at all.
 * @property limits Its limits, defaults filled in.
 * @property target Where it is.
 */
export interface McpServer {
  /** Of letters, digits, `-` and single `_`, at most 48; unique. */
  readonly name: string
  readonly enabled: boolean
  /** Whether what the server says about its own tools is believed. Default `untrusted`. */
  readonly trust: McpTrust
  readonly limits: McpLimits
  readonly target: McpTarget
  /** What may not be seen in any message. */
  readonly secrets: readonly string[]
}

/** Whether what a server says about itself is believed. */
export type McpTrust = 'trusted' | 'untrusted'

/**
 * Where a server is: a program that speaks over standard input and output, as in {@link McpEndpoint}, or an address.
 *
 * @property kind An address.
 * @property url Its address.
 * @property headers Sent with each request to it, and to nobody else.
 */
export type McpTarget =
  | Extract<McpEndpoint, { readonly kind: 'stdio' }>
  | {
      readonly kind: 'http'
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      /** `host:port` of private or unencrypted hosts that may be spoken to besides: this server's, its authorisation server's. */
      readonly allowHosts: readonly string[]
    }

/** Limits of one server. */
export interface McpLimits {
  /** Milliseconds until a connection must stand. Default 10,000. */
  readonly connectTimeoutMs: number
  /** Milliseconds for a whole list. Default 10,000. */
  readonly listTimeoutMs: number
  /** Milliseconds for a call. Default 60,000. */
  readonly callTimeoutMs: number
  /** Bytes of the largest single message. Default 8 MiB. */
  readonly maxMessageBytes: number
  /** Pages of a list. Default 64. */
  readonly maxPages: number
}

/** Where nothing else is said. */
export const DEFAULT_LIMITS: McpLimits = {
  connectTimeoutMs: 10_000,
  listTimeoutMs: 10_000,
  callTimeoutMs: 60_000,
  maxMessageBytes: 8_388_608,
  maxPages: 64,
}

/** The largest values that may be given. */
export const MAX_LIMITS: McpLimits = {
  connectTimeoutMs: 600_000,
  listTimeoutMs: 600_000,
  callTimeoutMs: 86_400_000,
  maxMessageBytes: 268_435_456,
  maxPages: 10_000,
}
