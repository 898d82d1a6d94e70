import { type Json, type JsonObject, toJson } from '../../../core/index.ts'
import { isObject } from '../faults.ts'
import { cleanText, hasHidden } from './clean-text.ts'

/** Deepest nesting of a schema. */
export const MAX_SCHEMA_DEPTH = 128
/** Objects, lists and values of a schema in all. */
export const MAX_SCHEMA_NODES = 10_000
/** Longest description inside a schema, in characters. */
const MAX_PARAMETER_TEXT = 1_024

/** Texts that are for readers alone; what else has hidden characters means something, and is refused. */
const READ: ReadonlySet<string> = new Set(['title', 'description', '$comment'])
const REFERENCES: ReadonlySet<string> = new Set(['$ref', '$dynamicRef', '$recursiveRef'])

/** A schema that may be shown and checked with. */
export interface BoundedSchema {
  readonly schema: JsonObject
  readonly nodes: number
  /** What was left out, in words. */
  readonly remarks: readonly string[]
}

interface Walk {
  nodes: number
  readonly remarks: string[]
}

/**
 * Copies a schema that came from outside: no deeper and no larger than the bounds, no references out of the document, texts
 * without hidden characters, patterns that are none left out.
 *
 * @throws Error in words, for the report on the tool
 */
export function boundedSchema(given: unknown, what: string): BoundedSchema {
  if (!isObject(given)) throw new Error(`its ${what} is no object`)
  const walk: Walk = { nodes: 0, remarks: [] }
  requireBounds(given, what, walk)
  const copy = toJson(given, { maxDepth: MAX_SCHEMA_DEPTH + 1, maxSize: 1_048_576 })
  const schema = cleanNode(copy, '', `${what}`, walk) as JsonObject
  return { schema, nodes: walk.nodes, remarks: walk.remarks }
}

/** An input is an object before models, whatever else it is. */
export function boundedInput(given: unknown): BoundedSchema {
  const bounded = boundedSchema(given, 'inputSchema')
  const { type } = bounded.schema
  if (type !== undefined && type !== 'object') throw new Error(`its inputSchema is of type ${JSON.stringify(type)}, not object`)
  return { ...bounded, schema: type === undefined ? { type: 'object', ...bounded.schema } : bounded.schema }
}

/** Level by level and with a list of its own, so that no depth can exhaust the stack. */
function requireBounds(root: object, what: string, walk: Walk): void {
  let level: unknown[] = [root]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_SCHEMA_DEPTH) throw new Error(`its ${what} is nested deeper than ${MAX_SCHEMA_DEPTH} levels`)
    const next: unknown[] = []
    for (const node of level) {
      walk.nodes += 1
      if (typeof node === 'object' && node !== null) for (const item of Object.values(node)) next.push(item)
      if (walk.nodes + next.length > MAX_SCHEMA_NODES) throw new Error(`its ${what} has more than ${MAX_SCHEMA_NODES} nodes`)
    }
    level = next
  }
}

function cleanNode(node: Json, key: string, path: string, walk: Walk): Json {
  if (typeof node === 'string') return cleanString(node, key, path)
  if (Array.isArray(node)) return node.map((item, at) => cleanNode(item as Json, '', `${path}/${at}`, walk))
  if (!isObject(node)) return node
  const clean: Record<string, Json> = {}
  for (const [name, item] of Object.entries(node as JsonObject)) {
    if (hasHidden(name)) throw new Error(`${path} has a member with hidden characters in its name`)
    if (isBadPattern(name, item)) {
      walk.remarks.push(`the pattern at ${path} is no regular expression and is not checked`)
      continue
    }
    clean[name] = name === 'patternProperties' ? cleanPatterns(item, path, walk) : cleanNode(item, name, `${path}/${name}`, walk)
  }
  return clean
}

function cleanPatterns(node: Json, path: string, walk: Walk): Json {
  if (!isObject(node)) return cleanNode(node, '', `${path}/patternProperties`, walk)
  const kept = Object.entries(node as JsonObject).filter(([pattern]) => {
    if (isPattern(pattern)) return true
    walk.remarks.push(`a name of patternProperties at ${path} is no regular expression and is not checked`)
    return false
  })
  return cleanNode(Object.fromEntries(kept), '', `${path}/patternProperties`, walk)
}

function cleanString(text: string, key: string, path: string): string {
  if (READ.has(key)) return cleanText(text, MAX_PARAMETER_TEXT)
  if (hasHidden(text)) throw new Error(`${path} has hidden characters`)
  if (REFERENCES.has(key) && !text.startsWith('#'))
    throw new Error(`${path} refers to ${JSON.stringify(text)}, out of the schema`)
  return text
}

function isBadPattern(name: string, item: Json): boolean {
  return name === 'pattern' && typeof item === 'string' && !isPattern(item)
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp
  } catch {
    return false
  }
}
