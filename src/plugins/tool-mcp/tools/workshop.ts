import type { Clock } from '../../../core/index.ts'
import { Catalog } from '../catalog/catalog.ts'
import { mcpCatalogFile } from '../catalog/catalog-store.ts'
import { systemClock } from '../connection/system-clock.ts'
import type { McpToolOptions } from '../options.ts'
import { type PinKeeper, pinKeeper } from '../pins/pin-keeper.ts'
import { mcpLockFile } from '../pins/pin-store.ts'
import { mcpMemoryArtifacts } from '../results/artifacts.ts'
import { ArtifactShelf } from '../results/shelf.ts'
import type { McpServers } from '../servers.ts'
import { type SchemaChecker, schemaChecker } from '../validator.ts'
import type { McpAccess } from './access.ts'
import { Places, RateLimit } from './rate-limit.ts'

/** What all tools of one handle are made with. */
export interface Workshop {
  /** Of the handle, and of the tool in front. */
  readonly name: string
  readonly servers: McpServers
  readonly catalog: Catalog
  readonly pins: PinKeeper
  readonly checker: SchemaChecker
  readonly shelf: ArtifactShelf
  readonly rates: RateLimit
  readonly places: ReadonlyMap<string, Places>
  readonly clock: Clock
  readonly maxResultBytes: number
  /** Longest call in milliseconds, however much progress it makes. */
  readonly maxCallMs: number
  readonly access: (server: string) => McpAccess
}

const LOCK_FILE = 'mcp.lock.json'

/** Fills the options in. They have been checked. */
export function workshopOf(servers: McpServers, options: McpToolOptions): Workshop {
  const { access = {}, clock = systemClock, onProblem = () => {} } = options
  const { checkMs = 1_000, maxCallMs = 600_000, maxResultBytes = 65_536, artifacts = mcpMemoryArtifacts() } = options
  const pins = pinsOf(options)
  const store = typeof options.catalog === 'string' ? mcpCatalogFile(options.catalog) : options.catalog
  const limits = Object.entries(access).flatMap(([server, { concurrency }]) =>
    concurrency === undefined ? [] : [[server, new Places(concurrency)] as const],
  )
  return {
    name: options.name ?? 'mcp',
    servers,
    catalog: new Catalog({ servers, pins, store, clock, onProblem, keepsPersonal: options.catalogPersonal === true }),
    pins,
    checker: schemaChecker(clock, checkMs),
    shelf: new ArtifactShelf(artifacts),
    rates: new RateLimit(clock),
    places: new Map(limits),
    clock,
    maxResultBytes,
    maxCallMs,
    access: (server) => {
      const { trusted, callMs } = servers.defaults(server)
      return { trusted, timeoutMs: callMs, ...(Object.hasOwn(access, server) ? access[server] : undefined) }
    },
  }
}

function pinsOf({ pins }: McpToolOptions): PinKeeper {
  const { mode = 'off', store = LOCK_FILE } = pins ?? {}
  return pinKeeper(mode, typeof store === 'string' ? mcpLockFile(store) : store)
}
