import type { Json, JsonObject } from '../../core/index.ts'

/** A reference in a step's input: `{{steps.<id>.output}}`, with a JSON Pointer behind it for a part of the output. */
export interface Reference {
  readonly id: string
  /** JSON Pointer (RFC 6901); empty for the whole. */
  readonly pointer: string
  /** As it was written, without the braces. */
  readonly text: string
}

/** What a reference stands for, or why there is nothing. */
export type Resolved = { readonly value: Json; readonly problem?: undefined } | { readonly problem: string }

/**
 * Puts values in the place of references, in every string of an input. A string that is nothing but a reference becomes the
 * value with its type; in a longer string values stand as text. What was put in is never looked through again, so that the
 * output of a tool cannot smuggle references in.
 */
export function substitute(input: JsonObject, resolve: (reference: Reference) => Resolved): Resolved {
  let problem: string | undefined
  const valueOf = (reference: Reference): Json => {
    const resolved = resolve(reference)
    if (resolved.problem === undefined) return resolved.value
    problem ??= resolved.problem
    return null
  }
  const copy = (value: Json): Json => {
    if (typeof value === 'string') return substituteText(value, valueOf)
    if (Array.isArray(value)) return value.map(copy)
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value as JsonObject).map(([key, item]) => [key, copy(item)]))
    return value
  }
  const value = copy(input)
  return problem === undefined ? { value } : { problem }
}

function substituteText(text: string, valueOf: (reference: Reference) => Json): Json {
  const pieces = split(text)
  const [only] = pieces
  if (pieces.length === 1 && only !== undefined && typeof only !== 'string') return valueOf(only)
  let joined = ''
  for (const piece of pieces) {
    const value = typeof piece === 'string' ? piece : valueOf(piece)
    joined += typeof value === 'string' ? value : JSON.stringify(value)
  }
  return joined
}

/** The references in a text and the text between them. Braces around anything else are text. One pass, linear time. */
function split(text: string): readonly (string | Reference)[] {
  const pieces: (string | Reference)[] = []
  let literal = ''
  let from = 0
  for (;;) {
    const close = text.indexOf('}}', from)
    if (close < 0) break
    const segment = text.slice(from, close)
    const open = segment.lastIndexOf('{{')
    const reference = open < 0 ? undefined : readReference(segment.slice(open + 2))
    if (reference === undefined) literal += `${segment}}}`
    else {
      literal += segment.slice(0, open)
      if (literal !== '') pieces.push(literal)
      literal = ''
      pieces.push(reference)
    }
    from = close + 2
  }
  literal += text.slice(from)
  if (literal !== '' || pieces.length === 0) pieces.push(literal)
  return pieces
}

const REFERENCE = /^steps\.([A-Za-z0-9_-]{1,64})\.output((?:\/.*)?)$/s

/** What begins like a reference and is none gets an id that no step has, so that it is found out instead of passed on as text. */
function readReference(inBraces: string): Reference | undefined {
  const text = inBraces.trim()
  const found = REFERENCE.exec(text)
  if (found !== null) return { id: found[1] as string, pointer: found[2] as string, text }
  return text.startsWith('steps.') ? { id: '', pointer: '', text } : undefined
}

/** Every reference in an input. */
export function referencesIn(input: JsonObject): readonly Reference[] {
  const found: Reference[] = []
  substitute(input, (reference) => {
    found.push(reference)
    return { value: null }
  })
  return found
}

/** Follows a JSON Pointer into a value; only own members are found. */
export function follow(value: Json, pointer: string): Json | undefined {
  let current: Json = value
  if (pointer === '') return current
  for (const token of pointer.slice(1).split('/')) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof current !== 'object' || current === null) return undefined
    if (Array.isArray(current) && !/^(0|[1-9]\d*)$/.test(key)) return undefined
    if (!Object.hasOwn(current, key)) return undefined
    current = (current as JsonObject)[key] as Json
  }
  return current
}
