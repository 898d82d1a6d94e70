import { OpspawnError, type Clock, type OperationOptions } from '../../../core/index.ts'
import type { GuardedFetchOptions } from '../../../fetching/index.ts'
import type { McpServer } from '../config/servers.ts'
import type { McpAuth } from '../auth/authorisation.ts'
import type { McpConnection, McpDriver, McpEndpoint, McpEvent, McpHandlers } from '../port.ts'
import type { Deadline } from '../deadline.ts'
import { mcpLink, type McpLink, type McpLinkEvent } from './link.ts'
import { masking } from './masking.ts'
import { serverFetches } from './server-fetches.ts'
import { idleState, type McpServerState } from './state.ts'
import { systemClock } from './system-clock.ts'

/**
 * What connections are made with.
 *
 * @property servers All that there may be connections to.
 * @property driver The library that speaks the protocol.
 */
export interface McpConnectionsOptions {
  readonly servers: readonly McpServer[]
  readonly driver: McpDriver
  /**
   * What requests to a server go through, those for authorisation included; asked once for each server. Default: a guarded
   * fetch, which reaches public addresses by https, and besides these the hosts of `allowHosts` alone; options are added to
   * those of that fetch, hosts of `allow` to the hosts of each server.
   */
  readonly fetch?: GuardedFetchOptions | ((server: McpServer) => typeof fetch) | undefined
  /** How `principal` proves to a server who they are; undefined: this server asks nobody, and all share one connection. */
  readonly auth?: ((server: McpServer, principal: string) => McpAuth | undefined) | undefined
  /** Answers to what servers ask for. Without: no capability is declared. */
  readonly handlers?: ((server: McpServer, principal: string | undefined) => McpHandlers) | undefined
  /** Told of all that happens. Must not throw. */
  readonly onEvent?: ((server: string, principal: string | undefined, event: McpLinkEvent) => void) | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
  /** From 0 to 1, for the spread of new attempts. Default `Math.random`. */
  readonly random?: (() => number) | undefined
  /** Connections at once, of all principals together. One that is not in use gives way to a new one. Default 256. */
  readonly maxConnections?: number | undefined
}

/**
 * All connections of one host. Nothing is connected before it is asked for.
 *
 * @property servers As configured.
 */
export interface McpConnections extends AsyncDisposable {
  readonly servers: readonly McpServer[]
  /**
   * One server as a principal sees it.
   *
   * @throws OpspawnError `OPTIONS_INVALID` for a server that is not configured or not enabled; `QUEUE_FULL` when all
   * connections that there may be are in use
   */
  link(server: string, principal?: string): McpLink
  /** Connects to all servers that are enabled, side by side. Never rejects for a server: its state says what is wrong. */
  connectAll(principal?: string, options?: OperationOptions): Promise<readonly McpServerState[]>
  /** Of each server at least one entry, also of those not enabled or not asked for. */
  states(): readonly McpServerState[]
  /** Ends all connections, side by side. @throws OpspawnError `INTERNAL` that names all that could not be ended */
  close(): Promise<void>
}

const DEFAULT_PRINCIPAL = ''

/** The connections of a host, none made yet. @throws OpspawnError `OPTIONS_INVALID`, `NAME_DUPLICATE` */
export function createMcpConnections(options: McpConnectionsOptions): McpConnections {
  const { servers, clock = systemClock, random = Math.random, maxConnections = 256 } = options
  const byName = new Map(servers.map((server) => [server.name, server]))
  check(options, byName)
  const links = new Map<string, McpLink>()
  const idleSince = clock.now()
  const fetches = serverFetches(options.fetch)
  const newLink = linkMaker(options, clock, random, (server) => fetches.of(server))
  let closing: Promise<void> | undefined

  const link = (name: string, principal: string = DEFAULT_PRINCIPAL): McpLink => {
    const server = byName.get(name)
    if (!server?.enabled) throw notThere(name, server, servers)
    if (closing !== undefined) {
      throw new OpspawnError('TOOL_UNAVAILABLE', 'The connections to MCP servers have been closed', { retryable: false })
    }
    const auth = options.auth?.(server, principal)
    const key = JSON.stringify([name, auth === undefined ? null : principal])
    const found = links.get(key)
    if (found !== undefined) return found
    makeRoom(links, maxConnections)
    const made = newLink(server, auth === undefined ? undefined : principal, auth)
    links.set(key, made)
    return made
  }

  const close = async (): Promise<void> => {
    const ended = await Promise.allSettled([...links.values()].map((one) => one.close()))
    await fetches.close()
    const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
    if (failures.length === 0) return
    const text = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure))).join('; ')
    const cause = new AggregateError(failures)
    throw new OpspawnError('INTERNAL', `${failures.length} connections to MCP servers did not end: ${text}`, { cause })
  }

  return {
    servers,
    link,
    async connectAll(principal, { signal } = {}) {
      const enabled = servers.filter((server) => server.enabled).map((server) => link(server.name, principal))
      await Promise.allSettled(enabled.map((one) => one.use(async () => undefined, { signal })))
      signal?.throwIfAborted()
      return enabled.map((one) => one.state())
    },
    states() {
      const known = [...links.values()].map((one) => one.state())
      const rest = servers.filter(({ name }) => !known.some((state) => state.server === name))
      return [...known, ...rest.map(({ name }) => idleState(name, undefined, idleSince))]
    },
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
}

