import type { MemoryRecord, MemoryScope } from '../../core/index.ts'
import { checkScope, isObject, memoryFailed, readRecord } from '../../remembering/index.ts'

/** What changes together. */
export interface Commit {
  /** Records to insert or to put in the place of those with their ids. */
  readonly puts: readonly { readonly record: MemoryRecord; readonly vector?: Float32Array | undefined }[]
  readonly drops: readonly { readonly scope: MemoryScope; readonly id: string }[]
}

/** One line. Vectors are written as base64 of their 32-bit numbers. */
export function writeCommit({ puts, drops }: Commit): string {
  const line = {
    ...(puts.length > 0 && { put: puts.map(({ record }) => record) }),
    ...(puts.some(({ vector }) => vector !== undefined) && {
      vectors: puts.map(({ vector }) => (vector === undefined ? null : encode(vector))),
    }),
    ...(drops.length > 0 && { drop: drops.map(({ scope, id }) => ({ scope, id })) }),
  }
  return `${JSON.stringify(line)}\n`
}

/** Reads a line that was written whole; one that does not hold what it should was damaged. @throws OpspawnError `MEMORY_FAILED` */
export function readCommit(text: string, where: string, keepsVectors: boolean): Commit {
  try {
    const line: unknown = JSON.parse(text)
    if (!isObject(line)) throw new TypeError('it is no object')
    const { put = [], vectors = [], drop = [] } = line as Readonly<Record<string, readonly unknown[] | undefined>>
    return {
      puts: put.map((record, at) => ({
        record: readRecord({ type: 'record', ...(record as object) }, `put/${at}`),
        vector: keepsVectors && typeof vectors[at] === 'string' ? decode(vectors[at]) : undefined,
      })),
      drops: drop.map((item) => {
        const { scope, id } = item as { readonly scope: unknown; readonly id: unknown }
        return { scope: checkScope(scope), id: String(id) }
      }),
    }
  } catch (error) {
    // What a parser says quotes the text around the fault.
    const problem = error instanceof SyntaxError ? 'it is no JSON' : error instanceof Error ? error.message : String(error)
    throw memoryFailed(
      'read',
      `${where} is damaged: ${problem}; nothing was changed. Restore the file, or import an export into a new one`,
      error,
    )
  }
}

function encode(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64')
}

function decode(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Float32Array(bytes.buffer)
}
