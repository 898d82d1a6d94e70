import type { Clock } from '../../../core/index.ts'
import type { McpConnection, McpEndpoint } from '../port.ts'
import { systemClock } from '../connection/system-clock.ts'

const DAY_MS = 86_400_000
const MAX_VERDICTS = 1_000

/** What is known of servers that speak only older protocol versions. */
export interface EraVerdicts {
  isLegacy(endpoint: McpEndpoint): boolean
  learn(endpoint: McpEndpoint, connection: McpConnection): void
}

/**
 * A server that did not know the newest version is not asked again for a day: longer would keep an upgraded server, which
 * still answers in the old way, at it for ever. That a server is modern is asked each time, since a false yes is an error.
 */
export function eraVerdicts(clock: Clock = systemClock): EraVerdicts {
  const found = new Map<string, number>()
  return {
    isLegacy(endpoint) {
      const at = found.get(keyOf(endpoint))
      return at !== undefined && clock.now() - at < DAY_MS
    },
    learn(endpoint, { protocolVersion }) {
      const key = keyOf(endpoint)
      if (protocolVersion >= '2026') return void found.delete(key)
      if (found.has(key) && clock.now() - found.get(key)! < DAY_MS) return
      if (found.size >= MAX_VERDICTS) found.delete(found.keys().next().value!)
      found.set(key, clock.now())
    },
  }
}

function keyOf(endpoint: McpEndpoint): string {
  return endpoint.kind === 'http' ? endpoint.url : JSON.stringify([endpoint.command, endpoint.args, endpoint.cwd ?? null])
}

/** Whether a connection failed since the program at its other end had ended before it was settled how to speak. */
export function isDeadProbe(error: unknown): boolean {
  let at = error
  for (let depth = 0; depth < 8 && typeof at === 'object' && at !== null; depth += 1) {
    const { code } = at as { readonly code?: unknown }
    if (code === 'ERA_NEGOTIATION_FAILED' || code === 'CONNECTION_CLOSED') return true
    at = (at as { readonly cause?: unknown }).cause
  }
  return false
}
