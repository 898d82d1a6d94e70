import { type JsonObject, OpspawnError } from '../../core/index.ts'
import { compare, type CatalogTool, type ServerCatalog } from './catalog/server-catalog.ts'
import type { PinChange } from './pins/changes.ts'
import type { McpToolResult } from './port.ts'
import { termsOf } from './tools/access.ts'
import { nearestNames } from './tools/nearest.ts'
import { type McpCall, performCall } from './tools/perform.ts'
import type { Workshop } from './tools/workshop.ts'

/**
 * One tool, as the operator sees it.
 *
 * @property server Name of its server.
 * @property description As the server describes it, without hidden characters.
 * @property effect What may be done after a failure.
 * @property approval Whether each call waits for a person.
 */
export interface McpListedTool {
  readonly server: string
  /** As models see it. */
  readonly tool: string
  readonly description: string
  /** SHA-256 of its definition. */
  readonly pin: string
  /** Why it may not be used. */
  readonly quarantine?: string
  readonly effect: string
  readonly approval: boolean
}

/** Everybody's catalogs, those of servers that can be reached; the operator is nobody in particular. */
async function loaded({
  servers,
  catalog,
}: Workshop): Promise<{ readonly catalogs: readonly ServerCatalog[]; readonly failures: readonly Error[] }> {
  const asked = await Promise.allSettled(servers.names.map((server) => catalog.load(server, {})))
  return {
    catalogs: asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    failures: asked.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : [])),
  }
}

/** Everybody's catalogs, of every server. @throws OpspawnError `TOOL_UNAVAILABLE` naming those that cannot be reached */
async function allLoaded(workshop: Workshop): Promise<readonly ServerCatalog[]> {
  const { catalogs, failures } = await loaded(workshop)
  if (failures.length === 0) return catalogs
  throw new OpspawnError('TOOL_UNAVAILABLE', failures.map(({ message }) => message).join('; '), { cause: failures[0] })
}

/** All tools as the operator sees them. */
export async function listed(workshop: Workshop): Promise<readonly McpListedTool[]> {
  const { catalogs } = await loaded(workshop)
  return catalogs
    .flatMap(({ tools }) => tools)
    .map((tool) => {
      const { effect, approval } = termsOf(tool, workshop.access(tool.server))
      const { server, id, description, pin, quarantine } = tool
      return { server, tool: id, description, pin, effect, approval, ...(quarantine === undefined ? undefined : { quarantine }) }
    })
    .toSorted((left, right) => compare(left.tool, right.tool))
}

/** What differs from what was approved, server by server. */
export async function changesOf(workshop: Workshop): Promise<readonly PinChange[]> {
  const changes = await Promise.all((await allLoaded(workshop)).map((catalog) => workshop.pins.changes(catalog)))
  return changes.flat()
}

/** Approves tools as they are now, and has them usable in this process at once. */
export async function approve(workshop: Workshop, tools: 'all' | readonly string[]): Promise<readonly string[]> {
  const catalogs = await allLoaded(workshop)
  const all = catalogs.flatMap((catalog) => catalog.tools)
  const chosen = tools === 'all' ? all : tools.map((id) => named(all, id))
  for (const catalog of catalogs) {
    const own = chosen.filter(({ server }) => server === catalog.server).map(({ name }) => name)
    if (tools !== 'all' && own.length === 0) continue
    await workshop.pins.approve(catalog, tools === 'all' ? 'all' : own)
    await workshop.catalog.judgeAgain(catalog.server, {})
  }
  return chosen.map(({ id }) => id)
}

function named(all: readonly CatalogTool[], id: string): CatalogTool {
  const found = all.find((tool) => tool.id === id)
  if (found !== undefined) return found
  const near = nearestNames(
    id,
    all.map((tool) => tool.id),
    3,
  )
  const advice = near.length === 0 ? 'opspawn mcp list shows them' : `nearest: ${near.join(', ')}`
  throw new OpspawnError('TOOL_UNKNOWN', `there is no MCP tool ${JSON.stringify(id)}; ${advice}`)
}

/** A call by a server's own name of the tool. */
export async function callFromCode(
  workshop: Workshop,
  server: string,
  tool: string,
  input: JsonObject,
  call: McpCall,
): Promise<McpToolResult> {
  requireServer(workshop, server)
  const { tools } = await workshop.catalog.load(server, call.caller, call)
  const found = tools.find(({ name }) => name === tool)
  if (found === undefined) {
    const near = nearestNames(
      tool,
      tools.map(({ name }) => name),
      3,
    )
    const advice = near.length === 0 ? '' : `; nearest: ${near.join(', ')}`
    throw new OpspawnError('TOOL_UNKNOWN', `MCP server "${server}" has no tool ${JSON.stringify(tool)}${advice}`)
  }
  return performCall(workshop, found, termsOf(found, workshop.access(server)), input, call)
}

/** @throws OpspawnError `TOOL_UNKNOWN` */
export function requireServer({ servers }: Workshop, server: string): void {
  if (servers.names.includes(server)) return
  throw new OpspawnError(
    'TOOL_UNKNOWN',
    `there is no MCP server ${JSON.stringify(server)}; configured are ${servers.names.join(', ')}`,
  )
}
