import { OpspawnError } from '../../core/index.ts'
import { parseDuration } from '../terminal/duration.ts'

/** The options of one call, read by their long names. */
export class OptionReader {
  readonly #values: Readonly<Record<string, unknown>>

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values
  }

  flag(name: string): boolean {
    return this.#value(name) === true
  }

  /** `--no-name` was given. */
  isRefused(name: string): boolean {
    return this.#value(name) === false
  }

  text(name: string): string | undefined {
    const value = this.#value(name)
    return typeof value === 'string' ? value : undefined
  }

  list(name: string): readonly string[] {
    const value = this.#value(name)
    return Array.isArray(value) ? (value as string[]) : []
  }

  /** @throws OpspawnError `OPTIONS_INVALID` */
  count(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
    const most = /^\d{10,}$/.test(text) ? ', and below 1,000,000,000' : ''
    throw new OpspawnError('OPTIONS_INVALID', `--${name} must be a whole number above 0${most}, not "${text}"`)
  }

  /** Milliseconds. @throws OpspawnError `OPTIONS_INVALID` */
  durationMs(name: string): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : parseDuration(`--${name}`, text)
  }

  /** A moment, as a time before now or an ISO date. @throws OpspawnError `OPTIONS_INVALID` */
  moment(name: string, now: number): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : now - parseDuration(`--${name}`, text)
    if (Number.isNaN(at))
      throw new OpspawnError('OPTIONS_INVALID', `--${name} must be a date or a time such as 10m, not "${text}"`)
    return at
  }

  #value(name: string): unknown {
    return this.#values[name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())]
  }
}
