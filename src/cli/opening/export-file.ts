import { createReadStream, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { RunEvent, RunRecord } from '../../core/index.ts'
import type { Call } from '../calling/command.ts'
import { usageError } from '../calling/report-error.ts'

/** What the first line of an export says. */
export const EXPORT_FORMAT = 'opspawn-events/1'

/** A run as it stands in an export. What it holds has not been checked. */
export interface ExportedRun {
  /** Line of its record, from 1. */
  readonly line: number
  readonly run: RunRecord
  readonly events: readonly RunEvent[]
}

/** An export while it is read. */
export interface ExportFile {
  /** As it was named; `-` for standard input. */
  readonly name: string
  readonly runs: AsyncIterable<ExportedRun>
  /** How much has been read, from 0 to 100; absent where nobody knows how much there is. */
  readonly percent: (() => number) | undefined
}

/** Opens what `events export` wrote. @throws OpspawnError `OPTIONS_INVALID`, also while it is read */
export function openExport({ surroundings: { cwd, stdin } }: Call, given: string): ExportFile {
  if (given === '-') return { name: '-', runs: readRuns(stdin, 'standard input'), percent: undefined }
  const path = resolve(cwd, given)
  let size: number
  try {
    size = statSync(path).size
  } catch (error) {
    throw unreadable(path, error)
  }
  const stream = createReadStream(path)
  return {
    name: path,
    runs: readRuns(stream, path),
    percent: () => (size === 0 ? 100 : Math.floor((100 * stream.bytesRead) / size)),
  }
}

async function* readRuns(stream: Readable, name: string): AsyncGenerator<ExportedRun> {
  let line = 0
  let open: { line: number; run: RunRecord; events: RunEvent[] } | undefined
  for await (const text of linesOf(stream, name)) {
    line += 1
    const read = parseLine(text, name, line)
    if (line === 1) {
      if (read['format'] === EXPORT_FORMAT) continue
      throw usageError(
        `${name} does not begin as \`opspawn events export\` writes: {"format":"${EXPORT_FORMAT}"}`,
        undefined,
        'import-format',
      )
    }
    if ('run' in read) {
      if (open !== undefined) yield open
      open = { line, run: read['run'] as RunRecord, events: [] }
    } else if (open !== undefined && 'event' in read && read['runId'] === open.run?.runId)
      open.events.push(read['event'] as RunEvent)
    else throw usageError(`${name}:${line} is neither a run nor an event of the run above it`, undefined, 'import-format')
  }
  if (line === 0) throw usageError(`${name} is empty`, undefined, 'import-format')
  if (open !== undefined) yield open
}

async function* linesOf(stream: Readable, name: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: stream, crlfDelay: Infinity })
  } catch (error) {
    throw unreadable(name, error)
  }
}

function parseLine(text: string, name: string, line: number): Readonly<Record<string, unknown>> {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (error) {
    throw usageError(
      `${name}:${line} is not JSON: ${(error as Error).message}`,
      'the file may have been cut off',
      'import-format',
    )
  }
  if (typeof read === 'object' && read !== null) return read as Readonly<Record<string, unknown>>
  throw usageError(`${name}:${line} is no object`, undefined, 'import-format')
}

function unreadable(name: string, error: unknown): Error {
  return usageError(`${name} cannot be read: ${(error as Error).message}`, undefined, 'file-unreadable')
}
