import { OpspawnError } from '../../core/index.ts'

/** An address with places for members of the input. */
export interface Template {
  readonly origin: string
  /** Texts, and at each odd place a name. */
  readonly path: readonly string[]
  /** Of each parameter its value in the same form. */
  readonly query: readonly (readonly [name: string, value: readonly string[]])[]
}

const PLACE = /\{([A-Za-z_]\w*)\}/
const PLACE_IN_PATH = /%7B([A-Za-z_]\w*)%7D/i

/**
 * Reads an address with places, such as `https://api.example.com/cities/{city}?units={units}`. Places stand in path and
 * query alone.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function readTemplate(text: string): Template {
  const form = `"request.url" must be an absolute https URL, or http to a listed host, with {places} in its path and query alone`
  if (!URL.canParse(text)) throw new OpspawnError('OPTIONS_INVALID', form)
  const url = new URL(text)
  const isPlain = url.username === '' && url.password === '' && url.hash === ''
  // Braces are legal in a host, by the letter.
  if (!/^https?:$/.test(url.protocol) || /[{}]/.test(url.host)) throw new OpspawnError('OPTIONS_INVALID', form)
  if (!isPlain) throw new OpspawnError('OPTIONS_INVALID', `${form}, no credentials and no #`)
  const path = url.pathname.split(PLACE_IN_PATH)
  const query = [...url.searchParams].map(([name, value]) => [name, value.split(PLACE)] as const)
  const fixed = [...texts(path), ...query.flatMap(([name, value]) => [name, ...texts(value)])].join('')
  if (/[{}]|%7[BD]/i.test(fixed)) {
    throw new OpspawnError(
      'OPTIONS_INVALID',
      'a place in "request.url" is a name of letters, digits and _ in braces, such as {city}',
    )
  }
  return { origin: url.origin, path, query }
}

/** Reads the value of a parameter, which may have places. */
export function readValue(text: string): readonly string[] {
  return text.split(PLACE)
}

function texts(parts: readonly string[]): readonly string[] {
  return parts.filter((_, place) => place % 2 === 0)
}

/**
 * Fills the path. A value is one segment or a part of one: whatever it holds, origin and structure stay.
 *
 * @throws OpspawnError `TOOL_INPUT_INVALID`
 */
export function fillPath(path: readonly string[], input: unknown): string {
  const filled = path.map((part, place) => (place % 2 === 0 ? part : segment(part, input))).join('')
  if (filled.split('/').some((one) => /^(\.|%2e){1,2}$/i.test(one))) {
    throw unfit('a value makes a segment of the path "." or ".."', path)
  }
  return filled
}

function segment(name: string, input: unknown): string {
  const value = memberOf(input, name)
  const text = typeof value === 'string' || isScalar(value) ? String(value) : ''
  if (text === '') throw unfit(`"${name}" must be a text that is not empty, a number, true or false`, name)
  // Servers differ in whether they take an encoded slash for one.
  if (/[/\\\p{Cc}]/u.test(text)) throw unfit(`"${name}" must have no slash, backslash or control character`, name)
  try {
    return encodeURIComponent(text)
  } catch {
    throw unfit(`"${name}" is not well-formed Unicode`, name)
  }
}

/**
 * Fills the value of a parameter: no value where a member is absent or null, several where a place alone stands for a list.
 *
 * @throws OpspawnError `TOOL_INPUT_INVALID`
 */
export function fillValue(parts: readonly string[], input: unknown): readonly string[] {
  if (parts.length === 3 && parts[0] === '' && parts[2] === '') {
    const value = memberOf(input, parts[1] as string)
    return (Array.isArray(value) ? value : [value]).flatMap((one) => scalarText(one, parts[1] as string))
  }
  const filled = parts.map((part, place) => (place % 2 === 0 ? [part] : scalarText(memberOf(input, part), part)))
  return filled.some((one) => one.length === 0) ? [] : [filled.join('')]
}

/** The text of a parameter's value; none of what is absent. @throws OpspawnError `TOOL_INPUT_INVALID` */
export function scalarText(value: unknown, name: string): readonly string[] {
  if (value === undefined || value === null) return []
  if (typeof value === 'string') return [value.toWellFormed()]
  if (isScalar(value)) return [String(value)]
  throw unfit(`"${name}" must be a text, a number, true or false, or alone in its parameter a list of them`, name)
}

function isScalar(value: unknown): value is number | boolean {
  return (typeof value === 'number' && Number.isFinite(value)) || typeof value === 'boolean'
}

function memberOf(input: unknown, name: string): unknown {
  const isObject = typeof input === 'object' && input !== null
  return isObject && Object.hasOwn(input, name) ? (input as Readonly<Record<string, unknown>>)[name] : undefined
}

function unfit(text: string, at: string | readonly string[]): OpspawnError {
  const details = typeof at === 'string' ? { issues: [{ path: `/${at}`, message: text }] } : undefined
  return new OpspawnError('TOOL_INPUT_INVALID', `${text}; nothing was sent`, { details })
}
