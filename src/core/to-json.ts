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
  return new Copier(limits).copy(value) ?? null
}

class Copier {
  readonly #maxSize: number
  readonly #maxDepth: number
  #size = 0
  readonly #ancestors: object[] = []
  readonly #path: (string | number)[] = []

  constructor(limits: JsonLimits) {
    this.#maxSize = limits.maxSize ?? 2_097_152
    this.#maxDepth = limits.maxDepth ?? 64
  }

  copy(item: unknown): Json | undefined {
    switch (typeof item) {
      case 'string':
        this.#grow(item.length + 2)
        return item
      case 'number':
        if (!Number.isFinite(item)) this.#refuse(String(item))
        this.#grow(8)
        return item
      case 'boolean':
        this.#grow(5)
        return item
      case 'undefined':
        return undefined
      case 'object':
        return item === null ? null : this.#copyObject(item)
      default:
        return this.#refuse(`a ${typeof item}`)
    }
  }

  #copyObject(source: object): Json {
    if (this.#ancestors.includes(source)) this.#refuse('a cycle')
    if (this.#ancestors.length >= this.#maxDepth) this.#refuse(`nesting deeper than ${this.#maxDepth}`)
    const replace = Array.isArray(source) ? undefined : this.#read(source, 'toJSON')
    if (typeof replace === 'function') return this.#copyReplaced(source, replace as () => unknown)
    this.#ancestors.push(source)
    this.#grow(2)
    const copied = Array.isArray(source) ? this.#copyItems(source) : this.#copyMembers(source)
    this.#ancestors.pop()
    return copied
  }

  #copyReplaced(source: object, replace: () => unknown): Json {
    let replaced: unknown
    try {
      replaced = replace.call(source)
    } catch (error) {
      this.#refuse('a value whose toJSON throws', error)
    }
    if (replaced === source) this.#refuse('a value whose toJSON returns itself')
    this.#ancestors.push(source)
    const copied = this.copy(replaced) ?? null
    this.#ancestors.pop()
    return copied
  }

  #copyItems(source: readonly unknown[]): Json {
    const list: Json[] = []
    for (let index = 0; index < source.length; index += 1) {
      this.#path.push(index)
      list.push(this.copy(source[index]) ?? null)
      this.#path.pop()
    }
    return list
  }

  #copyMembers(source: object): Json {
    const prototype: unknown = Object.getPrototypeOf(source)
    if (prototype !== Object.prototype && prototype !== null) {
      const kind = Object.prototype.toString.call(source).slice(8, -1)
      if (UNFIT.includes(kind) || ArrayBuffer.isView(source) || source instanceof Error) this.#refuse(`a value of type ${kind}`)
    }
    const object: Record<string, Json> = {}
    for (const key of Object.keys(source)) {
      this.#path.push(key)
      if (key === '__proto__') this.#refuse('the key __proto__')
      const item = this.copy(this.#read(source, key))
      if (item !== undefined) {
        this.#grow(key.length + 4)
        object[key] = item
      }
      this.#path.pop()
    }
    return object
  }

  #read(source: object, key: string): unknown {
    try {
      return (source as Record<string, unknown>)[key]
    } catch (error) {
      return this.#refuse(`a property whose getter throws (${key})`, error)
    }
  }

  #grow(by: number): void {
    this.#size += by
    if (this.#size <= this.#maxSize) return
    throw new OpspawnError('PAYLOAD_TOO_LARGE', `value is larger than ${this.#maxSize} characters of JSON; return less, or a reference to it`, {
      details: { limit: this.#maxSize },
    })
  }

  #refuse(what: string, cause?: unknown): never {
    const path = pointer(this.#path)
    throw new OpspawnError('JSON_INVALID', `${what} at ${path} cannot be stored as JSON; convert it to plain data first`, { details: { path }, cause })
  }
}
