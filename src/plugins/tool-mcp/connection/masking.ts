import { OpspawnError, type Json } from '../../../core/index.ts'

/**
 * Blots out the secrets of one server.
 *
 * @property text A text without secrets.
 * @property json The same value with its texts masked.
 */
export interface Masking {
  text(value: string): string
  json<T extends Json | undefined>(value: T): T
  /** The error with `prefix`, and without a secret in it or in what is behind it. Other errors than ours become ours. */
  error(error: unknown, prefix: string): OpspawnError
}

const MASK = '***'
const MAX_CAUSES = 5
const BEARER = /\b(Bearer|Basic|DPoP)\s+[\w.~+/=-]{4,}/gi

/** @param secrets all of them at the time of asking: tokens come and go */
export function masking(secrets: () => readonly string[]): Masking {
  const text = (value: string): string => {
    // The longest first: one secret may hold another.
    const ordered = [...secrets()].filter((secret) => secret !== '').sort((a, b) => b.length - a.length)
    return ordered
      .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
      .reduce((masked, secret) => masked.replaceAll(secret, MASK), value)
      .replace(BEARER, `$1 ${MASK}`)
  }

  const json = (value: Json | undefined): Json | undefined => {
    if (typeof value === 'string') return text(value)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((item: Json) => json(item)!)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), json(item)!]))
  }

  const cause = (error: unknown, depth: number): unknown => {
    if (error === undefined || depth > MAX_CAUSES) return undefined
    if (!(error instanceof Error)) return typeof error === 'string' ? text(error) : undefined
    const masked = new Error(text(error.message), { cause: cause(error.cause, depth + 1) })
    masked.name = error.name
    if (error.stack !== undefined) masked.stack = text(error.stack)
    return masked
  }

  return {
    text,
    json: json as Masking['json'],
    error(error, prefix) {
      if (!OpspawnError.is(error)) {
        const message = error instanceof Error ? error.message : 'a value that is no error was thrown'
        return new OpspawnError('INTERNAL', `${prefix}${text(message)}`, { cause: cause(error, 0) })
      }
      const { code, retryable, details } = error
      return new OpspawnError(code, prefix + text(error.message), {
        retryable,
        details: json(details),
        cause: cause(error.cause, 0),
      })
    },
  }
}
