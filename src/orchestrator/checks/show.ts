/** Writes any value in short, for an error text. Never throws. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'function') return 'a function; did you forget to call it?'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** How error texts call something that is only being made: by its name, if it has one. */
export function named(kind: string, options: unknown, otherwise: string): string {
  const name = typeof options === 'object' && options !== null ? (options as { name?: unknown }).name : undefined
  return typeof name === 'string' ? `${kind} ${show(name)}` : otherwise
}
