import { defineTool, type Json, type JsonObject, jsonSchema, OpspawnError, type Tool } from '../../../core/index.ts'
import { resourcesOf } from '../resources.ts'
import { shapeContents } from '../results/shape.ts'
import { termsOf } from './access.ts'
import { directTool } from './direct.ts'
import { type Bench, labelsOf } from './bench.ts'
import { frontTool } from './front.ts'
import { Seen } from './seen.ts'
import type { Workshop } from './workshop.ts'

/** Tools that are remembered. */
const MOST_TOOLS = 20_000

/** Makes the bench of a handle. */
export function createBench(workshop: Workshop): Bench {
  const seen = new Seen()
  const tools = new Map<string, Tool>()
  const given = new Map<string, Tool>()
  const fronts = new Map<string, Tool>()
  const readers = new Map<string, Tool>()
  const { catalog, servers } = workshop
  let more: Tool | undefined
  const bench: Bench = {
    workshop,
    seen,
    get more() {
      return (more ??= moreTool(bench))
    },
    direct(tool) {
      const key = `${tool.id} ${tool.pin}`
      let made = given.get(tool.id) ?? tools.get(key)
      if (made !== undefined) return made
      made = directTool(workshop, tool, (runId, id) => seen.pin(runId, id)) as Tool
      if (tools.size >= MOST_TOOLS) tools.clear()
      tools.set(key, made)
      return made
    },
    give(tool) {
      const made = bench.direct(tool)
      given.set(tool.id, made)
      return made
    },
    front(choice) {
      const key = JSON.stringify([choice.servers, choice.tools])
      let made = fronts.get(key)
      if (made === undefined) fronts.set(key, (made = frontTool(bench, choice) as Tool))
      return made
    },
    reader(server) {
      let made = readers.get(server)
      if (made === undefined) readers.set(server, (made = readerTool(bench, server)))
      return made
    },
    async known(choice, { caller, signal }) {
      const who = { principal: caller?.principal }
      const wanted = (choice.servers ?? servers.names).filter((server) => catalog.peek(server, who) === undefined)
      // What cannot be reached is told by `problems`, and by the call that needs it.
      await Promise.allSettled(wanted.map((server) => catalog.load(server, who, { signal })))
      signal.throwIfAborted()
    },
  }
  return bench
}

function moreTool(bench: Bench): Tool {
  const { name, shelf, maxResultBytes, servers } = bench.workshop
  return defineTool({
    name: `${name}_more`,
    description: 'Gets the next part of a cut result, by the id and offset that stand in it.',
    input: jsonSchema<{ id: string; offset?: number }>({
      type: 'object',
      properties: { id: { type: 'string', maxLength: 64 }, offset: { type: 'integer', minimum: 0 } },
      required: ['id'],
      additionalProperties: false,
    }),
    effect: 'pure',
    labels: labelsOf(bench, servers.names),
    execute: async ({ id, offset = 0 }, context): Promise<Json> => {
      const { part, next, size } = await shelf.read(context, id, offset, maxResultBytes)
      return { ...part, ...(next === undefined ? undefined : { more: { id, offset: next, size } }) }
    },
  }) as Tool
}

/** Its name has a dot, as no name of a server's tool has, and begins as those do, so that rules on the server hold for it. */
function readerTool(bench: Bench, server: string): Tool {
  const { workshop } = bench
  // An address can carry data out to a server as well as arguments can.
  const terms = termsOf({ name: '', hints: { readOnlyHint: true } }, workshop.access(server))
  return defineTool({
    name: `${server.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 50)}__.read`,
    description: `Reads a resource of ${server}, or lists them.`,
    input: jsonSchema<{ uri?: string }>({ type: 'object', properties: { uri: { type: 'string' } }, additionalProperties: false }),
    effect: 'pure',
    labels: terms.labels,
    approval: terms.approval,
    execute: async ({ uri }, context): Promise<Json> => {
      const resources = resourcesOf(workshop, server, { principal: context.caller?.principal })
      if (uri === undefined) return (await resources.list(context)) as unknown as JsonObject
      const contents = await resources.read(uri, context)
      if (contents.length === 0)
        throw new OpspawnError('TOOL_FAILED', `MCP server "${server}" gave nothing for ${JSON.stringify(uri)}`)
      const { shelf, maxResultBytes } = workshop
      return shapeContents(contents, { from: `MCP server ${server}`, form: 'content', maxBytes: maxResultBytes, shelf, context })
    },
  }) as Tool
}
