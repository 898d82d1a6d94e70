import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Memory, MemoryEntry, MemoryHandle, RecallOptions } from 'opspawn'
import { inProcessMemory } from 'opspawn/plugins/memory-in-process'
import { lancedbMemory } from 'opspawn/plugins/memory-lancedb'
import { sqliteMemory } from 'opspawn/plugins/memory-sqlite'
import { toModel, type Embed } from './vectors.ts'
import type { Found, OpenRetriever, Retriever, Text } from './retriever.ts'

const BATCH = 500

type Context = NonNullable<RecallOptions['context']>

/** A memory as it comes, with no embedder; texts of a session stand in a scope of its own, as the engine writes them. */
function ours(title: string, make: (folder: string) => Memory, context: Context = {}): Retriever {
  return {
    title,
    async open(texts) {
      const folder = await mkdtemp(join(tmpdir(), 'opspawn-recall-'))
      const memory = make(folder)
      await fill(memory, texts)
      const handle = memory.bind({ tenant: 'bench' }, { across: ['session'] })
      return {
        ...asking(handle, context),
        async close() {
          await (memory as Memory & Partial<AsyncDisposable>)[Symbol.asyncDispose]?.()
          await rm(folder, { recursive: true, force: true })
        },
      }
    },
  }
}

function asking(handle: MemoryHandle, context: Context): Omit<OpenRetriever, 'close'> {
  const recall = async (query: string, budget: NonNullable<RecallOptions['budget']>): Promise<Found> => {
    const { items } = await handle.recall(query, { across: ['session'], budget, context })
    return items.map(({ record, parts }) => ({ id: record.id, sure: parts['coverage'] ?? 0 }))
  }
  return {
    rank: (query, limit) => recall(query, { items: limit, tokens: 1_000_000 }),
    within: async (query, tokens) => (await recall(query, { items: 1_000, tokens })).map(({ id }) => id),
  }
}

async function fill(memory: Memory, texts: readonly Text[]): Promise<void> {
  const sessions = Map.groupBy(texts, (text) => text.session)
  for (const [session, own] of sessions) {
    const handle = memory.bind(session === undefined ? { tenant: 'bench' } : { tenant: 'bench', session })
    for (let from = 0; from < own.length; from += BATCH) await handle.append(own.slice(from, from + BATCH).map(toEntry))
  }
}

function toEntry({ id, session, text }: Text): MemoryEntry {
  return session === undefined ? { id, kind: 'fact', text } : { id, kind: 'message', role: 'user', text }
}

const inProcess = (): Memory => inProcessMemory()

/** Words and vectors, joined as they are by default. */
export function withVectors(title: string, embed: Embed): Retriever {
  return ours(title, () => inProcessMemory({ embedder: toModel(embed) }))
}

export const own: readonly Retriever[] = [
  ours('opspawn in-process', inProcess),
  ours('the same + 1 neighbour', inProcess, { before: 1, after: 1 }),
  ours('opspawn sqlite', (folder) => sqliteMemory({ path: join(folder, 'memory.db') })),
  ours('opspawn lancedb', (folder) => lancedbMemory({ path: join(folder, 'lance') })),
]
