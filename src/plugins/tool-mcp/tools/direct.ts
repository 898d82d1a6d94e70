import {
  type DocumentedSchema,
  type Json,
  type JsonObject,
  type StandardResult,
  type Tool,
  type ToolContext,
  type Validation,
} from '../../../core/index.ts'
import type { CatalogTool } from '../catalog/server-catalog.ts'
import { shapeResult } from '../results/shape.ts'
import { type ToolTerms, termsOf } from './access.ts'
import { changedSince, performCall } from './perform.ts'
import type { Workshop } from './workshop.ts'

/** Longest schema that stands in the message about wrong arguments, in characters of JSON. */
const MAX_TAUGHT = 4_000

/** Makes a tool of a server's tool. `seen` says what a run was shown of it, where that is known. */
export function directTool(
  workshop: Workshop,
  tool: CatalogTool,
  seen: (runId: string, id: string) => string | undefined,
): Tool<JsonObject, Json> {
  const terms = termsOf(tool, workshop.access(tool.server))
  return {
    spec: 'tool/1',
    name: tool.id,
    description: tool.description,
    input: inputOf(workshop, tool),
    effect: terms.effect,
    labels: terms.labels,
    approval: terms.approval,
    timeoutMs: workshop.maxCallMs + 1_000,
    execute: async (input, context) => {
      // What the run was shown last is what it means.
      const pin = seen(context.runId, tool.id)
      if (pin !== undefined && pin !== tool.pin) throw changedSince(tool)
      const result = await performCall(workshop, tool, terms, input, callOf(context))
      return shapeResult(result, shapingOf(workshop, tool, terms, context))
    },
  }
}

function callOf(context: ToolContext): Parameters<typeof performCall>[4] {
  return {
    agent: context.agent,
    caller: { principal: context.caller?.principal },
    signal: context.signal,
    onProgress: (progress) => context.progress({ ...progress }),
  }
}

function shapingOf(
  workshop: Workshop,
  { server }: CatalogTool,
  terms: ToolTerms,
  context: ToolContext,
): Parameters<typeof shapeResult>[1] {
  const { shelf, maxResultBytes } = workshop
  return { from: `MCP server ${server}`, form: terms.result, maxBytes: maxResultBytes, shelf, context }
}

/** The server's own schema, shown as it is, and checked where no pattern of it can hold up this thread. */
function inputOf({ checker }: Workshop, { id, input }: CatalogTool): DocumentedSchema<JsonObject, JsonObject> {
  const text = JSON.stringify(input)
  const hint = text.length <= MAX_TAUGHT ? [{ message: `the schema of ${id} is ${text}`, path: [] }] : []
  const judged = (value: unknown, issues: NonNullable<Validation['issues']>): StandardResult<JsonObject> => {
    if (issues.length === 0) return { value: value as JsonObject }
    return {
      issues: [...issues.map(({ path, message }) => ({ message, path: path.split('/').slice(1).filter(Boolean) })), ...hint],
    }
  }
  return {
    jsonSchema: input,
    validator: {
      '~standard': {
        version: 1,
        vendor: 'opspawn-mcp',
        validate: (value) => {
          const found = checker.check(input, value as Json, `the arguments of ${id}`)
          return found instanceof Promise ? found.then((issues) => judged(value, issues)) : judged(value, found)
        },
      },
    },
  }
}
