import { createHash } from 'node:crypto'
import { canonicalJson, type Json, type JsonObject, toJson } from '../../../core/index.ts'
import type { McpToolDefinition } from '../port.ts'

/** Of the server of a definition, what its pins bind to. */
export interface PinnedServer {
  /** Command with arguments and version, or the origin of its address. */
  readonly identity: JsonObject
  readonly instructions: string | undefined
}

/** The members of a definition that a pin binds to, as they came. */
export function pinnedPart(definition: McpToolDefinition): JsonObject {
  const { name, title, description, inputSchema, outputSchema, annotations, execution } = definition
  return toJson(
    { name, title, description, inputSchema, outputSchema, annotations, execution },
    { maxDepth: 256, maxSize: 1_048_576 },
  ) as JsonObject
}

/** SHA-256, in hexadecimal, of a definition and of what stands behind it. The order of keys does not matter. */
export function pinOf(part: JsonObject, { identity, instructions }: PinnedServer): string {
  return sha256(canonicalJson({ ...part, server: identity, instructions: instructions ?? null }))
}

/** SHA-256 in hexadecimal. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The same JSON, whatever the order of keys. */
export function isSame(left: Json | undefined, right: Json | undefined): boolean {
  return canonicalJson(left ?? null) === canonicalJson(right ?? null)
}
