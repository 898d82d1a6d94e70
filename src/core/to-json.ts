import { OpspawnError } from './errors.ts'
import { pointer, type Json } from './json.ts'

/** Bounds for {@link toJson}. */
export interface JsonLimits {
  /** Largest size in characters of JSON text, counted while copying. @default 2_097_152 */
  readonly maxSize?: number
  /** Deepest nesting of arrays and objects. @default 64 */
  readonly maxDepth?: number
}

const UNFIT: readonly string[] = ['Map', 'Set', 'WeakMap', 'WeakSet', 'Promise', 'RegExp', 'ArrayBuffer']

/**
 * Copies a value into plain JSON data, so that whoever made it cannot change or break what was recorded.
 *
 * `toJSON` methods (dates, URLs) are honoured; `undefined` is dropped from objects and becomes `null` in arrays
 * and at the root. Whatever JSON would lose silently is refused instead: NaN and infinities, bigint, functions,
 * symbols, maps, sets, binary data, errors, cycles, `__proto__` keys, and getters that throw.
 *
 * @throws OpspawnError `JSON_INVALID` naming the JSON Pointer of the offender, `PAYLOAD_TOO_LARGE` past `maxSize`.
 */
export function toJson(value: unknown, { maxSize = 2_097_152, maxDepth = 64 }: JsonLimits = {}): Json {
  try {
    return copy({ left: maxSize, maxSize, maxDepth }, value, 0) ?? null
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const path = pointer(error.path)
    const text = `${error.what} at ${path} cannot be stored as JSON; convert it to plain data first`
    throw new OpspawnError('JSON_INVALID', text, { details: { path }, cause: error.cause })
  }
}

interface Copier extends Required<JsonLimits> {
  /** Characters that may still come. */
  left: number
}

/** Thrown inside a copy; each level on the way out adds its key, so that no path is kept while all goes well. */
class Refusal {
  readonly path: (string | number)[] = []
  readonly what: string
  readonly cause: unknown

  constructor(what: string, cause?: unknown) {
    this.what = what
    this.cause = cause
  }
}

function copy(copier: Copier, item: unknown, depth: number): Json | undefined {
  if (typeof item === 'string') return counted(copier, item, item.length + 2)
  if (typeof item === 'boolean') return counted(copier, item, 5)
  if (item === undefined || item === null) return item
  if (typeof item === 'object') return copyObject(copier, item, depth)
  if (typeof item !== 'number') throw new Refusal(`a ${typeof item}`)
  if (!Number.isFinite(item)) throw new Refusal(String(item))
  return counted(copier, item, 8)
}

function copyObject(copier: Copier, source: object, depth: number): Json {
  if (source === PROTO) throw new Refusal('the key __proto__')
  if (depth >= copier.maxDepth) throw new Refusal(`a cycle, or nesting deeper than ${copier.maxDepth},`)
  counted(copier, source, 2)
  if (Array.isArray(source)) return source.map((item, index) => copyAt(copier, item, index, depth) ?? null)
  const replace = read(source, 'toJSON')
  if (typeof replace === 'function') return copy(copier, replaced(source, replace as () => unknown), depth + 1) ?? null
  const prototype: unknown = Object.getPrototypeOf(source)
  if (prototype !== Object.prototype && prototype !== null) {
    const kind = Object.prototype.toString.call(source).slice(8, -1)
    if (UNFIT.includes(kind) || ArrayBuffer.isView(source) || source instanceof Error)
      throw new Refusal(`a value of type ${kind}`)
  }
  const object: Record<string, Json> = {}
  for (const key of Object.keys(source)) {
    const item = copyAt(copier, key === '__proto__' ? PROTO : read(source, key), key, depth)
    if (item === undefined) continue
    object[key] = counted(copier, item, key.length + 4)
  }
  return object
}

/** Stands in for the value of a `__proto__` key, so that it is refused at its own path. */
const PROTO: object = Object.freeze({})

function copyAt(copier: Copier, item: unknown, key: string | number, depth: number): Json | undefined {
  try {
    return copy(copier, item, depth + 1)
  } catch (error) {
    if (error instanceof Refusal) error.path.unshift(key)
    throw error
  }
}

function replaced(source: object, replace: () => unknown): unknown {
  try {
    return replace.call(source)
  } catch (error) {
    throw new Refusal('a value whose toJSON throws', error)
  }
}

function read(source: object, key: string): unknown {
  try {
    return (source as Record<string, unknown>)[key]
  } catch (error) {
    throw new Refusal(`a property whose getter throws (${key})`, error)
  }
}

/** Gives the item back, its size in characters taken off what may still come. */
function counted<T>(copier: Copier, item: T, size: number): T {
  copier.left -= size
  if (copier.left >= 0) return item
  const text = `value is larger than ${copier.maxSize} characters of JSON; return less, or a reference to it`
  throw new OpspawnError('PAYLOAD_TOO_LARGE', text, { details: { limit: copier.maxSize } })
}
