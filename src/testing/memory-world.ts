import type {
  Clock,
  EmbeddingModel,
  Memory,
  MemoryEntry,
  MemoryFilter,
  MemoryHandle,
  MemoryRecord,
  Recall,
} from '../core/index.ts'
import type { ManualClock } from './clock.ts'
import type { ConformanceCase } from './suite.ts'

/** What a memory of a case is to be made with; it must use what is given. */
export interface MemorySetup {
  /** The clock that the case turns. */
  readonly clock: Clock
  /** Given by cases on vectors: the memory declares `vector` if it uses it. */
  readonly embedder?: EmbeddingModel
  /** Given by cases on budgets. */
  readonly countTokens?: (text: string) => number
}

/** A new, empty memory with what the cases need around it. */
export interface MemoryWorld {
  readonly memory: Memory
  readonly clock: ManualClock
  /** Makes another new, empty memory. */
  readonly open: (setup?: Omit<MemorySetup, 'clock'>) => Promise<Memory>
}

/** A case of the memory suite. */
export type MemoryCase = ConformanceCase<MemoryWorld>

/** A fact. */
export function fact(text: string, more: Partial<MemoryEntry> = {}): MemoryEntry {
  return { kind: 'fact', text, ...more }
}

/** The texts of all records that a handle sees, in the order of the listing, pages read to the end. */
export async function listAll(handle: MemoryHandle, filter?: MemoryFilter, limit = 7): Promise<readonly MemoryRecord[]> {
  const all: MemoryRecord[] = []
  let cursor: string | undefined
  do {
    const page = await handle.list({ limit, ...(filter !== undefined && { filter }), ...(cursor !== undefined && { cursor }) })
    all.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return all
}

/** The ids of records in the order of code units. */
export function idsOf(records: readonly MemoryRecord[]): readonly string[] {
  return records.map((record) => record.id).toSorted()
}

/** The texts that a recall found, best first. */
export function textsOf(recall: Recall): readonly string[] {
  return recall.items.map((item) => item.record.text)
}

/** An embedding model for tests, and how to make it fail. Its vectors tell words apart and mean nothing else. */
export interface TestEmbedder extends EmbeddingModel {
  /** Takes the place of the next answers' vectors, or of the answer when it throws; undefined: none. */
  fault: ((vectors: number[][]) => unknown) | undefined
}

/** Makes an embedding model whose vectors count words by their first letter. */
export function testEmbedder(modelId = 'letters', dims = 26): TestEmbedder {
  const embedder: TestEmbedder = {
    provider: 'test',
    modelId,
    maxEmbeddingsPerCall: 16,
    fault: undefined,
    async doEmbed({ values, abortSignal }) {
      abortSignal?.throwIfAborted()
      const vectors = values.map((value) => {
        const vector = Array.from({ length: dims }, () => 0.01)
        for (const word of value.toLowerCase().match(/[a-z]+/g) ?? []) {
          const at = (word.charCodeAt(0) - 97) % dims
          vector[at] = (vector[at] ?? 0) + 1
        }
        return vector
      })
      const changed: unknown = embedder.fault === undefined ? vectors : embedder.fault(vectors)
      return { embeddings: changed as number[][] }
    },
  }
  return embedder
}

/** Reads an export to its end. */
export async function linesOf<T>(lines: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const line of lines) all.push(line)
  return all
}

/** Lines that come one by one. */
export async function* asLines<T>(lines: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* lines
}
