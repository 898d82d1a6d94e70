import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Memory, type MemoryHandle, OpspawnError } from 'opspawn'
import { ingest, type IngestReport } from 'opspawn/documents'
import { inProcessMemory } from 'opspawn/plugins/memory-in-process'
import { type Folder, sourcesOf } from './read-folder.ts'

/** Short enough that what is quoted of a passage is what it was found for. */
const PASSAGE_TOKENS = 176

/** A folder as it is remembered. */
export interface Remembered extends AsyncDisposable {
  readonly handle: MemoryHandle
  readonly report: IngestReport
  /** Why it is not kept for the next time. */
  readonly loss: string | undefined
}

/**
 * Brings the memory of a folder in step with what was read of it. The memory is a file of its own for each folder, kept for
 * the next time: what is unchanged is then not taken apart again. Where it cannot be kept, it lasts as long as this process.
 */
export async function rememberFolder(folder: Folder, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Remembered> {
  try {
    // Everything in it can be made again, so that no write waits for the disk.
    return await bringInStep(inProcessMemory({ path: memoryFile(folder.path, env), sync: false }), folder, signal)
  } catch (error) {
    if (!OpspawnError.is(error, 'MEMORY_FAILED') && !OpspawnError.is(error, 'MEMORY_MISMATCH')) throw error
    return { ...(await bringInStep(inProcessMemory(), folder, signal)), loss: error.message }
  }
}

async function bringInStep(memory: Memory & AsyncDisposable, folder: Folder, signal: AbortSignal): Promise<Remembered> {
  try {
    const handle = memory.bind({ tenant: 'default' })
    const report = await ingest(handle, sourcesOf(folder), { collection: folder.path, chunkTokens: PASSAGE_TOKENS, signal })
    // Old passages are gone from the file too.
    if (report.counts.changed + report.counts.removed > 0) await memory.maintain({ signal })
    return { handle, report, loss: undefined, [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose]() }
  } catch (error) {
    await memory[Symbol.asyncDispose]()
    throw error
  }
}

function memoryFile(path: string, env: NodeJS.ProcessEnv): string {
  const folder = env['ASK_FOLDER_MEMORY'] ?? join(import.meta.dirname, '../../.opspawn/memory')
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new OpspawnError('MEMORY_FAILED', `${folder}: ${(error as Error).message}`, { cause: error })
  }
  return join(folder, `${createHash('sha256').update(path).digest('hex').slice(0, 16)}.jsonl`)
}

/** `12 files unchanged, 1 changed` */
export function describeReport({ counts }: IngestReport): string {
  const told = (['unchanged', 'added', 'changed', 'removed'] as const).filter((status) => counts[status] > 0)
  const words = { unchanged: 'unchanged', added: 'new', changed: 'changed', removed: 'gone' }
  return told
    .map((status, at) => `${counts[status]}${at > 0 ? '' : counts[status] === 1 ? ' file' : ' files'} ${words[status]}`)
    .join(', ')
}
