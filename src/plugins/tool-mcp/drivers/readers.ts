import type { Json, JsonObject } from '../../../core/index.ts'
import type {
  McpContent,
  McpContents,
  McpPrompt,
  McpPromptResult,
  McpResource,
  McpResourceTemplate,
  McpToolDefinition,
  McpToolResult,
} from '../port.ts'

/** Thrown by the readers: what came is not what the protocol promises there. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

/** An object of JSON, or {@link Unreadable}. */
export function objectIn(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Unreadable(`${what} is not an object`)
  return value as JsonObject
}

export function listIn(value: unknown, what: string): readonly Json[] {
  if (!Array.isArray(value)) throw new Unreadable(`${what} is not a list`)
  return value as Json[]
}

function textIn(from: JsonObject, key: string, what: string): string {
  const value = from[key]
  if (typeof value !== 'string') throw new Unreadable(`${key} of ${what} is not a text`)
  return value
}

/** Those of `keys` that hold what they should; what holds something else is left out, since it only informs. */
function texts<K extends string>(from: JsonObject, ...keys: readonly K[]): { readonly [key in K]?: string } {
  const found = keys.filter((key) => typeof from[key] === 'string').map((key) => [key, from[key]])
  return Object.fromEntries(found) as { readonly [key in K]?: string }
}

function objects<K extends string>(from: JsonObject, ...keys: readonly K[]): { readonly [key in K]?: JsonObject } {
  const isObject = (value: Json | undefined) => typeof value === 'object' && value !== null && !Array.isArray(value)
  const found = keys.filter((key) => isObject(from[key])).map((key) => [key, from[key]])
  return Object.fromEntries(found) as { readonly [key in K]?: JsonObject }
}

export function toolIn(value: Json): McpToolDefinition {
  const from = objectIn(value, 'the tool')
  const name = textIn(from, 'name', 'the tool')
  if (name === '') throw new Unreadable('its name is empty')
  const inputSchema = objectIn(from['inputSchema'], 'inputSchema')
  if (from['outputSchema'] !== undefined) objectIn(from['outputSchema'], 'outputSchema')
  return {
    name,
    ...texts(from, 'title', 'description'),
    inputSchema,
    ...objects(from, 'outputSchema', 'annotations', 'execution'),
  }
}

export function resourceIn(value: Json): McpResource {
  const from = objectIn(value, 'the resource')
  const { size } = from
  return {
    uri: textIn(from, 'uri', 'the resource'),
    name: textIn(from, 'name', 'the resource'),
    ...texts(from, 'title', 'description', 'mimeType'),
    ...(typeof size === 'number' && { size }),
  }
}

export function templateIn(value: Json): McpResourceTemplate {
  const from = objectIn(value, 'the template')
  return {
    uriTemplate: textIn(from, 'uriTemplate', 'the template'),
    name: textIn(from, 'name', 'the template'),
    ...texts(from, 'title', 'description', 'mimeType'),
  }
}

export function promptIn(value: Json): McpPrompt {
  const from = objectIn(value, 'the prompt')
  const given = from['arguments'] === undefined ? [] : listIn(from['arguments'], 'arguments')
  return {
    name: textIn(from, 'name', 'the prompt'),
    ...texts(from, 'title', 'description'),
    arguments: given.map((item) => {
      const argument = objectIn(item, 'an argument')
      return {
        name: textIn(argument, 'name', 'an argument'),
        ...texts(argument, 'description'),
        required: argument['required'] === true,
      }
    }),
  }
}

export function contentsIn(value: Json | undefined): McpContents {
  const from = objectIn(value, 'the contents')
  return { uri: textIn(from, 'uri', 'the contents'), ...texts(from, 'mimeType', 'text', 'blob') }
}

export function contentIn(value: Json | undefined): McpContent {
  const from = objectIn(value, 'a piece of content')
  const { type } = from
  if (type === 'text') return { type, text: textIn(from, 'text', 'a piece of text') }
  if (type === 'image' || type === 'audio') {
    return { type, data: textIn(from, 'data', `the ${type}`), mimeType: textIn(from, 'mimeType', `the ${type}`) }
  }
  if (type === 'resource') return { type, resource: contentsIn(from['resource']) }
  if (type === 'resource_link') {
    return { type, ...texts(from, 'description', 'mimeType'), uri: textIn(from, 'uri', 'a link'), name: nameOfLink(from) }
  }
  return { type: 'unknown', value: from }
}

function nameOfLink(from: JsonObject): string {
  return typeof from['name'] === 'string' ? from['name'] : textIn(from, 'uri', 'a link')
}

/** A piece that cannot be read is kept as it came: it belongs to an effect that has happened. */
function contentOrRaw(value: Json): McpContent {
  try {
    return contentIn(value)
  } catch (error) {
    if (error instanceof Unreadable) return { type: 'unknown', value }
    throw error
  }
}

export function toolResultIn(value: unknown): McpToolResult {
  const from = objectIn(value, 'the result')
  // The oldest servers gave `toolResult` alone.
  const content = from['content'] === undefined ? [] : listIn(from['content'], 'content of the result')
  return {
    content: content.map(contentOrRaw),
    ...(from['structuredContent'] !== undefined && { structuredContent: from['structuredContent'] }),
    isError: from['isError'] === true,
  }
}

export function promptResultIn(value: unknown): McpPromptResult {
  const from = objectIn(value, 'the prompt')
  const messages = listIn(from['messages'], 'messages of the prompt').map((item) => {
    const message = objectIn(item, 'a message')
    const role = message['role'] === 'assistant' ? ('assistant' as const) : ('user' as const)
    return { role, content: contentIn(message['content']) }
  })
  return { ...texts(from, 'description'), messages }
}
