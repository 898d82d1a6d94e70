import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { OpspawnError, type Json, type JsonObject } from '../core/index.ts'
import { redactKeys, type Redact } from './cassette-codec.ts'

/**
 * What a model came to, as a cassette keeps it. Values are encoded as plain JSON.
 *
 * @property result What `doGenerate` gave.
 * @property parts Of the stream, in order.
 */
export type RecordedResponse =
  /** The answer of `doGenerate`. */
  | { readonly result: Json }
  /** The parts of a stream, and what came behind them if it was not the end. */
  | ({ readonly parts: readonly Json[] } & Partial<Broken>)
  | Broken

/**
 * A call that rejected, alone or behind the parts of a stream; or, with `open`, one that the caller stopped.
 *
 * @property error What was thrown.
 * @property open The caller stopped it before it had ended.
 */
export type Broken = { readonly error: Json; readonly open?: undefined } | { readonly open: true; readonly error?: undefined }

/** One call of a model and what it came to. */
export interface RecordedCall {
  /** `generate` or `stream`, the model's provider and id, the prompt, tools and settings: no headers, no signal. */
  readonly request: JsonObject
  /** What it came to. */
  readonly response: RecordedResponse
}

/** A recording of model calls. Made by {@link openCassette}; its methods are for `recordModel` and `replayModel`. */
export interface Cassette {
  /** Of the file, as it was given. */
  readonly path: string
  /** What it was opened for; `auto` is one of these by now. */
  readonly mode: 'record' | 'replay'
  /** In the order in which they were made; calls under way are not among them. */
  readonly calls: readonly RecordedCall[]
  /** Changes every text before it is stored or compared. */
  readonly redact: Redact
  /** Keeps a place for a call; the function that comes back fills it and writes the file. */
  begin(request: JsonObject): (response: RecordedResponse) => void
}

/** Options of {@link openCassette}. */
export interface CassetteOptions {
  /**
   * `replay` needs the file; `record` makes it anew; `auto` replays where there is a file and records where there is none.
   *
   * @default 'auto'
   */
  readonly mode?: 'auto' | 'record' | 'replay'
  /** Changes every text before it is stored, and what is asked before it is compared. @default takes out what looks like an API key */
  readonly redact?: Redact
  /** Nothing is ever recorded there. @default whether the environment variable CI is set, to anything but `false` or `0` */
  readonly ci?: boolean
}

const VERSION = 1

/**
 * Opens a recording of model calls: a JSON file to keep beside the tests. A new recording is written after each call and
 * replaces an older one with its first.
 *
 * Headers are never stored, and keys are taken out of texts; look through a new cassette all the same before you commit it.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when the file is missing where it is needed, or is no cassette of this version
 */
export function openCassette(path: string, options: CassetteOptions = {}): Cassette {
  const { mode = 'auto', redact = redactKeys, ci = isCi() } = options
  if (mode !== 'record' && existsSync(path)) {
    const calls = readCassette(path)
    return { path, mode: 'replay', calls, redact, begin: refuseRecording }
  }
  if (mode === 'replay') throw invalid(`cassette ${path} does not exist; record it with mode "auto" or "record"`)
  if (ci)
    throw invalid(
      `cassette ${path} ${mode === 'auto' ? 'does not exist' : 'is to be recorded'}, and CI never records; record it without CI=true in the environment and commit the file`,
    )
  return recording(path, redact)
}

function recording(path: string, redact: Redact): Cassette {
  const slots: (RecordedCall | undefined)[] = []
  const finished = (): readonly RecordedCall[] => slots.filter((slot) => slot !== undefined)
  return {
    path,
    mode: 'record',
    get calls() {
      return finished()
    },
    redact,
    begin(request) {
      const at = slots.push(undefined) - 1
      return (response) => {
        slots[at] = { request, response }
        writeCassette(path, finished())
      }
    },
  }
}

function refuseRecording(): never {
  throw invalid('a cassette that replays cannot record; open it with mode "record"')
}

function writeCassette(path: string, calls: readonly RecordedCall[]): void {
  const text = `${JSON.stringify({ cassette: VERSION, calls }, null, 2)}\n`
  try {
    mkdirSync(dirname(path), { recursive: true })
    // Whoever reads meanwhile, or a crash, sees the old file or the new one, never half of it.
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  } catch (error) {
    throw invalid(`cassette ${path} cannot be written: ${(error as Error).message}`, error)
  }
}

function readCassette(path: string): readonly RecordedCall[] {
  let file: unknown
  try {
    file = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw invalid(`cassette ${path} cannot be read: ${(error as Error).message}`, error)
  }
  const { cassette, calls } = (typeof file === 'object' && file !== null ? file : {}) as { cassette?: unknown; calls?: unknown }
  if (typeof cassette === 'number' && cassette > VERSION) {
    throw invalid(
      `cassette ${path} is of version ${cassette}, and this copy of opspawn reads version ${VERSION}; update opspawn or record it anew`,
    )
  }
  if (cassette !== VERSION || !Array.isArray(calls)) throw invalid(`${path} is not a cassette; delete it and record it anew`)
  const broken = calls.findIndex((call) => !isRecordedCall(call))
  if (broken !== -1) throw invalid(`call ${broken + 1} of cassette ${path} is malformed; delete the file and record it anew`)
  return calls as readonly RecordedCall[]
}

function isRecordedCall(value: unknown): boolean {
  const { request, response } = (value ?? {}) as { request?: unknown; response?: unknown }
  if (typeof request !== 'object' || request === null || typeof response !== 'object' || response === null) return false
  if ('parts' in response) return Array.isArray(response.parts)
  return 'result' in response || 'error' in response || 'open' in response
}

function isCi(): boolean {
  const { CI } = process.env
  return CI !== undefined && CI !== '' && CI !== 'false' && CI !== '0'
}

function invalid(message: string, cause?: unknown): OpspawnError {
  return new OpspawnError('OPTIONS_INVALID', message, { cause })
}
