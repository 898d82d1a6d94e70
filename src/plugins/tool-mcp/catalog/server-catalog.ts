import { type JsonObject, toFailure } from '../../../core/index.ts'
import { isObject } from '../faults.ts'
import { pinnedPart, pinOf, type PinnedServer } from '../pins/pin.ts'
import type { McpList, McpToolDefinition } from '../port.ts'
import { boundedInput, boundedSchema } from './bounded-schema.ts'
import { cleanText, hasHidden } from './clean-text.ts'
import { qualifiedName } from './names.ts'

/** Longest description of a tool that a model is shown, in characters. */
const MAX_DESCRIPTION = 4_096
const MAX_TITLE = 128
/** Tools of one server. */
export const MAX_TOOLS = 5_000

/** One tool of a server, fit to be shown. */
export interface CatalogTool {
  readonly server: string
  /** As the server calls it. */
  readonly name: string
  /** As models see it. */
  readonly id: string
  readonly title: string | undefined
  readonly description: string
  readonly input: JsonObject
  readonly output: JsonObject | undefined
  /** Hints of the server; believed where the operator trusts it, and nowhere else. */
  readonly hints: JsonObject
  /** It runs only as a task, which cannot be asked for here. */
  readonly needsTask: boolean
  /** What a pin binds to, as it came, with hidden characters and all. */
  readonly raw: JsonObject
  readonly pin: string
  /** Why it may not be used. */
  readonly quarantine: string | undefined
}

/** What is known of a server's tools. */
export interface ServerCatalog extends PinnedServer {
  readonly server: string
  /** In the order of their names. */
  readonly tools: readonly CatalogTool[]
  /** What cannot be used, and why. */
  readonly broken: readonly { readonly tool: string; readonly problem: string }[]
}

/** Makes a server's catalog of its definitions; each that cannot be used is reported, and the others are there. */
export function serverCatalog(server: string, list: McpList<McpToolDefinition>, pinned: PinnedServer): ServerCatalog {
  const broken = list.broken.map(({ name, problem }) => ({ tool: cleanText(name ?? '?', MAX_TITLE), problem }))
  const tools: CatalogTool[] = []
  const names = new Set<string>()
  for (const definition of list.items.slice(0, MAX_TOOLS)) {
    const name: unknown = definition?.name
    try {
      const tool = catalogTool(server, definition, pinned)
      if (names.has(tool.name)) throw new Error('the server has two tools of this name')
      names.add(tool.name)
      tools.push(tool)
    } catch (error) {
      const shown = typeof name === 'string' ? cleanText(name, MAX_TITLE) : '?'
      broken.push({ tool: shown, problem: toFailure(error, 'INTERNAL').message })
    }
  }
  if (list.items.length > MAX_TOOLS)
    broken.push({ tool: '*', problem: `the server has ${list.items.length} tools; at most ${MAX_TOOLS} are taken` })
  tools.sort((left, right) => compare(left.name, right.name))
  return { ...pinned, server, tools, broken }
}

/** The order of code units: the same everywhere. */
export function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

function catalogTool(server: string, definition: McpToolDefinition, pinned: PinnedServer): CatalogTool {
  const {
    name,
    title,
    description = '',
    inputSchema,
    outputSchema,
  } = isObject(definition) ? definition : ({} as McpToolDefinition)
  requireToolName(name)
  if (typeof description !== 'string') throw new Error('its description is no text')
  const input = boundedInput(inputSchema).schema
  const output = outputSchema === undefined ? undefined : boundedSchema(outputSchema, 'outputSchema').schema
  const raw = pinnedPart(definition)
  const shownTitle = typeof title === 'string' ? cleanText(title, MAX_TITLE) : undefined
  return {
    server,
    name,
    id: qualifiedName(server, name),
    title: shownTitle,
    description: cleanText(description, MAX_DESCRIPTION) || shownTitle || name,
    input,
    output,
    hints: objectOf(raw['annotations']),
    needsTask: objectOf(raw['execution'])['taskSupport'] === 'required',
    raw,
    pin: pinOf(raw, pinned),
    quarantine: undefined,
  }
}

function requireToolName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || name.length > 256) throw new Error('its name is no text of 1 to 256 characters')
  if (hasHidden(name) || /\s/.test(name)) throw new Error('its name has blanks or hidden characters')
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? (value as JsonObject) : {}
}
