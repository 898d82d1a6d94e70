import { Buffer } from 'node:buffer'
import { OpspawnError, toError, type ErrorCode, type Failure, type Json, type JsonObject } from '../core/index.ts'

/** Changes a text before it is stored or compared, to take secrets out. */
export type Redact = (text: string) => string

/** Shapes of API keys: OpenAI and Anthropic, Google, GitHub, Slack, AWS, and bearer tokens. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\bBearer\s+[\w.~+/=-]{16,}/gi, 'Bearer REDACTED'],
  [/(?<![A-Za-z0-9])sk-[\w-]{16,}/g, 'sk-REDACTED'],
  [/\bAIza[\w-]{30,}/g, 'AIzaREDACTED'],
  [/\bgh[a-z]_\w{30,}/g, 'gh_REDACTED'],
  [/\bxox[a-z]-[\w-]{10,}/g, 'xoxREDACTED'],
  [/\bAKIA[A-Z0-9]{16}\b/g, 'AKIAREDACTED'],
]

/** Takes out what looks like an API key or a bearer token. */
export function redactKeys(text: string): string {
  return SECRETS.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text)
}

/**
 * Writes any value as JSON: bytes as `{ "$bytes": base64 }`, dates, URLs and errors likewise. Keys keep their order;
 * `undefined` is left out of objects. Functions, symbols and cycles become `{ "$omitted": … }`.
 */
export function encode(value: unknown, redact: Redact, ancestors: readonly object[] = []): Json {
  switch (typeof value) {
    case 'string':
      return redact(value)
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : { $number: String(value) }
    case 'object':
      return value === null ? null : encodeObject(value, redact, ancestors)
    default:
      return { $omitted: typeof value }
  }
}

function encodeObject(value: object, redact: Redact, ancestors: readonly object[]): Json {
  if (ancestors.includes(value)) return { $omitted: 'cycle' }
  const inside = [...ancestors, value]
  if (Array.isArray(value)) return value.map((item) => encode(item, redact, inside))
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') }
  if (value instanceof Date) return { $date: value.toISOString() }
  if (value instanceof URL) return { $url: redact(value.href) }
  if (value instanceof Error) return { $error: encodeError(value, redact, inside) }
  const object = encodeMembers(value, redact, inside)
  // An ordinary object that looks like one of ours is wrapped, so that it comes back as it was.
  return Object.keys(object).some((key) => key.startsWith('$')) ? { $object: object } : object
}

function encodeMembers(value: object, redact: Redact, inside: readonly object[]): JsonObject {
  const object: Record<string, Json> = {}
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined && key !== '__proto__') object[key] = encode(item, redact, inside)
  }
  return object
}

/** Members of foreign errors that the engine reads. */
const ERROR_MEMBERS = ['code', 'statusCode', 'isRetryable', 'type'] as const
const RETRY_HEADERS = ['retry-after', 'retry-after-ms'] as const

/** An error as data: what programs look at, no stack, and of the headers only those that say when to try again. */
function encodeError(error: Error, redact: Redact, inside: readonly object[]): JsonObject {
  const { name, message, cause } = error
  const told: Record<string, Json> = { name, message: redact(message) }
  if (OpspawnError.is(error)) {
    const { code, retryable, details } = error
    return {
      ...told,
      opspawn: { code, retryable, ...(details === undefined ? undefined : { details: encode(details, redact, inside) }) },
    }
  }
  const foreign = error as unknown as Readonly<Record<string, unknown>>
  for (const member of ERROR_MEMBERS) {
    const value = foreign[member]
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') told[member] = value
  }
  const headers = foreign['responseHeaders'] as Readonly<Record<string, unknown>> | null | undefined
  for (const header of RETRY_HEADERS) {
    const value = headers?.[header]
    if (typeof value === 'string') told[header] = value
  }
  if (cause !== undefined) told['cause'] = encode(cause, redact, inside)
  return told
}

/** Reads what {@link encode} wrote. */
export function decode(value: Json): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: Json) => decode(item))
  const object = value as JsonObject
  const { $bytes, $date, $url, $number, $object, $error } = object
  if (typeof $bytes === 'string') return new Uint8Array(Buffer.from($bytes, 'base64'))
  if (typeof $date === 'string') return new Date($date)
  if (typeof $url === 'string') return new URL($url)
  if (typeof $number === 'string') return Number($number)
  if (typeof $error === 'object') return decodeError($error as JsonObject)
  if ($object !== undefined) return decodeMembers($object as JsonObject)
  if ('$omitted' in object) return undefined
  return decodeMembers(object)
}

function decodeMembers(object: JsonObject): object {
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, decode(item)]))
}

function decodeError(told: JsonObject): Error {
  const { name, message, cause, opspawn, ...members } = told
  if (opspawn !== undefined) {
    const { code, retryable, details } = opspawn as { code: ErrorCode; retryable: boolean; details?: Json }
    const failure: Failure = { code, message: message as string, retryable, ...(details === undefined ? undefined : { details }) }
    return toError(failure)
  }
  const error = new Error(message as string, cause === undefined ? undefined : { cause: decode(cause) })
  error.name = name as string
  const responseHeaders = Object.fromEntries(
    RETRY_HEADERS.flatMap((header) => (header in members ? [[header, members[header]]] : [])),
  )
  const rest = Object.fromEntries(Object.entries(members).filter(([member]) => !(member in responseHeaders)))
  if (error.name.startsWith('AI_')) {
    for (const marker of ['vercel.ai.error', `vercel.ai.error.${error.name}`])
      Object.defineProperty(error, Symbol.for(marker), { value: true })
  }
  return Object.assign(error, rest, Object.keys(responseHeaders).length === 0 ? undefined : { responseHeaders })
}

/**
 * Takes secrets out of a stream: one that is cut into several deltas is seen only in all of them together. The deltas of
 * a block that holds one become a single delta.
 */
export function redactDeltas(parts: readonly unknown[], redact: Redact): readonly unknown[] {
  const texts = new Map<string, string>()
  for (const part of parts) {
    const block = blockOf(part)
    if (block !== undefined) texts.set(block.name, (texts.get(block.name) ?? '') + block.delta)
  }
  const redacted = new Map<string, string>()
  for (const [name, text] of texts) if (redact(text) !== text) redacted.set(name, redact(text))
  if (redacted.size === 0) return parts
  return parts.map((part) => {
    const block = blockOf(part)
    const text = block === undefined ? undefined : redacted.get(block.name)
    if (block === undefined || text === undefined) return part
    redacted.set(block.name, '')
    return { ...(part as object), delta: text }
  })
}

function blockOf(part: unknown): { readonly name: string; readonly delta: string } | undefined {
  const { type, id, delta } = (typeof part === 'object' && part !== null ? part : {}) as Readonly<Record<string, unknown>>
  return typeof delta === 'string' ? { name: `${String(type)} ${String(id)}`, delta } : undefined
}
