/** Any value that survives a JSON round trip unchanged. Everything a run records is of this type. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json }

/**
 * Writes a JSON value with its keys sorted, so that equal data gives equal text: the form that hashes are made of.
 */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const object = value as JsonObject
    const members = Object.keys(object).toSorted()
    return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key] as Json)}`).join(',')}}`
  }
  return JSON.stringify(value)
}

/** Writes a path of keys and indices as a JSON Pointer (RFC 6901); the root is `/`. */
export function pointer(path: readonly PropertyKey[]): string {
  return `/${path.map((key) => String(key).replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`
}
