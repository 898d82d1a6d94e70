import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import type { Call } from '../calling/command.ts'
import { usageError } from '../calling/report-error.ts'

/** Where lines of JSON go. */
export interface LineFile {
  /** Absent: standard output. */
  readonly file: string | undefined
  write(value: unknown): Promise<void>
  end(): Promise<void>
}

/** Opens what `--output` names, a new file, or standard output. Its writing fails with `OPTIONS_INVALID`. */
export function openLines({ options, output, surroundings: { cwd } }: Call): LineFile {
  const given = options.text('output')
  if (given === undefined) {
    return { file: undefined, write: async (value) => output.jsonLine(value), end: async () => {} }
  }
  const file = resolve(cwd, given)
  const stream = createWriteStream(file, { flags: 'wx' })
  const failed = once(stream, 'error').then(([error]) => {
    throw usageError(`${file} cannot be written: ${(error as Error).message}`, undefined, 'file-unwritable')
  })
  failed.catch(() => {})
  // Not by `once`, which also rejects, and sooner, with the bare error.
  const next = (event: 'drain' | 'finish'): Promise<unknown> =>
    Promise.race([new Promise<void>((resolve) => void stream.once(event, resolve)), failed])
  return {
    file,
    async write(value) {
      if (!stream.write(`${JSON.stringify(value)}\n`)) await next('drain')
    },
    async end() {
      const finished = next('finish')
      stream.end()
      await finished
    },
  }
}
