import { join } from 'node:path'
import type { EmbeddingModel, Memory } from 'opspawn'

/** A memory that keeps files, and is to be closed. */
type FileMemory = Memory & AsyncDisposable

/** A memory in a folder. Each package is imported only when it was chosen. */
const openers: Readonly<Record<string, (folder: string, embedder: EmbeddingModel | undefined) => Promise<FileMemory>>> = {
  sqlite: async (folder, embedder) =>
    (await import('opspawn/plugins/memory-sqlite')).sqliteMemory({ path: join(folder, 'memory.db'), embedder }),
  'in-process': async (folder, embedder) =>
    (await import('opspawn/plugins/memory-in-process')).inProcessMemory({ path: join(folder, 'memory.jsonl'), embedder }),
  lancedb: async (folder, embedder) =>
    (await import('opspawn/plugins/memory-lancedb')).lancedbMemory({ path: join(folder, 'memory'), embedder }),
}

/** The memories that the example can be played over. */
export const KINDS: readonly string[] = Object.keys(openers)

/** Opens a memory of a kind. @throws Error for a kind that is not there */
export function openMemory(kind: string, folder: string, embedder: EmbeddingModel | undefined): Promise<FileMemory> {
  const open = openers[kind]
  if (open === undefined) throw new Error(`there is no memory "${kind}": ${KINDS.join(', ')}`)
  return open(folder, embedder)
}
