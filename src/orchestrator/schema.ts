import {
  OpspawnError,
  pointer,
  toFailure,
  toJson,
  type DocumentedSchema,
  type Issue,
  type JsonObject,
  type Schema,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
  type Validation,
} from '../core/index.ts'

import { show } from './checks/show.ts'
import { nowOrLater } from './later.ts'

/** A schema made ready once, at registration: its JSON Schema document and its check. */
export interface CompiledSchema {
  /** The document that models and callers see. */
  readonly jsonSchema: JsonObject
  readonly validate: (value: unknown) => Validation | Promise<Validation>
}

/** Makes the check of a plain JSON Schema document. */
export type JsonSchemaCompiler = (document: object) => (value: unknown) => readonly Issue[]

/**
 * Makes a schema ready for use: converts it to JSON Schema draft-07 once and binds its check.
 *
 * @param where what the schema belongs to, for the error text, such as `tool "weather"`.
 * @throws OpspawnError `SCHEMA_NOT_CONVERTIBLE` when the document cannot be made.
 */
export function compileSchema(
  schema: Schema,
  side: 'input' | 'output',
  where: string,
  compiler: JsonSchemaCompiler,
): CompiledSchema {
  if (typeof schema !== 'object' && typeof schema !== 'function')
    refuse(where, `it is ${schema === undefined ? 'missing' : typeof schema}`)
  if (schema === null) refuse(where, 'it is null')
  if ((schema as StandardSchema)['~standard'] !== undefined) return compileStandard(schema as StandardSchema, side, where)
  if ((schema as DocumentedSchema).validator !== undefined) return compileDocumented(schema as DocumentedSchema, where)
  return compilePlain(schema, where, compiler)
}

/** A schema of a library that converts itself. */
function compileStandard(schema: StandardSchema, side: 'input' | 'output', where: string): CompiledSchema {
  const standard = schema['~standard']
  if (typeof standard?.validate !== 'function') refuse(where, 'its ~standard has no validate function')
  if (standard.jsonSchema === undefined) {
    refuse(where, `the ${standard.vendor} schema has no JSON Schema conversion; pass { validator, jsonSchema } instead`)
  }
  return {
    jsonSchema: document(() => standard.jsonSchema?.[side]({ target: 'draft-07' }), where),
    validate: standardCheck(schema),
  }
}

/** A validator with a document beside it. */
function compileDocumented({ validator, jsonSchema }: DocumentedSchema, where: string): CompiledSchema {
  if (typeof validator?.['~standard']?.validate !== 'function') refuse(where, 'its validator is no Standard Schema')
  return { jsonSchema: document(() => jsonSchema, where), validate: standardCheck(validator) }
}

/** A JSON Schema document, checked by a compiler of ours. */
function compilePlain(schema: Schema, where: string, compiler: JsonSchemaCompiler): CompiledSchema {
  if (Object.prototype.toString.call(schema) !== '[object Object]') refuse(where, `it is ${show(schema)} and no document`)
  const plain = copyDocument(schema, where)
  let check: (value: unknown) => readonly Issue[]
  try {
    check = compiler(plain)
  } catch (error) {
    refuse(where, toFailure(error, 'SCHEMA_NOT_CONVERTIBLE').message, error)
  }
  return {
    jsonSchema: plain,
    validate(value) {
      const issues = check(value)
      return issues.length === 0 ? { value } : { issues }
    },
  }
}

/** Whether a schema is a plain JSON Schema document, which needs a validator of ours. */
export function isPlainJsonSchema(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && !('~standard' in schema) && !('validator' in schema)
}

/** Writes issues as one sentence: `/city: expected string; /days: too large`. */
export function describeIssues(issues: readonly Issue[]): string {
  const shown = issues.slice(0, 8).map((issue) => `${issue.path}: ${issue.message}`)
  return issues.length > 8 ? `${shown.join('; ')}; and ${issues.length - 8} more` : shown.join('; ')
}

function refuse(where: string, why: string, cause?: unknown): never {
  throw new OpspawnError('SCHEMA_NOT_CONVERTIBLE', `the schema of ${where} cannot be written as JSON Schema: ${why}`, { cause })
}

