/**
 * Finds the first place where two values differ, in words; `undefined` when they are equal. Members that are `undefined`
 * count as absent, since a history does not keep them. Knows objects, arrays, maps and sets.
 */
export function firstDifference(left: unknown, right: unknown, path = ''): string | undefined {
  if (Object.is(left, right)) return undefined
  if (!isObject(left) || !isObject(right) || kindOf(left) !== kindOf(right))
    return `at ${path || '/'}: ${show(left)} and ${show(right)}`
  const leftMembers = members(left)
  const rightMembers = members(right)
  for (const key of new Set([...leftMembers.keys(), ...rightMembers.keys()])) {
    const found = firstDifference(leftMembers.get(key), rightMembers.get(key), `${path}/${String(key)}`)
    if (found !== undefined) return found
  }
  return undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function kindOf(value: object): string {
  return Object.prototype.toString.call(value)
}

function members(value: object): ReadonlyMap<unknown, unknown> {
  if (value instanceof Map) return value as ReadonlyMap<unknown, unknown>
  if (value instanceof Set) return new Map([...(value as ReadonlySet<unknown>)].map((item, index) => [index, item]))
  return new Map(Object.entries(value))
}

/** A value in short, for error messages. */
export function show(value: unknown): string {
  const text = typeof value === 'function' ? 'a function' : (safeJson(value) ?? String(value))
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}

function safeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
