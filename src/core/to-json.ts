import { OpspawnError } from './errors.ts'
import { pointer, type Json } from './json.ts'

/**
 * Bounds for {@link toJson}.
 *
 * @property maxSize Largest size in characters of JSON text, escapes not counted; absent: 2,097,152.
 * @property maxDepth Deepest nesting of arrays and objects; absent: 64.
 */
export type JsonLimits = { readonly maxSize?: number; readonly maxDepth?: number }

/**
 * Copies a value into plain JSON data, so that whoever made it cannot change or break what was recorded.
 *
 * `toJSON` methods (dates, URLs) are honoured; `undefined` is dropped from objects and becomes `null` in arrays
 * and at the root. Whatever JSON would lose silently is refused instead: NaN and infinities, bigint, functions,
 * symbols, maps, sets, binary data, errors and other built-in objects, cycles, `__proto__` keys, and what throws when it
 * is read.
 *
 * @throws OpspawnError `JSON_INVALID` naming the JSON Pointer of the offender, `PAYLOAD_TOO_LARGE` past `maxSize`.
 */
export function toJson(value: unknown, { maxSize = 2_097_152, maxDepth = 64 }: JsonLimits = {}): Json {
  const copier: Copier = { left: maxSize, maxSize, maxDepth, path: [] }
  try {
    return copy(copier, value, 0) ?? null
  } catch (error) {
    if (OpspawnError.is(error, 'PAYLOAD_TOO_LARGE')) throw error
    const [what, cause] = error instanceof Refusal ? [error.what] : ['a value that throws when it is read', error]
    const path = pointer(copier.path)
    const shown = path.length > 200 ? `${path.slice(0, 99)}...${path.slice(-99)}` : path
    throw new OpspawnError('JSON_INVALID', `${what} at ${shown} is not JSON; convert it first`, { details: { path }, cause })
  }
}

/** `left`: characters that may still come; `path`: of what could not be copied, written on the way out alone. */
type Copier = Required<JsonLimits> & { left: number; readonly path: (string | number)[] }

class Refusal {
  declare readonly what: string

  constructor(what: string) {
    this.what = what
  }
}

function copy(copier: Copier, item: unknown, depth: number): Json | undefined {
  if (typeof item === 'string') return counted(copier, item, item.length + 2)
  if (item === undefined || item === null || typeof item === 'boolean') return counted(copier, item, 5)
  if (typeof item === 'object') return copyObject(copier, item, depth)
  if (typeof item !== 'number') throw new Refusal(`a ${typeof item}`)
  if (!Number.isFinite(item)) throw new Refusal(String(item))
  // JSON has no minus zero.
  return counted(copier, item === 0 ? 0 : item, (item | 0) === item ? 8 : String(item).length)
}

function copyObject(copier: Copier, source: object, depth: number): Json {
  if (depth >= copier.maxDepth) throw new Refusal(`nesting deeper than ${copier.maxDepth}, or a cycle,`)
  if (Array.isArray(source)) return copyList(copier, source, depth)
  const prototype: unknown = Object.getPrototypeOf(source)
  const isPlain = prototype === Object.prototype || prototype === null
  const kind = isPlain ? 'Object' : Object.prototype.toString.call(source).slice(8, -1)
  const { toJSON } = source as { toJSON?: () => unknown }
  if (typeof toJSON === 'function' && !ArrayBuffer.isView(source)) {
    const replaced = toJSON.call(source)
    if (kind !== 'Date' || replaced !== null) return copy(copier, replaced, depth + 1) ?? null
  }
  // Built-in objects keep what they hold elsewhere: a copy of their members would be empty.
  if (kind !== 'Object') throw new Refusal(`a value of type ${kind}`)
  return copyMembers(copier, source, depth)
}

function copyMembers(copier: Copier, source: object, depth: number): Json {
  counted(copier, source, 2)
  const object: Record<string, Json> = {}
  for (const key of Object.keys(source)) {
    const item = copyAt(copier, source, key, depth)
    if (item !== undefined) object[key] = counted(copier, item, key.length + 4)
  }
  return object
}

function copyList(copier: Copier, source: readonly unknown[], depth: number): Json {
  // The commas, before the loop: a length costs nothing to claim.
  counted(copier, source, source.length + 2)
  const list: Json[] = []
  for (let index = 0; index < source.length; index += 1) list.push(copyAt(copier, source, index, depth) ?? null)
  return list
}

function copyAt(copier: Copier, source: object, key: string | number, depth: number): Json | undefined {
  try {
    if (key === '__proto__') throw new Refusal('the key __proto__')
    return copy(copier, (source as Record<string | number, unknown>)[key], depth + 1)
  } catch (error) {
    copier.path.unshift(key)
    throw error
  }
}

/** Gives the item back, its size in characters taken off what may still come. */
function counted<T>(copier: Copier, item: T, size: number): T {
  copier.left -= size
  if (copier.left >= 0) return item
  const text = `value is larger than ${copier.maxSize} characters of JSON; give less`
  throw new OpspawnError('PAYLOAD_TOO_LARGE', text, { details: { limit: copier.maxSize } })
}
