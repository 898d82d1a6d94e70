import { type Json, toJson } from '../core/index.ts'

/**
 * Reads the JSON value that a model wrote: the whole text, else the first code fence, else the first object or array
 * with prose around it. Nothing is guessed: single quotes, comments and trailing commas are not JSON.
 *
 * Each character is looked at a fixed number of times, so that a hostile text costs no more than a plain one.
 *
 * @param fits what the caller can use; other values are passed over.
 * @param tries objects and arrays in prose that are tried, from the left. With more than one a value that stands behind
 * a broken one may be taken: allow it only where `fits` is choosy.
 */
export function readJson(text: string, fits: (value: Json) => boolean = () => true, tries = 1): Json | undefined {
  const whole = parse(text, fits)
  if (whole !== undefined) return whole
  const inFence = fenced(text)
  const fromFence = inFence === undefined ? undefined : parse(inFence, fits)
  if (fromFence !== undefined) return fromFence
  let from = 0
  for (let tried = 0; tried < tries; tried += 1) {
    const start = firstBracket(text, from)
    const end = start < 0 ? -1 : endOfValue(text, start)
    if (end < 0) return undefined
    const value = parse(text.slice(start, end), fits)
    if (value !== undefined) return value
    from = end
  }
  return undefined
}

function parse(text: string, fits: (value: Json) => boolean): Json | undefined {
  try {
    // The copy refuses what a history cannot hold: `__proto__` keys and endless nesting.
    const value = toJson(JSON.parse(text))
    return fits(value) ? value : undefined
  } catch {
    return undefined
  }
}

function fenced(text: string): string | undefined {
  const open = text.indexOf('```')
  if (open < 0) return undefined
  let start = open + 3
  while (start < text.length && isLetter(text.charCodeAt(start))) start += 1
  const close = text.indexOf('```', start)
  return close < 0 ? undefined : text.slice(start, close)
}

function isLetter(code: number): boolean {
  const lower = code | 32
  return lower >= 97 && lower <= 122
}

function firstBracket(text: string, from: number): number {
  for (let index = from; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) return index
  }
  return -1
}

const QUOTE = 34
const BACKSLASH = 92
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/** The index behind the bracket that closes the one at `start`; brackets in strings do not count. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  let inString = false
  for (let index = start; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (inString) {
      if (code === BACKSLASH) index += 1
      else if (code === QUOTE) inString = false
    } else if (code === QUOTE) inString = true
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth += 1
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      depth -= 1
      if (depth === 0) return index + 1
    }
  }
  return -1
}
