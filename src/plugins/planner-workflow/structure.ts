import type { Json, JsonObject } from '../../core/index.ts'
import type { Path, Report } from './problem.ts'

/**
 * Holds a value against one of our own schemas and reports everything that does not fit. It knows the keywords that those
 * use, and says what a value must be by the schema's `title`.
 */
export function checkStructure(schema: JsonObject, value: Json, path: Path, report: Report): void {
  const { anyOf } = schema
  if (anyOf !== undefined) {
    // The alternatives differ by type: the one of the value's type says best what is wrong with it.
    const fitting = (anyOf as readonly JsonObject[]).find((one) => hasType(one, value))
    if (fitting === undefined) report.add('type', path, `must be ${title(schema)}, not ${show(value)}`)
    else checkStructure(fitting, value, path, report)
    return
  }
  if (!hasType(schema, value) || !inRange(schema, value)) {
    report.add('type', path, `must be ${title(schema)}, not ${show(value)}`)
    return
  }
  if (Array.isArray(value)) {
    const { items } = schema
    if (items !== undefined)
      for (const [index, item] of value.entries()) checkStructure(items as JsonObject, item, [...path, index], report)
  } else if (typeof value === 'object' && value !== null) checkMembers(schema, value as JsonObject, path, report)
}

function checkMembers(schema: JsonObject, value: JsonObject, path: Path, report: Report): void {
  const { properties = {}, required = [], oneOf } = schema
  const known = properties as Readonly<Record<string, JsonObject>>
  for (const [key, member] of Object.entries(value)) {
    const own = Object.hasOwn(known, key) ? known[key] : undefined
    if (own === undefined) checkOther(schema, key, member, [...path, key], report)
    else checkStructure(own, member, [...path, key], report)
  }
  for (const key of required as readonly string[]) {
    if (!Object.hasOwn(value, key)) report.add('missing-key', path, `the key "${key}" is missing`, 'key')
  }
  if (oneOf !== undefined) checkOneOf(oneOf as readonly JsonObject[], value, path, report)
}

/** A member that the schema does not name: refused, or one of many of the same form. */
function checkOther(schema: JsonObject, key: string, member: Json, path: Path, report: Report): void {
  const { properties = {}, additionalProperties = true, propertyNames } = schema
  if (additionalProperties === false) {
    report.add('unknown-key', path, unknownKey(key, Object.keys(properties as JsonObject)), 'key')
    return
  }
  const names = propertyNames as JsonObject | undefined
  if (names !== undefined && !inRange(names, key))
    report.add('type', path, `${JSON.stringify(key.slice(0, 80))} must be ${title(names)}`, 'key')
  if (typeof additionalProperties === 'object') checkStructure(additionalProperties as JsonObject, member, path, report)
}

/** Exactly one of some keys. */
function checkOneOf(oneOf: readonly JsonObject[], value: JsonObject, path: Path, report: Report): void {
  const keys = oneOf.map(({ required }) => (required as readonly string[])[0] ?? '')
  const present = keys.filter((key) => Object.hasOwn(value, key))
  if (present.length === 1) return
  const found = present.length === 0 ? 'none of them' : present.join(' and ')
  report.add('task-kind', path, `must have exactly one of ${keys.join(', ')}; it has ${found}`, 'key')
}

function title({ title: words }: JsonObject): string {
  return words as string
}

function hasType({ type, enum: values }: JsonObject, value: Json): boolean {
  if (values !== undefined) return (values as readonly Json[]).includes(value)
  switch (type) {
    case undefined:
      return true
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'array':
      return Array.isArray(value)
    case 'integer':
      return Number.isSafeInteger(value)
    default:
      return typeof value === type
  }
}

function inRange(schema: JsonObject, value: Json): boolean {
  if (typeof value === 'string') {
    const { pattern } = schema
    if (!isBetween(value.length, schema['minLength'], schema['maxLength'])) return false
    return pattern === undefined || new RegExp(pattern as string, 'u').test(value)
  }
  if (typeof value === 'number') return isBetween(value, schema['minimum'], schema['maximum'])
  if (typeof value !== 'object' || value === null) return true
  return Array.isArray(value)
    ? isBetween(value.length, schema['minItems'], schema['maxItems'])
    : isBetween(Object.keys(value).length, schema['minProperties'], schema['maxProperties'])
}

function isBetween(amount: number, least: Json | undefined, most: Json | undefined): boolean {
  return amount >= ((least as number | undefined) ?? -Infinity) && amount <= ((most as number | undefined) ?? Infinity)
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`
  return `unknown key ${JSON.stringify(key.slice(0, 80))}; ${hint}`
}

/** The name that a misspelt one most likely stands for. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > 64) return undefined
  let best: string | undefined
  let least = Math.min(3, Math.ceil(name.length / 2))
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= least) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best ?? known.find((candidate) => name.length > 2 && (candidate.startsWith(name) || name.startsWith(candidate)))
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= right.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}

/** A value for a message, cut. */
export function show(value: Json): string {
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
