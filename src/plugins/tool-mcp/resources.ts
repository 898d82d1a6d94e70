import { type Json, type OperationOptions, OpspawnError, toFailure } from '../../core/index.ts'
import { untilAborted } from '../../remembering/index.ts'
import { cleanText } from './catalog/clean-text.ts'
import { deadline } from './deadline.ts'
import type { McpConnection, McpContents, McpResource, McpResourceTemplate } from './port.ts'
import type { McpCaller } from './servers.ts'
import type { Workshop } from './tools/workshop.ts'

/** Resources that are listed for a model. */
const MOST_LISTED = 100
const LINE = 120

/** What can be read of a server. */
export interface Resources {
  /** In short, for a model: addresses with names. */
  list(options: OperationOptions): Promise<Json>
  read(uri: string, options: OperationOptions): Promise<readonly McpContents[]>
}

/** Resources of one server, secrets taken out of their texts. */
export function resourcesOf(workshop: Workshop, server: string, caller: McpCaller): Resources {
  const { servers } = workshop
  return {
    list: (options) =>
      askServer(workshop, server, caller, options, 'list its resources', async (connection, inner) => {
        if (connection.capabilities['resources'] === undefined) return { resources: [] }
        const [resources, templates] = await Promise.all([
          connection.listResources(inner),
          connection.listResourceTemplates(inner),
        ])
        const shown = resources.items.slice(0, MOST_LISTED).map(lineOf)
        return {
          resources: shown,
          ...(resources.items.length > MOST_LISTED ? { omitted: resources.items.length - MOST_LISTED } : undefined),
          ...(templates.items.length === 0 ? undefined : { templates: templates.items.slice(0, MOST_LISTED).map(lineOf) }),
        }
      }),
    read: (uri, options) =>
      askServer(workshop, server, caller, options, `give ${JSON.stringify(uri)}`, async (connection, inner) => {
        const contents = await connection.readResource(uri, inner)
        return contents.map((one) => (one.text === undefined ? one : { ...one, text: servers.mask(server, one.text) }))
      }),
  }
}

function lineOf(resource: McpResource | McpResourceTemplate): string {
  const uri = 'uri' in resource ? resource.uri : resource.uriTemplate
  return cleanText(`${uri} ${resource.title ?? resource.name}`, LINE)
}

/**
 * Asks a server for something within the time of a call.
 *
 * @throws OpspawnError `TOOL_UNAVAILABLE`, `TOOL_TIMEOUT`, `TOOL_FAILED`, and what the connection throws
 */
export async function askServer<T>(
  { servers, clock, access }: Workshop,
  server: string,
  caller: McpCaller,
  { signal }: OperationOptions,
  what: string,
  ask: (connection: McpConnection, options: OperationOptions) => Promise<T>,
): Promise<T> {
  const ms = access(server).timeoutMs ?? 60_000
  const limit = deadline(
    clock,
    { ms, hardMs: ms },
    signal,
    () => new OpspawnError('TOOL_TIMEOUT', `MCP server "${server}" did not ${what} within ${ms} ms`),
  )
  try {
    const { signal: inner } = limit
    const work = (connection: McpConnection): Promise<T> => untilAborted(ask(connection, { signal: inner }), inner)
    return await servers.use(server, caller, work, { signal: inner })
  } catch (error) {
    if (OpspawnError.is(error) || error === signal?.reason) throw error
    const why = servers.mask(server, toFailure(error, 'TOOL_FAILED').message)
    throw new OpspawnError('TOOL_FAILED', `MCP server "${server}" did not ${what}: ${why}`, { cause: error })
  } finally {
    limit.end()
  }
}
