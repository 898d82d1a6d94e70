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
export function toJson(value: unknown, limits: JsonLimits = {}): Json {
  const maxDepth = limits.maxDepth ?? 64
  const maxSize = limits.maxSize ?? 2_097_152
  const ancestors: object[] = []
  const path: (string | number)[] = []
  let size = 0

  function refuse(what: string, cause?: unknown): never {
    throw new OpspawnError(
      'JSON_INVALID',
      `${what} at ${pointer(path)} cannot be stored as JSON; convert it to plain data first`,
      {
        details: { path: pointer(path) },
        cause,
      },
    )
  }
  function grow(by: number): void {
    size += by
    if (size > maxSize) {
      throw new OpspawnError(
        'PAYLOAD_TOO_LARGE',
        `value is larger than ${maxSize} characters of JSON; return less, or a reference to it`,
        {
          details: { limit: maxSize },
        },
      )
    }
  }
  function copyObject(source: object): Json {
    if (ancestors.includes(source)) refuse('a cycle')
    if (ancestors.length >= maxDepth) refuse(`nesting deeper than ${maxDepth}`)
    if (Array.isArray(source)) {
      ancestors.push(source)
      const list: Json[] = []
      grow(2)
      for (let index = 0; index < source.length; index += 1) {
        path.push(index)
        list.push(copy(source[index]) ?? null)
        path.pop()
      }
      ancestors.pop()
      return list
    }
    const own = read(source, 'toJSON')
    if (typeof own === 'function') {
      let replaced: unknown
      try {
        replaced = own.call(source, '')
      } catch (error) {
        refuse('a value whose toJSON throws', error)
      }
      if (replaced === source) refuse('a value whose toJSON returns itself')
      return copy(replaced) ?? null
    }
    const prototype: unknown = Object.getPrototypeOf(source)
    if (prototype !== Object.prototype && prototype !== null) {
      const kind = Object.prototype.toString.call(source).slice(8, -1)
      if (UNFIT.includes(kind) || ArrayBuffer.isView(source) || source instanceof Error) refuse(`a value of type ${kind}`)
    }
    ancestors.push(source)
    const object: Record<string, Json> = {}
    grow(2)
    for (const key of Object.keys(source)) {
      path.push(key)
      if (key === '__proto__') refuse('the key __proto__')
      const item = copy(read(source, key))
      if (item !== undefined) {
        grow(key.length + 4)
        object[key] = item
      }
      path.pop()
    }
    ancestors.pop()
    return object
  }
  function read(source: object, key: string): unknown {
    try {
      return (source as Record<string, unknown>)[key]
    } catch (error) {
      return refuse(`a property whose getter throws (${key})`, error)
    }
  }
  function copy(item: unknown): Json | undefined {
    switch (typeof item) {
      case 'string':
        grow(item.length + 2)
        return item
      case 'number':
        if (!Number.isFinite(item)) refuse(String(item))
        grow(8)
        return item
      case 'boolean':
        grow(5)
        return item
      case 'undefined':
        return undefined
      case 'object':
        return item === null ? null : copyObject(item)
      default:
        return refuse(`a ${typeof item}`)
    }
  }
  return copy(value) ?? null
}
