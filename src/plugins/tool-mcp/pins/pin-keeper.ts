import { toFailure } from '../../../core/index.ts'
import type { CatalogTool, ServerCatalog } from '../catalog/server-catalog.ts'
import { type PinChange, pinChanges } from './changes.ts'
import { isSame } from './pin.ts'
import type { McpPinStore, PinnedEntry, PinnedTool, Pins } from './pin-store.ts'

/**
 * What is done about a definition that is not the one that was approved:
 * - `off`: nothing;
 * - `warn`: it is told and used;
 * - `tofu`: what a server shows at first is approved, and what differs later is not used;
 * - `locked`: only what stands in the store is used.
 */
export type McpPinMode = 'off' | 'warn' | 'tofu' | 'locked'

/** Judges definitions against what was approved. */
export interface PinKeeper {
  readonly mode: McpPinMode
  /** The catalog with what may not be used marked so. Never throws: where pins cannot be read, nothing may be used. */
  judge(catalog: ServerCatalog): Promise<{ readonly catalog: ServerCatalog; readonly warnings: readonly string[] }>
  /** What differs between the store and a catalog. @throws OpspawnError `STORE_FAILED` */
  changes(catalog: ServerCatalog): Promise<readonly PinChange[]>
  /** Approves tools of a catalog as they are, or all of it, gone ones taken out. @throws OpspawnError `STORE_FAILED` */
  approve(catalog: ServerCatalog, tools: 'all' | readonly string[]): Promise<readonly string[]>
}

/** Makes the keeper of a store. */
export function pinKeeper(mode: McpPinMode, store: McpPinStore): PinKeeper {
  // One after the other: two servers that are seen at first at once must not write over each other.
  let queue: Promise<unknown> = Promise.resolve()
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = queue.then(act)
    queue = turn.catch(() => {})
    return turn
  }
  async function judge(catalog: ServerCatalog): Promise<Judged> {
    if (mode === 'off') return { catalog, warnings: [] }
    try {
      const pins = await store.read()
      const known = entryOf(pins, catalog.server)
      if (known === undefined && mode === 'tofu') {
        await store.write(withEntry(pins, catalog.server, entryOfCatalog(catalog)))
        return { catalog, warnings: [] }
      }
      return marked(catalog, known, mode, store.where)
    } catch (error) {
      const why = toFailure(error, 'STORE_FAILED').message
      if (mode === 'warn') return { catalog, warnings: [why] }
      return { catalog: { ...catalog, tools: catalog.tools.map((tool) => ({ ...tool, quarantine: why })) }, warnings: [why] }
    }
  }
  return {
    mode,
    judge: (catalog) => inTurn(() => judge(catalog)),
    changes: (catalog) => inTurn(async () => pinChanges(entryOf(await store.read(), catalog.server), catalog)),
    approve: (catalog, tools) =>
      inTurn(async () => {
        // All of it anew also mends what cannot be read.
        const pins = tools === 'all' ? await store.read().catch(() => undefined) : await store.read()
        const entry = tools === 'all' ? entryOfCatalog(catalog) : approved(entryOf(pins, catalog.server), catalog, tools)
        await store.write(withEntry(pins, catalog.server, entry))
        return tools === 'all' ? catalog.tools.map(({ name }) => name) : tools
      }),
  }
}

type Judged = Awaited<ReturnType<PinKeeper['judge']>>

function entryOf(pins: Pins | undefined, server: string): PinnedEntry | undefined {
  return pins !== undefined && Object.hasOwn(pins.servers, server) ? pins.servers[server] : undefined
}

function withEntry(pins: Pins | undefined, server: string, entry: PinnedEntry): Pins {
  return { version: 1, servers: { ...pins?.servers, [server]: entry } }
}

function entryOfCatalog({ identity, instructions, tools }: ServerCatalog): PinnedEntry {
  return {
    identity,
    instructions: instructions ?? null,
    tools: Object.fromEntries(tools.map((tool) => [tool.name, pinned(tool)])),
  }
}

/** The named tools as they are, the others as they were. What stands behind them all is approved with them. */
function approved(known: PinnedEntry | undefined, catalog: ServerCatalog, names: readonly string[]): PinnedEntry {
  const chosen = catalog.tools.filter(({ name }) => names.includes(name)).map((tool) => [tool.name, pinned(tool)] as const)
  const { identity, instructions } = catalog
  const isSameServer = known !== undefined && isSame(known.identity, identity) && known.instructions === (instructions ?? null)
  // Pins of another version bind to that version: those that are not named stay as they are, and so do not hold.
  const tools = { ...known?.tools, ...Object.fromEntries(chosen) }
  return isSameServer ? { ...known, tools } : { identity, instructions: instructions ?? null, tools }
}

function pinned({ pin, raw }: CatalogTool): PinnedTool {
  return { pin, definition: raw }
}

function marked(catalog: ServerCatalog, known: PinnedEntry | undefined, mode: McpPinMode, where: string): Judged {
  const warnings: string[] = []
  const tools = catalog.tools.map((tool) => {
    const why = differenceOf(tool, known)
    if (why === undefined) return tool
    warnings.push(`${tool.id} ${why}`)
    const advice = `${tool.id} ${why} (${where}); look at opspawn mcp diff, and approve it with opspawn mcp approve ${tool.id}`
    return mode === 'warn' ? tool : { ...tool, quarantine: advice }
  })
  return { catalog: { ...catalog, tools }, warnings }
}

function differenceOf(tool: CatalogTool, known: PinnedEntry | undefined): string | undefined {
  const before = known !== undefined && Object.hasOwn(known.tools, tool.name) ? known.tools[tool.name] : undefined
  if (before?.pin === tool.pin) return undefined
  if (known === undefined || before === undefined) return 'was never approved'
  if (!isSame(before.definition, tool.raw)) return 'is not as it was approved'
  return 'comes from another version or place of its server, or with other instructions, than it was approved for'
}
