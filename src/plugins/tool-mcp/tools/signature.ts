import type { Json, JsonObject } from '../../../core/index.ts'
import { isObject } from '../faults.ts'

/** Keywords that a signature says, or that say nothing about a value. */
const PLAIN: ReadonlySet<string> = new Set(
  '$schema additionalProperties default description enum items properties required title type'.split(' '),
)
const TYPES: ReadonlySet<Json | undefined> = new Set(['string', 'number', 'integer', 'boolean', 'null'])

/** What a tool takes, as models read it at a glance. */
export interface Signature {
  /** Such as `path: string, head?: number = 5`. What has no such form stands in it as the JSON of its schema. */
  readonly line: string
  /** What the server says of single members, each with its path. */
  readonly notes: readonly string[]
}

/** Writes a schema of arguments in a line, in a third of the tokens of its JSON. */
export function signatureOf(input: JsonObject): Signature {
  const notes: string[] = []
  if (!isPlain(input)) return { line: JSON.stringify(input), notes }
  return { line: membersOf(input, '', notes), notes }
}

function membersOf({ properties = {}, required = [] }: JsonObject, path: string, notes: string[]): string {
  const members = Object.entries(properties as JsonObject).map(([name, schema]) => {
    const isNeeded = (required as readonly Json[]).includes(name)
    const shown = /^[\w$-]+$/.test(name) ? name : JSON.stringify(name)
    return `${shown}${isNeeded ? '' : '?'}: ${typeOf(schema, `${path}${name}`, notes)}`
  })
  return members.join(', ')
}

function typeOf(schema: Json, path: string, notes: string[]): string {
  if (!isObject(schema)) return JSON.stringify(schema)
  const { description, default: usual, ...form } = schema as JsonObject
  if (typeof description === 'string') notes.push(`${path}: ${description}`)
  const line = isPlain(form) ? formOf(form, path, notes) : JSON.stringify(form)
  return `${line}${usual === undefined ? '' : ` = ${JSON.stringify(usual)}`}`
}

function formOf({ type, enum: values, items, properties, ...rest }: JsonObject, path: string, notes: string[]): string {
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' | ')
  const types = Array.isArray(type) ? type : [type]
  if (types.every((one) => TYPES.has(one))) return types.join(' | ')
  if (type === 'array') return items === undefined ? 'array' : arrayOf(typeOf(items, path, notes))
  if (type === 'object') {
    return properties === undefined ? 'object' : `{ ${membersOf({ ...rest, properties }, `${path}.`, notes)} }`
  }
  return type === undefined ? 'any' : JSON.stringify(type)
}

function arrayOf(item: string): string {
  return /[|= ]/.test(item) && !item.startsWith('{') ? `(${item})[]` : `${item}[]`
}

/** Whether a line says all of it. */
function isPlain(schema: JsonObject): boolean {
  const { additionalProperties: others = false, properties = {}, required = [] } = schema
  return (
    Object.keys(schema).every((keyword) => PLAIN.has(keyword)) &&
    typeof others === 'boolean' &&
    isObject(properties) &&
    Array.isArray(required)
  )
}
