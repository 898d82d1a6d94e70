/**
 * Copies what a call carries: plain objects and arrays anew, bytes and dates and URLs too, anything else (signals,
 * functions) as it is. `structuredClone` refuses URLs and functions, which call options may hold.
 */
export function copyValue<T>(value: T): T {
  return copy(value, new Map()) as T
}

function copy(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) {
    const list: unknown[] = []
    seen.set(value, list)
    for (const item of value) list.push(copy(item, seen))
    return list
  }
  if (value instanceof Uint8Array) return value.slice()
  if (value instanceof Date) return new Date(value)
  if (value instanceof URL) return new URL(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const object: Record<string, unknown> = {}
  seen.set(value, object)
  for (const [key, item] of Object.entries(value))
    Object.defineProperty(object, key, { value: copy(item, seen), enumerable: true, writable: true, configurable: true })
  return object
}
