import {
  pointer,
  type DocumentedSchema,
  type Issue,
  type Json,
  type JsonObject,
  type Schema,
  type StandardIssue,
  type StandardSchema,
  type Validation,
} from '../core/index.ts'
import { assert } from './assert.ts'

/** Checks a value against a plain JSON Schema document. */
export type DocumentCheck = (document: JsonObject, value: unknown) => readonly Issue[]

/** Makes the JSON Schema document of a schema, as an orchestrator does at registration. Throws when there is none. */
export function schemaDocument(schema: Schema, side: 'input' | 'output'): JsonObject {
  const standard = (schema as Partial<StandardSchema>)['~standard']
  let document: unknown = schema
  if (standard !== undefined) {
    assert(standard.version === 1, `a Standard Schema is of version 1, found ${String(standard.version)}`)
    assert(
      standard.jsonSchema !== undefined,
      `the ${standard.vendor} schema cannot convert itself; give { validator, jsonSchema }`,
    )
    document = standard.jsonSchema[side]({ target: 'draft-07' })
  } else if ((schema as DocumentedSchema).validator !== undefined) {
    document = (schema as DocumentedSchema).jsonSchema
  }
  assert(typeof document === 'object' && document !== null && !Array.isArray(document), 'a JSON Schema document is an object')
  return document as JsonObject
}

/** Validates a value with a schema of any form. */
export async function validate(
  schema: Schema,
  side: 'input' | 'output',
  value: unknown,
  check: DocumentCheck,
): Promise<Validation> {
  const standard =
    (schema as Partial<StandardSchema>)['~standard'] ?? (schema as Partial<DocumentedSchema>).validator?.['~standard']
  if (standard === undefined) {
    const issues = check(schemaDocument(schema, side), value)
    return issues.length === 0 ? { value } : { issues }
  }
  const result = await standard.validate(value)
  return result.issues === undefined ? { value: result.value } : { issues: result.issues.map(toIssue) }
}

function toIssue({ path = [], message }: StandardIssue): Issue {
  return { path: pointer(path.map((step) => (typeof step === 'object' ? step.key : step))), message }
}

/**
 * The plain check that the suite brings along: `type`, `enum`, `const`, `required`, `properties`,
 * `additionalProperties: false` and `items`. Other keywords are not looked at.
 */
export function checkDocument(document: JsonObject, value: unknown, path: readonly PropertyKey[] = []): readonly Issue[] {
  const problem = checkValue(document, value)
  if (problem !== undefined) return [{ path: pointer(path), message: problem }]
  const { items } = document
  if (Array.isArray(value)) return isDocument(items) ? value.flatMap((item, at) => checkDocument(items, item, [...path, at])) : []
  return typeof value === 'object' && value !== null ? checkMembers(document, value, path) : []
}

function checkValue({ type, enum: allowed, const: only }: JsonObject, value: unknown): string | undefined {
  const types = (Array.isArray(type) ? type : type === undefined ? [] : [type]) as readonly string[]
  if (types.length > 0 && !types.some((one) => isOfType(value, one))) return `expected ${types.join(' or ')}`
  if (Array.isArray(allowed) && !allowed.includes(value as Json)) return `expected one of ${JSON.stringify(allowed)}`
  return only === undefined || only === value ? undefined : `expected ${JSON.stringify(only)}`
}

function checkMembers(document: JsonObject, value: object, path: readonly PropertyKey[]): readonly Issue[] {
  const properties = (document['properties'] ?? {}) as JsonObject
  const required = (document['required'] ?? []) as readonly string[]
  const missing = required
    .filter((key) => !Object.hasOwn(value, key))
    .map((key) => ({ path: pointer([...path, key]), message: 'is missing' }))
  const found = Object.entries(value).flatMap(([key, item]): readonly Issue[] => {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (isDocument(property)) return checkDocument(property, item, [...path, key])
    return document['additionalProperties'] === false && property === undefined
      ? [{ path: pointer([...path, key]), message: 'is not known' }]
      : []
  })
  return [...missing, ...found]
}

function isDocument(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}
