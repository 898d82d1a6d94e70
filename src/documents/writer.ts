import type { MemoryEntry, MemoryHandle } from '../core/index.ts'
import { forgetIds } from './held.ts'
import type { IngestedDocument } from './report.ts'

/** Passages that are written together; more than these wait for nothing. */
const BATCH = 256

/** A document whose passages are to be written. */
export interface Writing {
  readonly outcome: IngestedDocument
  readonly entries: readonly MemoryEntry[]
  /** What is forgotten once its passages are there. */
  readonly obsolete: readonly string[]
}

/** Writes documents in their order, several small ones at once. */
export interface Writer {
  add(writing: Writing): Promise<void>
  /** Writes what still waits. */
  flush(): Promise<void>
}

/**
 * Makes a writer. The new passages of a document are there before the old ones go, so that it is never missing, and a process
 * that dies in between leaves what the next one recognises.
 *
 * @param onWritten is told of each document, once it is in the memory as it should be.
 */
export function createWriter(
  memory: MemoryHandle,
  {
    mode,
    signal,
    onWritten,
  }: {
    readonly mode: 'soft' | 'erase'
    readonly signal: AbortSignal | undefined
    readonly onWritten: (outcome: IngestedDocument) => void
  },
): Writer {
  let waiting: Writing[] = []
  let entries: MemoryEntry[] = []

  async function flush(): Promise<void> {
    const [writings, all] = [waiting, entries]
    waiting = []
    entries = []
    for (let from = 0; from < all.length; from += BATCH) await memory.append(all.slice(from, from + BATCH), { signal })
    await forgetIds(
      memory,
      writings.flatMap((writing) => writing.obsolete),
      mode,
      signal,
    )
    for (const { outcome } of writings) onWritten(outcome)
  }

  return {
    async add(writing) {
      waiting.push(writing)
      entries.push(...writing.entries)
      if (entries.length >= BATCH || waiting.length >= BATCH) await flush()
    },
    flush,
  }
}
