import type { JsonObject } from '../../core/index.ts'
import type { McpServer } from './config/servers.ts'
import type { McpConnections } from './connection/connections.ts'
import type { McpLinkEvent } from './connection/link.ts'
import type { McpServerEvent, McpServers } from './servers.ts'

/** Tells several listeners what one is told. */
export interface EventRelay {
  readonly tell: (server: string, principal: string | undefined, event: McpLinkEvent) => void
  listen(listener: (event: McpServerEvent) => void): () => void
}

/** Makes a relay without listeners. */
export function eventRelay(): EventRelay {
  const listeners = new Set<(event: McpServerEvent) => void>()
  return {
    tell(server, principal, event) {
      if (event.type === 'state') return
      const told = event.type === 'ready' ? ({ type: 'open' } as const) : event
      for (const listener of listeners) listener({ server, partition: partitionOf(principal), event: told })
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** What tools need of connections. `close` ends whatever the connections were made with, too. */
export function serversOf(connections: McpConnections, relay: EventRelay, close: () => Promise<void>): McpServers {
  const known = new Map(connections.servers.filter(({ enabled }) => enabled).map((server) => [server.name, server]))
  return {
    names: [...known.keys()],
    partition: (server, { principal }) => partitionOf(connections.link(server, principal).principal),
    identity: (server) => identityOf(known.get(server)),
    defaults(server) {
      const { trust, limits } = connections.link(server).server
      return { trusted: trust === 'trusted', callMs: limits.callTimeoutMs, listMs: limits.listTimeoutMs }
    },
    use: async (server, { principal }, work, options) => connections.link(server, principal).use(work, options),
    onEvent: (listener) => relay.listen(listener),
    mask: (server, text) => connections.link(server).masking.text(text),
    states: () => connections.states() as unknown as readonly JsonObject[],
    close,
  }
}

/** Nobody in particular shares; a server that knows its users shares nothing, not even with nobody. */
function partitionOf(principal: string | undefined): string {
  return principal === undefined ? '' : `of ${principal}`
}

/** Without what is secret or differs between machines: neither environment nor headers, no query. */
function identityOf(server: McpServer | undefined): JsonObject {
  if (server === undefined) return {}
  const { target } = server
  if (target.kind === 'http') return { origin: new URL(target.url).origin }
  return { command: target.command, args: target.args }
}
