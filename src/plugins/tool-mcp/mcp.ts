import type { Clock } from '../../core/index.ts'
import type { GuardedFetchOptions } from '../../fetching/index.ts'
import type { Environment } from './config/environment.ts'
import { parseMcpServers } from './config/parse-servers.ts'
import { createMcpConnections, type McpConnectionsOptions } from './connection/connections.ts'
import { mcpDriverV2 } from './drivers/driver-v2.ts'
import { isObject, optionsInvalid } from './faults.ts'
import { eventRelay, serversOf } from './from-connections.ts'
import { createMcp, type Mcp } from './handle.ts'
import type { McpToolOptions } from './options.ts'
import type { McpDriver } from './port.ts'

/**
 * What {@link mcp} may be told.
 *
 * @property clock For waits and limits of time. @default the system's
 */
export interface McpOptions
  extends McpToolOptions, Partial<Pick<McpConnectionsOptions, 'auth' | 'handlers' | 'random' | 'maxConnections'>> {
  /** As other hosts have them under `mcpServers`: by name, each with `command` or `url`. Read by `parseMcpServers`. */
  readonly servers: Readonly<Record<string, unknown>>
  /** Where `${env:NAME}` comes from. @default the environment of this process */
  readonly environment?: Environment
  /** The library that speaks the protocol. @default `mcpDriverV2()` */
  readonly driver?: McpDriver
  /**
   * What requests to servers with a `url` may do besides what their configuration says: hosts that are allowed, authorities
   * that are trusted. A fetch of your own is used as it is.
   *
   * @default https to public addresses alone
   */
  readonly fetch?: GuardedFetchOptions | typeof fetch
  readonly clock?: Clock
}

/**
 * MCP servers as tools for agents. Nothing is connected to before it is needed. As a plugin of an orchestrator it registers
 * their tools by name, and is closed with it; `tools()` gives them for the list of an agent.
 *
 * @throws OpspawnError `OPTIONS_INVALID` with all problems of the configuration at once
 */
export function mcp(options: McpOptions): Mcp {
  if (!isObject(options)) throw optionsInvalid('mcp takes an object with servers')
  const { servers: configured, environment, driver, fetch: fetching, auth, handlers, random, maxConnections, ...rest } = options
  const { clock } = rest
  const servers = parseMcpServers({ mcpServers: configured }, { environment })
  const relay = eventRelay()
  const connections = createMcpConnections({
    servers,
    driver: driver ?? mcpDriverV2({ clock }),
    fetch: typeof fetching === 'function' ? () => fetching : fetching,
    auth,
    handlers,
    onEvent: relay.tell,
    clock,
    random,
    maxConnections,
  })
  return createMcp(
    serversOf(connections, relay, () => connections.close()),
    rest,
  )
}