type LinkMaker = (server: McpServer, principal: string | undefined, auth: McpAuth | undefined) => McpLink

function linkMaker(
  options: McpConnectionsOptions,
  clock: Clock,
  random: () => number,
  fetchFor: (server: McpServer) => typeof fetch,
): LinkMaker {
  return (server, principal, auth) => {
    const onEvent = (event: McpLinkEvent): void => options.onEvent?.(server.name, principal, event)
    const open = (limit: Deadline, told: (event: McpEvent) => void): Promise<McpConnection> => {
      const { maxMessageBytes, maxPages } = server.limits
      const handlers = options.handlers?.(server, principal) ?? {}
      return options.driver.connect(endpointOf(server, fetchFor), {
        signal: limit.signal,
        handlers,
        onEvent: told,
        maxMessageBytes,
        maxPages,
        auth: auth && unhurried(auth, limit),
      })
    }
    return mcpLink({ server, principal, masking: masking(() => server.secrets), clock, random, open, onEvent })
  }
}

/** A person takes as long as they take. */
function unhurried(auth: McpAuth, limit: Deadline): McpAuth {
  if (auth.authorize === undefined) return auth
  return { ...auth, authorize: (url, given) => limit.untimed(async () => auth.authorize?.(url, given) ?? '') }
}

function check({ maxConnections = 256 }: McpConnectionsOptions, byName: ReadonlyMap<string, McpServer>): void {
  if (!Number.isSafeInteger(maxConnections) || maxConnections < Math.max(1, byName.size)) {
    const text = `maxConnections is not a whole number of at least ${Math.max(1, byName.size)}, the number of servers`
    throw new OpspawnError('OPTIONS_INVALID', text)
  }
}

function endpointOf(server: McpServer, fetchFor: (server: McpServer) => typeof fetch): McpEndpoint {
  const { target } = server
  return target.kind === 'stdio' ? target : { kind: 'http', url: target.url, headers: target.headers, fetch: fetchFor(server) }
}

function notThere(name: string, server: McpServer | undefined, servers: readonly McpServer[]): OpspawnError {
  if (server !== undefined) {
    return new OpspawnError('OPTIONS_INVALID', `MCP server ${JSON.stringify(name)} is not enabled in the configuration`)
  }
  const names = servers.filter(({ enabled }) => enabled).map((one) => one.name)
  const text = `There is no MCP server ${JSON.stringify(name.slice(0, 100))}; there are: ${names.join(', ') || 'none'}`
  return new OpspawnError('OPTIONS_INVALID', text)
}

/** Lets the link go that was used the longest time ago, if there are as many as there may be. */
function makeRoom(links: Map<string, McpLink>, maxConnections: number): void {
  if (links.size < maxConnections) return
  const free = [...links].filter(([, link]) => !link.isBusy()).toSorted(([, a], [, b]) => a.lastUsed() - b.lastUsed())
  const [oldest] = free
  if (oldest === undefined) {
    throw new OpspawnError('QUEUE_FULL', `All ${maxConnections} connections to MCP servers are in use (maxConnections)`)
  }
  links.delete(oldest[0])
  void oldest[1].close()
}