function document(convert: () => object | undefined, where: string): JsonObject {
  let made: object | undefined
  try {
    made = convert()
  } catch (error) {
    refuse(where, toFailure(error, 'SCHEMA_NOT_CONVERTIBLE').message, error)
  }
  if (typeof made !== 'object' || made === null || Array.isArray(made)) refuse(where, 'the conversion gave no document')
  if (typeof (made as { then?: unknown }).then === 'function') {
    // What comes of it is nobody's concern any more, its failure included.
    Promise.resolve(made).catch(() => {})
    refuse(where, 'the conversion gave a promise; a document must be there at once')
  }
  return closeObjects(copyDocument(made, where), true)
}

/** A document is hashed and sent: all of it must be JSON, its defaults included, and nobody may change it later. */
function copyDocument(made: object, where: string): JsonObject {
  try {
    return toJson(made, { maxDepth: 256 }) as JsonObject
  } catch (error) {
    return refuse(where, toFailure(error, 'SCHEMA_NOT_CONVERTIBLE').message, error)
  }
}

/** Keywords whose values are data, and those whose branches must stay open, since they are met together with what stands beside them. */
const UNTOUCHED: ReadonlySet<string> = new Set(['allOf', 'const', 'default', 'enum', 'examples'])
/** Keywords whose schemas are met together with the members that are listed beside them. */
const BRANCHES: ReadonlySet<string> = new Set(['anyOf', 'else', 'if', 'not', 'oneOf', 'then'])
/** Keywords whose members are names of the author's, not keywords. */
const NAMED: ReadonlySet<string> = new Set(['$defs', 'definitions', 'patternProperties', 'properties'])

/**
 * Models are told that no other keys exist: `additionalProperties: false` wherever properties are listed and nothing, or
 * the `true` that some libraries write unasked, is said.
 */
function closeObjects(node: JsonObject, root: boolean): JsonObject {
  const closed: Record<string, unknown> = {}
  const hasMembers = 'properties' in node
  for (const [key, item] of Object.entries(node)) {
    if (root && key === '$schema') continue
    closed[key] =
      UNTOUCHED.has(key) || (hasMembers && BRANCHES.has(key)) ? item : NAMED.has(key) ? closeNamed(item) : closeNested(item)
  }
  if (listsAllMembers(closed)) closed['additionalProperties'] = false
  return closed as JsonObject
}

/** Nothing beside the properties can name further keys, and nobody asked for any. */
function listsAllMembers({ type, properties, additionalProperties, ...rest }: Readonly<Record<string, unknown>>): boolean {
  if (type !== 'object' || properties === undefined) return false
  if (additionalProperties !== undefined && additionalProperties !== true) return false
  return !['allOf', 'anyOf', 'oneOf', 'if'].some((keyword) => keyword in rest)
}

function closeNamed(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return item
  return Object.fromEntries(Object.entries(item).map(([name, schema]) => [name, closeNested(schema)]))
}

function closeNested(item: unknown): unknown {
  if (Array.isArray(item)) return item.map(closeNested)
  return typeof item === 'object' && item !== null ? closeObjects(item as JsonObject, false) : item
}

function standardCheck(schema: StandardSchema): CompiledSchema['validate'] {
  const standard = schema['~standard']
  return (value) => {
    const result = nowOrLater(standard.validate(value))
    return result instanceof Promise ? result.then(translate) : translate(result)
  }
}

/** What a validator gives is looked at before it is believed: half an answer must not pass for a value. */
function translate(result: StandardResult<unknown>): Validation {
  const given = result as unknown
  if (typeof given !== 'object' || given === null) throw new Error(`it gave ${show(given)}, neither a value nor issues`)
  const { issues } = result
  if (issues === undefined) {
    if (!('value' in result)) throw new Error('it gave an object with neither a value nor issues')
    return result
  }
  if (!Array.isArray(issues)) throw new Error(`it gave issues that are ${show(issues)}, not a list`)
  return {
    issues: (issues as readonly StandardIssue[]).map((issue) => ({
      path: pointer((issue.path ?? []).map((step) => (typeof step === 'object' ? step.key : step))),
      message: issue.message,
    })),
  }
}
