import { type Clock, type JsonObject, type OperationOptions, OpspawnError, toFailure } from '../../../core/index.ts'
import { untilAborted } from '../../../remembering/index.ts'
import { deadline } from '../deadline.ts'
import type { PinKeeper } from '../pins/pin-keeper.ts'
import { isSame } from '../pins/pin.ts'
import type { McpConnection, McpList, McpToolDefinition } from '../port.ts'
import type { McpCaller, McpServers } from '../servers.ts'
import type { McpCatalogStore, StoredCatalog } from './catalog-store.ts'
import { joinCatalogs, type JoinedCatalog } from './joined.ts'
import { toolSearch, type ToolSearch } from './search.ts'
import { serverCatalog, type ServerCatalog } from './server-catalog.ts'

/**
 * Something that is not as it should be, for the operator.
 *
 * @property server Name of the server in the configuration.
 * @property problem What is wrong, in words.
 */
export interface McpProblem {
  readonly server: string
  /** As the server calls it. */
  readonly tool?: string
  readonly problem: string
}

/** What a catalog is made with. */
export interface CatalogParts {
  readonly servers: McpServers
  readonly pins: PinKeeper
  readonly store: McpCatalogStore | undefined
  /** Whether what a server shows to a single principal is kept too. */
  readonly keepsPersonal: boolean
  readonly clock: Clock
  /** Told once for each problem that is new. Must not throw. */
  readonly onProblem: (problem: McpProblem) => void
}

/** Of one server and one partition. */
interface Shelf {
  catalog: ServerCatalog | undefined
  isStale: boolean
  loading: Promise<ServerCatalog> | undefined
  problems: readonly McpProblem[]
}

/** Joined catalogs that are remembered: one for each set of servers and partitions that asks. */
const MOST_JOINED = 100
/** Servers times partitions whose catalogs are remembered. */
const MOST_SHELVES = 2_000
/** How often a list is read that has changed again while it was read. */
const MOST_READS = 3

/** What is known of all servers' tools, kept in step with them. */
export class Catalog {
  readonly #parts: CatalogParts
  readonly #shelves = new Map<string, Shelf>()
  readonly #joins = new Map<string, { readonly of: readonly (ServerCatalog | undefined)[]; readonly made: Joined }>()
  readonly #stop: () => void
  /** One after the other: each reads what is kept, and puts it back with its own. */
  #keeping: Promise<void> = Promise.resolve()

