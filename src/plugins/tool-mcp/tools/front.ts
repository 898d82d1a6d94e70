import {
  defineTool,
  type Json,
  type JsonObject,
  jsonSchema,
  type RouteContext,
  type Tool,
  type ToolContext,
} from '../../../core/index.ts'
import { isObject } from '../faults.ts'
import type { CatalogTool } from '../catalog/server-catalog.ts'
import type { Bench } from './bench.ts'
import type { FrontInput } from './front-input.ts'
import { describeTool, listTools } from './look-up.ts'
import { type ToolChoice, type View, viewFor } from './view.ts'

const text = { type: 'string' } as const

/**
 * One tool that stands in front of all tools of the servers: the model finds what it needs by words, looks at it, and calls it.
 * A call is judged, approved, recorded and made as one of the tool that it is for.
 */
export function frontTool(bench: Bench, choice: ToolChoice): Tool<FrontInput, Json> {
  const { workshop } = bench
  const tool = defineTool({
    name: workshop.name,
    description:
      'Tools of connected servers. list: find tools by query. describe: schema of a tool. call: use it. read: a resource, or which there are. more: rest of a cut result.',
    input: jsonSchema<FrontInput>({
      type: 'object',
      properties: {
        action: { enum: ['list', 'describe', 'call', 'read', 'more'] },
        query: text,
        server: text,
        tool: text,
        arguments: { type: 'object' },
        uri: text,
        id: text,
        offset: { type: 'integer', minimum: 0 },
      },
      required: ['action'],
    }),
    effect: 'idempotent',
    execute: async (input: FrontInput, context: ToolContext): Promise<Json> => {
      await bench.known(choice, context)
      const view = viewFor(workshop, choice, viewerOf(context))
      const look = { workshop, view, note: ({ id, pin }: CatalogTool) => bench.seen.note(context.runId, id, pin) }
      if (input.action === 'list') return listTools(look, input)
      return describeTool(look, input)
    },
  })
  return {
    ...tool,
    route: (input: Json, who: RouteContext) => routed(bench, choice, input, who),
  } as Tool<FrontInput, Json>
}

function viewerOf(context: RouteContext): Parameters<typeof viewFor>[2] {
  const { agent, caller } = context
  return { agent, caller: { principal: caller?.principal }, isHidden: (name) => context.isHidden(name) }
}

/** What a call is for; what is for none falls to the front tool itself, which says why. */
function routed(bench: Bench, choice: ToolChoice, input: Json, who: RouteContext): Routed {
  if (!isObject(input)) return undefined
  const { action, server } = input as Readonly<Record<string, Json>>
  const view = viewFor(bench.workshop, choice, viewerOf(who))
  if (action === 'call') return routedCall(bench, view, input as JsonObject)
  if (action === 'read') return routedRead(bench, view, input as JsonObject, server)
  return action === 'more' ? routedMore(bench, input as JsonObject) : undefined
}

type Routed = { readonly tool: Tool; readonly input: Json } | undefined

function routedCall(bench: Bench, view: View, { tool, server, arguments: given = {} }: JsonObject): Routed {
  const found = typeof tool === 'string' ? view.find(tool, typeof server === 'string' ? server : undefined) : undefined
  return found === undefined || found.needsTask ? undefined : { tool: bench.direct(found), input: given }
}

function routedRead(bench: Bench, view: View, { uri }: JsonObject, server: Json | undefined): Routed {
  if (typeof server !== 'string' || !view.servers.includes(server)) return undefined
  return { tool: bench.reader(server), input: uri === undefined ? {} : { uri } }
}

function routedMore(bench: Bench, { id, offset }: JsonObject): Routed {
  return id === undefined ? undefined : { tool: bench.more, input: { id, ...(offset === undefined ? undefined : { offset }) } }
}
