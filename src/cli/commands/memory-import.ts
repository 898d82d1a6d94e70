import { type FileHandle, open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { JsonObject } from '../../core/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { withBareMemory } from '../opening/open-memory.ts'
import { whileShown } from '../terminal/progress-bar.ts'
import { usageError } from '../calling/report-error.ts'
import { untilInterrupted } from '../calling/until-interrupted.ts'

/** `opspawn memory import` */
export const memoryImport: CliCommand = {
  name: 'memory import',
  summary: 'Takes in what `memory export` wrote; records that are there already are passed over.',
  arguments: [{ name: '<file>', meaning: 'the export, or - for standard input' }],
  needs: ['config', 'memory'],
  json: '{ imported: number }',
  run: (call) =>
    untilInterrupted(call.surroundings, async (signal) => {
      // Before the memory, which is made if it is not there: a name that was mistyped makes none.
      const source = await openSource(call)
      try {
        return await withBareMemory(call, true, async (memory) => {
          const result = await whileShown(call.output, 'importing', () => memory.import(linesOf(source), { signal }))
          call.output.give(result, () => `imported ${result.imported} records`)
          return 0
        })
      } finally {
        await source.file?.close()
      }
    }),
}

interface Source {
  /** As messages name it. */
  readonly name: string
  readonly stream: Readable
  /** To be closed; absent: standard input. */
  readonly file?: FileHandle
}

async function openSource({ args, surroundings }: Call): Promise<Source> {
  if (args[0] === '-') return { name: 'standard input', stream: surroundings.stdin }
  const name = resolve(surroundings.cwd, args[0] ?? '')
  let file: FileHandle | undefined
  try {
    file = await open(name)
    if ((await file.stat()).isDirectory()) throw new Error('it is a folder')
    return { name, file, stream: file.createReadStream({ autoClose: false }) }
  } catch (error) {
    await file?.close()
    throw unreadable(name, error)
  }
}

async function* linesOf({ name, stream }: Source): AsyncGenerator<JsonObject> {
  let number = 0
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
      number += 1
      // Some editors put a mark at the beginning.
      const text = number === 1 ? line.replace(/^\uFEFF/, '') : line
      if (text.trim() !== '') yield parse(text, `${name}, line ${number}`)
    }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : unreadable(name, error)
  }
}

function unreadable(name: string, error: unknown): Error {
  return usageError(`${name} cannot be read: ${(error as Error).message}`, undefined, 'file-unreadable')
}

function parse(line: string, where: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw usageError(`${where} is not JSON: ${(error as Error).message}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw usageError(`${where} is no object of JSON`)
}
