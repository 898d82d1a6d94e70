import { show } from './checks/show.ts'
import type { JsonSchemaCompiler } from './schema.ts'

/**
 * Loads the validator of plain JSON Schema documents (draft 2020-12, and 7 where a document says so). It is imported only
 * when a tool or an agent brings such a document. Chosen because zod's reading of JSON Schema refuses `not`,
 * `if`/`then` and `dependentRequired` and passes over `patternProperties` (docs/decisions/0007).
 */
export async function loadJsonSchemaCompiler(): Promise<JsonSchemaCompiler> {
  const { Validator } = await import('@cfworker/json-schema')
  return (document) => {
    requireSchemaDocument(document, document, '#')
    const draft = `${(document as { $schema?: string }).$schema}`.includes('draft-07') ? '7' : '2020-12'
    const validator = new Validator(document, draft, false)
    return (value) => {
      const result = validator.validate(value)
      if (result.valid) return []
      // The outer keywords repeat what their children say; the deepest locations are the useful ones.
      const deepest = result.errors.filter(
        (error) =>
          !result.errors.some((other) => other !== error && other.keywordLocation.startsWith(`${error.keywordLocation}/`)),
      )
      return deepest.map((error) => ({ path: error.instanceLocation.replace(/^#\/?/, '/'), message: error.error }))
    }
  }
}

const TYPES: readonly unknown[] = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']
/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const SCHEMA: readonly string[] = [
  'additionalProperties',
  'contains',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]
const LISTS: readonly string[] = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const NAMED: readonly string[] = ['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties']

/** The validator reads documents as it meets them, so a broken one would fail only at the first call: looked over here. */
function requireSchemaDocument(root: object, node: unknown, path: string): void {
  if (typeof node === 'boolean') return
  if (typeof node !== 'object' || node === null || Array.isArray(node)) throw new Error(`${path} is no schema but ${show(node)}`)
  const schema = node as Readonly<Record<string, unknown>>
  requireKeywords(schema, path)
  if (schema['$ref'] !== undefined) requireTarget(root, requireText(schema['$ref'], `${path}/$ref`), path)
  requireBounds(schema, path)
  requireBelow(root, schema, path)
}

function requireKeywords(schema: Readonly<Record<string, unknown>>, path: string): void {
  const { type = 'object', pattern, enum: values, required } = schema
  const wrong = [type].flat().find((name) => !TYPES.includes(name))
  if (wrong !== undefined) throw new Error(`${path}/type is ${show(wrong)}`)
  if (pattern !== undefined) void new RegExp(requireText(pattern, `${path}/pattern`), 'u')
  if (values !== undefined && !Array.isArray(values)) throw new Error(`${path}/enum is no list`)
  if (required !== undefined && !(Array.isArray(required) && required.every((name) => typeof name === 'string')))
    throw new Error(`${path}/required is no list of names`)
}

/** Bounds that are counts, and bounds that are numbers. */
const COUNTS: readonly string[] = [
  'maxLength',
  'minLength',
  'maxItems',
  'minItems',
  'maxProperties',
  'minProperties',
  'maxContains',
  'minContains',
]
const NUMBERS: readonly string[] = ['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf']

function requireBounds(schema: Readonly<Record<string, unknown>>, path: string): void {
  for (const keyword of [...COUNTS, ...NUMBERS]) {
    const bound = schema[keyword]
    const isBound = Number.isFinite(bound) && (NUMBERS.includes(keyword) || (Number.isInteger(bound) && (bound as number) >= 0))
    if (bound !== undefined && (!isBound || (keyword === 'multipleOf' && (bound as number) <= 0)))
      throw new Error(`${path}/${keyword} is ${show(bound)}`)
  }
}

function requireBelow(root: object, schema: Readonly<Record<string, unknown>>, path: string): void {
  for (const keyword of SCHEMA) {
    const value = schema[keyword]
    const list = keyword === 'items' && Array.isArray(value) ? (value as readonly unknown[]) : [value ?? true]
    for (const item of list) requireSchemaDocument(root, item, `${path}/${keyword}`)
  }
  for (const keyword of LISTS) {
    const value = schema[keyword] ?? []
    if (!Array.isArray(value)) throw new Error(`${path}/${keyword} is no list`)
    for (const item of value as readonly unknown[]) requireSchemaDocument(root, item, `${path}/${keyword}`)
  }
  for (const keyword of NAMED) requireNamed(root, schema[keyword] ?? {}, keyword, path)
}

function requireNamed(root: object, value: unknown, keyword: string, path: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${path}/${keyword} is no object`)
  for (const [name, item] of Object.entries(value)) {
    if (keyword === 'patternProperties') void new RegExp(name, 'u')
    requireSchemaDocument(root, item, `${path}/${keyword}/${name}`)
  }
}

function requireText(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new Error(`${path} is no text`)
  return value
}

/** References within the document must lead to something that is no reference back; those to others, nobody could follow. */
function requireTarget(root: object, reference: string, path: string): void {
  const passed = new Set<string>()
  for (let next: unknown = reference; typeof next === 'string'; next = (targetOf(root, next) as { $ref?: unknown }).$ref) {
    const isHere = next === '#' || next.startsWith('#/')
    if (!isHere && !next.startsWith('#')) throw new Error(`${path}/$ref leads out of the document: ${next}`)
    if (!isHere) {
      if (JSON.stringify(root).includes(`"$anchor":${JSON.stringify(next.slice(1))}`)) return
      throw new Error(`${path}/$ref leads nowhere: ${next}`)
    }
    if (targetOf(root, next) === undefined) throw new Error(`${path}/$ref leads nowhere: ${next}`)
    if (passed.has(next)) throw new Error(`${path}/$ref leads back to itself: ${next}`)
    passed.add(next)
    const target = targetOf(root, next)
    if (typeof target !== 'object' || target === null) return
  }
}

function targetOf(root: object, reference: string): unknown {
  if (reference === '#') return root
  let target: unknown = root
  for (const step of reference.slice(2).split('/')) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    const isThere = typeof target === 'object' && target !== null && Object.hasOwn(target, key)
    target = isThere ? (target as Record<string, unknown>)[key] : undefined
  }
  return target
}
