import { OpspawnError } from './errors.ts'
import { pointer, type Json } from './json.ts'

/** Bounds for {@link toJson}. */
export interface JsonLimits {
  /** Largest size in characters of JSON text, escapes not counted. @default 2_097_152 */
  readonly maxSize?: number
  /** Deepest nesting of arrays and objects. @default 64 */
  readonly maxDepth?: number
}

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
  try {
    return copy({ left: maxSize, maxSize, maxDepth }, value, 0) ?? null
  } catch (error) {
    const refusal = refusalOf(error)
    if (!(refusal instanceof Refusal)) throw refusal
    const path = pointer(refusal.path)
    const shown = path.length > 200 ? `${path.slice(0, 99)}...${path.slice(-99)}` : path
    const text = `${refusal.what} at ${shown} is not JSON; convert it first`
    throw new OpspawnError('JSON_INVALID', text, { details: { path }, cause: refusal.cause })
  }
}

/** `left`: characters that may still come. */
type Copier = Required<JsonLimits> & { left: number }

/** Thrown inside a copy; each level on the way out adds its key, so that no path is kept while all goes well. */
class Refusal {
  readonly path: (string | number)[] = []
  declare readonly what: string
  declare readonly cause: unknown

  constructor(what: string, cause?: unknown) {
    this.what = what
    this.cause = cause
  }
}

function copy(copier: Copier, item: unknown, depth: number): Json | undefined {
  if (typeof item === 'string') return counted(copier, item, item.length + 2)
  if (typeof item === 'boolean') return counted(copier, item, 5)
  if (item === undefined || item === null) return counted(copier, item, 4)
  if (typeof item === 'object') return copyObject(copier, item, depth)
  if (typeof item !== 'number') throw new Refusal(`a ${typeof item}`)
  if (!Number.isFinite(item)) throw new Refusal(String(item))
  // JSON has no minus zero.
  return counted(copier, item === 0 ? 0 : item, (item | 0) === item ? 8 : String(item).length)
}

function copyObject(copier: Copier, source: object, depth: number): Json {
  if (depth >= copier.maxDepth) throw new Refusal(`a cycle, or nesting deeper than ${copier.maxDepth},`)
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
  // Looked at before the loop: a length costs nothing to claim.
  if (source.length * 2 > copier.left) counted(copier, source, source.length * 2)
  counted(copier, source, 2)
  const list: Json[] = []
  for (let index = 0; index < source.length; index += 1) list.push(copyAt(copier, source, index, depth) ?? null)
  return list
}

function copyAt(copier: Copier, source: object, key: string | number, depth: number): Json | undefined {
  try {
    if (key === '__proto__') throw new Refusal('the key __proto__')
    return copy(copier, (source as Record<string | number, unknown>)[key], depth + 1)
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal instanceof Refusal) refusal.path.unshift(key)
    throw refusal
  }
}

/** Whatever throws while it is read cannot be copied; that it is too large is said as it is. */
function refusalOf(error: unknown): unknown {
  if (error instanceof Refusal || OpspawnError.is(error, 'PAYLOAD_TOO_LARGE')) return error
  return new Refusal('a value that throws when it is read', error)
}

/** Gives the item back, its size in characters taken off what may still come. */
function counted<T>(copier: Copier, item: T, size: number): T {
  copier.left -= size
  if (copier.left >= 0) return item
  const text = `value is larger than ${copier.maxSize} characters of JSON; give less`
  throw new OpspawnError('PAYLOAD_TOO_LARGE', text, { details: { limit: copier.maxSize } })
}