  constructor(parts: CatalogParts) {
    this.#parts = parts
    this.#stop = parts.servers.onEvent(({ server, partition, event }) => {
      const isNew = event.type === 'open' || (event.type === 'changed' && event.what === 'tools')
      const shelf = this.#shelves.get(keyOf(server, partition))
      if (isNew && shelf !== undefined) shelf.isStale = true
    })
  }

  /**
   * The server's catalog, read anew where the server said that it has changed, and after each new connection.
   *
   * @throws OpspawnError `TOOL_UNAVAILABLE`
   */
  load(server: string, caller: McpCaller, { signal }: OperationOptions = {}): Promise<ServerCatalog> {
    const shelf = this.#shelfOf(server, this.#parts.servers.partition(server, caller))
    if (shelf.catalog !== undefined && !shelf.isStale && shelf.loading === undefined) return Promise.resolve(shelf.catalog)
    shelf.loading ??= this.#read(shelf, server, caller).finally(() => {
      shelf.loading = undefined
    })
    return untilAborted(shelf.loading, signal)
  }

  /** Reads the pins again: what was approved meanwhile may be used. */
  async judgeAgain(server: string, caller: McpCaller): Promise<ServerCatalog> {
    const shelf = this.#shelfOf(server, this.#parts.servers.partition(server, caller))
    const { catalog } = shelf
    if (catalog === undefined) return this.load(server, caller)
    const plain = { ...catalog, tools: catalog.tools.map((tool) => ({ ...tool, quarantine: undefined })) }
    return this.#put(shelf, await this.#parts.pins.judge(plain))
  }

  /** What is known now, without asking anybody. */
  peek(server: string, caller: McpCaller): ServerCatalog | undefined {
    return this.#shelves.get(keyOf(server, this.#parts.servers.partition(server, caller)))?.catalog
  }

  /** What is known now of some servers, under one roof, with its index. */
  joined(names: readonly string[], caller: McpCaller): Joined {
    const key = JSON.stringify(names.map((server) => [server, this.#parts.servers.partition(server, caller)]))
    const of = names.map((server) => this.peek(server, caller))
    const known = this.#joins.get(key)
    if (known !== undefined && known.of.every((one, at) => one === of[at])) return known.made
    const join = joinCatalogs(of.filter((one) => one !== undefined))
    const made = { ...join, search: toolSearch(join.tools) }
    if (this.#joins.size >= MOST_JOINED) this.#joins.clear()
    this.#joins.set(key, { of, made })
    return made
  }

  /** Takes what was kept for servers that have not been asked yet. @throws OpspawnError `STORE_FAILED` */
  async restore(): Promise<void> {
    const { store, servers, pins, keepsPersonal } = this.#parts
    const stored = (await store?.read()) ?? {}
    for (const [key, kept] of Object.entries(stored)) {
      const [server = '', ...rest] = key.split(' ')
      const partition = rest.join(' ')
      if (!servers.names.includes(server) || (partition !== '' && !keepsPersonal)) continue
      const shelf = this.#shelfOf(server, partition)
      if (shelf.catalog !== undefined || !isOf(kept, servers.identity(server))) continue
      const judged = await pins.judge(catalogOf(server, kept))
      // The first connection says how it is now.
      if (shelf.catalog === undefined) {
        this.#put(shelf, judged)
        shelf.isStale = false
      }
    }
  }

  /** What was found wrong, the latest state of each server. */
  problems(): readonly McpProblem[] {
    return [...this.#shelves.values()].flatMap(({ problems }) => problems)
  }

  close(): void {
    this.#stop()
    this.#shelves.clear()
    this.#joins.clear()
  }

  #shelfOf(server: string, partition: string): Shelf {
    const key = keyOf(server, partition)
    let shelf = this.#shelves.get(key)
    if (shelf !== undefined) return shelf
    if (this.#shelves.size >= MOST_SHELVES) {
      const idle = [...this.#shelves].find(([, { loading }]) => loading === undefined)
      if (idle !== undefined) this.#shelves.delete(idle[0])
    }
    shelf = { catalog: undefined, isStale: true, loading: undefined, problems: [] }
    this.#shelves.set(key, shelf)
    return shelf
  }

  async #read(shelf: Shelf, server: string, caller: McpCaller): Promise<ServerCatalog> {
    const { servers, pins, keepsPersonal } = this.#parts
    const partition = servers.partition(server, caller)
    try {
      for (let reads = 1; ; reads += 1) {
        const read = await servers.use(server, caller, (connection) => {
          // What changes from here on makes it stale again.
          shelf.isStale = false
          return readCatalog(this.#parts, server, connection)
        })
        if (partition === '' || keepsPersonal) {
          await (this.#keeping = this.#keeping.then(() => keep(this.#parts, partition, read)))
        }
        const catalog = this.#put(shelf, await pins.judge(read.catalog))
        if (!shelf.isStale || reads === MOST_READS) return catalog
      }
    } catch (error) {
      shelf.isStale = true
      throw error
    }
  }

  #put(shelf: Shelf, { catalog, warnings }: Awaited<ReturnType<PinKeeper['judge']>>): ServerCatalog {
    const { server } = catalog
    const found: readonly McpProblem[] = [
      ...warnings.map((problem) => ({ server, problem })),
      ...catalog.broken.map(({ tool, problem }) => ({ server, tool, problem })),
    ]
    const isKnown = (one: McpProblem): boolean =>
      shelf.problems.some(({ tool, problem }) => tool === one.tool && problem === one.problem)
    const fresh = found.filter((one) => !isKnown(one))
    shelf.problems = found
    shelf.catalog = catalog
    for (const one of fresh) this.#parts.onProblem(one)
    return catalog
  }
}

type Joined = JoinedCatalog & { readonly search: ToolSearch }

function keyOf(server: string, partition: string): string {
  return JSON.stringify([server, partition])
}

interface ReadCatalog {
  readonly catalog: ServerCatalog
  readonly stored: StoredCatalog
}

async function readCatalog({ servers, clock }: CatalogParts, server: string, connection: McpConnection): Promise<ReadCatalog> {
  const { listMs } = servers.defaults(server)
  const limit = deadline(
    clock,
    { ms: listMs, hardMs: listMs },
    undefined,
    () => new OpspawnError('TOOL_UNAVAILABLE', `MCP server "${server}" did not list its tools within ${listMs} ms`),
  )
  let list: McpList<McpToolDefinition>
  try {
    list = await untilAborted(connection.listTools({ signal: limit.signal }), limit.signal)
  } catch (error) {
    if (OpspawnError.is(error)) throw error
    const why = servers.mask(server, toFailure(error, 'TOOL_UNAVAILABLE').message)
    throw new OpspawnError('TOOL_UNAVAILABLE', `MCP server "${server}" did not list its tools: ${why}`, { cause: error })
  } finally {
    limit.end()
  }
  const identity = withVersion(servers.identity(server), connection)
  const { instructions } = connection
  const catalog = serverCatalog(server, list, { identity, instructions })
  return { catalog, stored: { identity, instructions: instructions ?? null, tools: list.items } }
}

/** A program is a version of itself; what stands behind an address changes without notice, and its address is what is trusted. */
function withVersion(identity: JsonObject, { serverInfo }: McpConnection): JsonObject {
  return 'command' in identity ? { ...identity, version: serverInfo.version } : identity
}

function isOf({ identity }: StoredCatalog, configured: JsonObject): boolean {
  const { version: _, ...rest } = identity
  return isSame(rest, configured)
}

function catalogOf(server: string, { identity, instructions, tools }: StoredCatalog): ServerCatalog {
  return serverCatalog(server, { items: tools, broken: [] }, { identity, instructions: instructions ?? undefined })
}

/** Kept for the next start, what was kept longest ago given up. A store that fails costs a connection then, and is told. */
async function keep(parts: CatalogParts, partition: string, { catalog: { server }, stored }: ReadCatalog): Promise<void> {
  const { store, onProblem } = parts
  if (store === undefined) return
  try {
    // No name of a server has a blank.
    const key = partition === '' ? server : `${server} ${partition}`
    const others = Object.entries(await store.read()).filter(([other]) => other !== key)
    await store.write(Object.fromEntries([...others.slice(1 - MOST_SHELVES), [key, stored]]))
  } catch (error) {
    onProblem({ server, problem: toFailure(error, 'STORE_FAILED').message })
  }
}
