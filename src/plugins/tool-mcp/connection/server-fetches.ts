import { isIP } from 'node:net'
import { guardedFetch, type GuardedFetch, type GuardedFetchOptions } from '../../../fetching/index.ts'
import type { McpServer } from '../config/servers.ts'

/** One fetch for each server, kept until the end. */
export interface ServerFetches {
  of(server: McpServer): typeof fetch
  close(): Promise<void>
}

/** Longest time that a timer takes: limits of time are signals of the one who asks. */
const NO_LIMIT_MS = 2_147_483_647
/** Each call that is under way, and each stream, holds one. */
const CONNECTIONS = 1_024

export function serverFetches(given: GuardedFetchOptions | ((server: McpServer) => typeof fetch) = {}): ServerFetches {
  const fetches = new Map<string, typeof fetch>()
  const own: GuardedFetch[] = []
  // Wrong options are told now, not at the first connection.
  if (typeof given !== 'function') guardedFetch(given)
  const make = (server: McpServer): typeof fetch => {
    if (typeof given === 'function') return given(server)
    const made = guardedFetch({
      redirects: 'same-origin',
      headerMs: NO_LIMIT_MS,
      totalMs: Infinity,
      // The wire of a connection counts the messages; this is what holds for everything else.
      maxBytes: server.limits.maxMessageBytes + 65_536,
      eventStreams: 'unlimited',
      connections: CONNECTIONS,
      ...given,
      allow: [...(given.allow ?? []), ...allowedHosts(server)],
    })
    own.push(made)
    return made as typeof fetch
  }
  return {
    of(server) {
      const found = fetches.get(server.name) ?? make(server)
      fetches.set(server.name, found)
      return found
    },
    async close() {
      await Promise.all(own.map((one) => one[Symbol.asyncDispose]()))
    },
  }
}

/**
 * What may be spoken to although it is private: what the configuration lists, and the server itself where the configuration
 * gives it by its number or as localhost. A name may lead anywhere, so that it has to be listed.
 */
function allowedHosts({ target }: McpServer): readonly string[] {
  if (target.kind !== 'http') return []
  const { hostname, port, protocol } = new URL(target.url)
  const isMeant = hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0
  const own = `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`
  return isMeant ? [...target.allowHosts, own] : target.allowHosts
}
