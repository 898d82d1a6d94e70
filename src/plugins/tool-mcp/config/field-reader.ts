import { resolved, type Environment } from './environment.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Reads the fields of one server, collecting what is wrong and what is secret. */
export interface FieldReader {
  readonly environment: Environment
  readonly secrets: ReadonlySet<string>
  /** Notes what is wrong with a field; the empty one is the server itself. */
  problem(field: string, what: string): void
  known(from: Fields, keys: readonly string[], prefix?: string): void
  oneOf(from: Fields, key: string, values: readonly string[]): string | undefined
  flag(from: Fields, key: string): boolean | undefined
  /** A text with its variables put in; empty when there is a problem. */
  text(value: unknown, field: string, isNeeded?: boolean): string
  texts(value: unknown, field: string): Record<string, string>
  keepSecret(value: string): void
}

/** Variables of these names are taken for secret, however they were written. */
const SECRET_NAME = /auth|cookie|credential|key|pass|secret|token/i
/** Shorter ones would blot out half of every message. */
const SHORTEST_SECRET = 4

/** For one server, which stands at `place`. */
export function fieldReader(place: string, environment: Environment, problems: string[]): FieldReader {
  const secrets = new Set<string>()
  const reader: FieldReader = {
    environment,
    secrets,
    problem: (field, what) => void problems.push(`${place}${field && `.${field}`} ${what}`),
    known(from, keys, prefix = '') {
      for (const key of Object.keys(from)) {
        if (!keys.includes(key)) reader.problem(prefix + key, `is not known; known here: ${keys.join(', ')}`)
      }
    },
    oneOf(from, key, values) {
      const value = from[key]
      if (value === undefined || values.includes(value as string)) return value as string | undefined
      reader.problem(key, `is not one of ${values.map(quoted).join(', ')}`)
      return undefined
    },
    flag(from, key) {
      const value = from[key]
      if (value === undefined || typeof value === 'boolean') return value
      reader.problem(key, 'is not true or false')
      return undefined
    },
    text(value, field, isNeeded = false) {
      if (typeof value !== 'string' || (isNeeded && value === '')) {
        reader.problem(field, isNeeded ? 'is not a text with something in it' : 'is not a text')
        return ''
      }
      const { text, unset, values } = resolved(value, environment)
      for (const name of unset) reader.problem(field, `needs the variable ${quoted(name)}, which is not set`)
      for (const one of values) reader.keepSecret(one)
      if (!text.includes('\0')) return text
      reader.problem(field, 'has a character of code 0')
      return ''
    },
    texts(value, field) {
      if (value === undefined) return {}
      if (!isObject(value)) {
        reader.problem(field, 'is not an object')
        return {}
      }
      const found = Object.entries(value).map(([key, one]) => [key, reader.text(one, `${field}.${key}`)] as const)
      for (const [key, text] of found) if (SECRET_NAME.test(key)) reader.keepSecret(text)
      return Object.fromEntries(found)
    },
    keepSecret(value) {
      if (value.length >= SHORTEST_SECRET) secrets.add(value)
    },
  }
  return reader
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}
