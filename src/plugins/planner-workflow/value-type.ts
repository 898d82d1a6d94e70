import type { Json, JsonObject } from '../../core/index.ts'
import { stepsText } from './value-path.ts'

/** What is known of a value before it is there. `any` is everything that is not known. */
export interface ValueType {
  readonly kind: 'any' | 'bool' | 'int' | 'number' | 'string' | 'list' | 'map' | 'null'
  readonly schema?: JsonObject | undefined
}

export const ANY: ValueType = { kind: 'any' }

const KINDS: Readonly<Record<string, ValueType['kind']>> = {
  boolean: 'bool',
  integer: 'int',
  number: 'number',
  string: 'string',
  array: 'list',
  object: 'map',
  null: 'null',
}

/** What a JSON Schema says of a value as a whole. */
export function typeOf(schema: JsonObject | undefined): ValueType {
  if (schema === undefined) return ANY
  const { type } = schema
  const kind = typeof type === 'string' ? KINDS[type] : schema['properties'] === undefined ? undefined : 'map'
  return { kind: isOpen(schema) ? 'any' : (kind ?? 'any'), schema }
}

/** What stands at the end of some steps, or why nothing can. `where` is what the steps begin at. */
export function typeAt(
  schema: JsonObject | undefined,
  steps: readonly (string | number)[],
  where: string,
): ValueType | { readonly problem: string } {
  let current = resolve(schema, schema)
  for (const [index, step] of steps.entries()) {
    const type = typeOf(current)
    const place = where + stepsText(steps.slice(0, index))
    if (type.kind === 'any') return ANY
    const next = type.kind === 'map' ? ofMap(current, step, place) : ofOther(type, step, place)
    if ('problem' in next) return next
    current = resolve(next.schema, schema)
  }
  return typeOf(current)
}

type Next = { readonly schema: JsonObject | undefined } | { readonly problem: string }

function ofMap(schema: JsonObject | undefined, step: string | number, place: string): Next {
  if (typeof step === 'number') return { problem: `${place} is a map, and ${step} is no key of one` }
  const { properties, additionalProperties, patternProperties } = schema ?? {}
  const known = isObject(properties) ? properties : undefined
  if (known !== undefined && Object.hasOwn(known, step)) return { schema: asSchema(known[step]) }
  if (isObject(additionalProperties)) return { schema: additionalProperties }
  if (additionalProperties === true || patternProperties !== undefined) return { schema: undefined }
  if (known === undefined) {
    return additionalProperties === false ? { problem: `${place} has no members` } : { schema: undefined }
  }
  return { problem: `${place} has no member ${JSON.stringify(step)}; it has ${Object.keys(known).join(', ') || 'none'}` }
}

function ofOther({ kind, schema }: ValueType, step: string | number, place: string): Next {
  if (kind === 'list' && typeof step === 'number') return { schema: asSchema(schema?.['items']) }
  const hint = kind === 'list' ? '; take one by its index, or use map, filter, all or exists' : ''
  return { problem: `${place} is ${kindText(kind)} and has no member ${JSON.stringify(step)}${hint}` }
}

/** What a list's items are. */
export function itemType(type: ValueType): JsonObject | undefined {
  return type.kind === 'list' ? asSchema(type.schema?.['items']) : undefined
}

/** A kind in words. */
export function kindText(kind: ValueType['kind']): string {
  const words = { any: 'anything', bool: 'true or false', int: 'a whole number', number: 'a number', string: 'a text' } as const
  if (kind === 'list' || kind === 'map') return `a ${kind}`
  return kind === 'null' ? 'null' : words[kind]
}

/** Follows `$ref` inside the document; a few times, since it may go in circles. */
function resolve(schema: JsonObject | undefined, root: JsonObject | undefined): JsonObject | undefined {
  let current = schema
  for (let turn = 0; turn < 8; turn += 1) {
    const ref = current?.['$ref']
    if (ref === undefined) return current
    if (typeof ref !== 'string' || !ref.startsWith('#/')) return undefined
    let target: Json | undefined = root
    for (const step of ref.slice(2).split('/')) {
      const key = decodeStep(step)
      target = isObject(target) && Object.hasOwn(target, key) ? target[key] : undefined
    }
    current = asSchema(target)
  }
  return undefined
}

function decodeStep(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** Whether a schema says by alternatives what this reading does not follow. */
function isOpen(schema: JsonObject): boolean {
  return ['anyOf', 'oneOf', 'allOf', 'if', 'not', '$ref', '$dynamicRef'].some((key) => schema[key] !== undefined)
}

function asSchema(value: Json | undefined): JsonObject | undefined {
  return isObject(value) ? value : undefined
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
