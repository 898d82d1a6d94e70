import { createReadStream } from 'node:fs'
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
    untilInterrupted(call.surroundings, (signal) =>
      withBareMemory(call, true, async (memory) => {
        const result = await whileShown(call.output, 'importing', () => memory.import(linesOf(call), { signal }))
        call.output.give(result, () => `imported ${result.imported} records`)
        return 0
      }),
    ),
}

async function* linesOf({ args, surroundings }: Call): AsyncGenerator<JsonObject> {
  const isPiped = args[0] === '-'
  const path = isPiped ? 'standard input' : resolve(surroundings.cwd, args[0] ?? '')
  const stream = isPiped ? surroundings.stdin : createReadStream(path)
  let number = 0
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
      number += 1
      if (line.trim() !== '') yield parse(line, `${path}, line ${number}`)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw usageError(`${path} cannot be read: ${(error as Error).message}`, undefined, 'file-unreadable')
  }
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
