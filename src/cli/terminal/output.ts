import { styleText } from 'node:util'
import type { OutputStream, Surroundings } from './surroundings.ts'

/** The few looks that the output has. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** What a command says: data on standard output, everything else on standard error. */
export class Output {
  readonly isJson: boolean
  readonly #stdout: OutputStream
  readonly #stderr: OutputStream
  readonly #colours: Readonly<Record<'stdout' | 'stderr', boolean>>
  readonly #gone = new AbortController()
  readonly #stops: (() => void)[] = []
  readonly #pending = new Set<Promise<void>>()

  constructor({ stdout, stderr, env }: Surroundings, options: { readonly json: boolean; readonly color: boolean }) {
    this.isJson = options.json
    this.#stdout = stdout
    this.#stderr = stderr
    this.#colours = {
      stdout: options.color && hasColours(stdout, env),
      stderr: options.color && hasColours(stderr, env),
    }
    for (const stream of [stdout, stderr]) {
      // A reader that has seen enough closes its pipe: `opspawn list | head -1`.
      const onError = (error: Error): void => this.#gone.abort(error)
      stream.on('error', onError)
      this.#stops.push(() => stream.off('error', onError))
    }
  }

  /** Fires when nobody reads any longer. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Somebody looks at standard error while it is written. */
  get isLive(): boolean {
    return this.#stderr.isTTY === true && !this.isJson
  }

  /** Characters in a line of standard error. */
  get columns(): number {
    return this.#stderr.columns ?? 80
  }

  /** Data for people: a line of standard output. */
  line(text: string): void {
    this.#write(this.#stdout, `${text}\n`)
  }

  /** Data as it is. */
  raw(text: string): void {
    this.#write(this.#stdout, text)
  }

  /** Data for programs: one line of JSON, or several lines where a person looks at it. */
  json(value: unknown): void {
    this.line(this.#stdout.isTTY === true ? JSON.stringify(value, null, 2) : JSON.stringify(value))
  }

  /** Data for programs, one value a line whoever looks. */
  jsonLine(value: unknown): void {
    this.line(JSON.stringify(value))
  }

  /** Data as JSON or as text, as was asked for. */
  give(value: unknown, text: () => string): void {
    if (this.isJson) this.json(value)
    else this.line(text())
  }

  /** For people alone: a line of standard error, where no JSON was asked for. */
  remark(text: string): void {
    if (!this.isJson) this.note(text)
  }

  /** A line of standard error. */
  note(text: string): void {
    this.#write(this.#stderr, `${text}\n`)
  }

  /** To standard error as it is. */
  rawNote(text: string): void {
    this.#write(this.#stderr, text)
  }

  /** Gives data a look, where standard output shows one. */
  style(style: Style, text: string): string {
    return this.#colours.stdout ? styleText(style, text, { validateStream: false }) : text
  }

  /** Gives a remark a look, where standard error shows one. */
  noteStyle(style: Style, text: string): string {
    return this.#colours.stderr ? styleText(style, text, { validateStream: false }) : text
  }

  /** Resolves when everything is with the reader, or the reader is gone. */
  async flush(): Promise<void> {
    await Promise.all(this.#pending)
    for (const stop of this.#stops) stop()
  }

  #write(stream: OutputStream, text: string): void {
    if (this.#gone.signal.aborted) return
    const written = new Promise<void>((resolve) => void stream.write(text, () => resolve()))
    this.#pending.add(written)
    void written.then(() => this.#pending.delete(written))
  }
}

function hasColours(stream: OutputStream, env: Surroundings['env']): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0'
  return stream.isTTY === true && TERM !== 'dumb'
}
