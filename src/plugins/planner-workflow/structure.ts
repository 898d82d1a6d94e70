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
  const { properties = {}, required = [], additionalProperties = true, propertyNames, oneOf } = schema
  const known = properties as Readonly<Record<string, JsonObject>>
  for (const [key, member] of Object.entries(value)) {
    const at = [...path, key]
    if (Object.hasOwn(known, key)) checkStructure(known[key] as JsonObject, member, at, report)
    else if (additionalProperties === false) report.add('unknown-key', at, unknownKey(key, Object.keys(known)), 'key')
    else {
      if (propertyNames !== undefined && !inRange(propertyNames as JsonObject, key))
        report.add('type', at, `${JSON.stringify(key.slice(0, 80))} must be ${title(propertyNames as JsonObject)}`, 'key')
      if (typeof additionalProperties === 'object') checkStructure(additionalProperties as JsonObject, member, at, report)
    }
  }
  for (const key of required as readonly string[]) {
    if (!Object.hasOwn(value, key)) report.add('missing-key', path, `the key "${key}" is missing`, 'key')
  }
  if (oneOf !== undefined) checkOneOf(oneOf as readonly JsonObject[], value, path, report)
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
    const { pattern, minLength = 0, maxLength = Infinity } = schema
    if (value.length < (minLength as number) || value.length > (maxLength as number)) return false
    return pattern === undefined || new RegExp(pattern as string, 'u').test(value)
  }
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema
    return value >= (minimum as number) && value <= (maximum as number)
  }
  if (typeof value !== 'object' || value === null) return true
  const { minItems = 0, minProperties = 0, maxItems = Infinity, maxProperties = Infinity } = schema
  const size = Array.isArray(value) ? value.length : Object.keys(value).length
  const [least, most] = Array.isArray(value) ? [minItems, maxItems] : [minProperties, maxProperties]
  return size >= (least as number) && size <= (most as number)
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
