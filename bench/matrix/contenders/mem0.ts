import { join } from 'node:path'
import type { Memory } from 'mem0ai/oss'
import type { Contender, Place, Store } from '../contender.ts'
import { fillDisk } from '../disk-full.ts'

async function open(place: Place, collectionName = 'memories'): Promise<Memory> {
  // Both are read when the module is.
  process.env['MEM0_TELEMETRY'] = 'false'
  process.env['MEM0_DIR'] = place.folder
  const { Memory } = await import('mem0ai/oss')
  const model = {
    embedQuery: (text: string) => Promise.resolve(place.embed(text)),
    embedDocuments: (texts: readonly string[]) => Promise.resolve(texts.map((text) => place.embed(text))),
  }
  return new Memory({
    embedder: { provider: 'langchain', config: { model } },
    vectorStore: {
      provider: 'memory',
      config: { collectionName, dimension: 4, dbPath: join(place.folder, 'vectors.db') },
    },
    // Never called: `infer` is off.
    llm: { provider: 'openai', config: { apiKey: 'none', model: 'none' } },
    historyDbPath: join(place.folder, 'history.db'),
  })
}

const textsOf = (found: { readonly results: readonly { readonly memory: string }[] }): string[] =>
  found.results.map((item) => item.memory)

function storeOver(memory: Memory): Store {
  const ids = new Map<string, string>()
  const list = async (filters: Readonly<Record<string, string>>): Promise<string[]> =>
    textsOf(await memory.getAll({ filters, topK: 10_000 }))
  return {
    async put(userId, { id, text, note }) {
      const added = await memory.add(text, { userId, infer: false, ...(note !== undefined && { metadata: { note } }) })
      const given = added.results[0]?.id
      if (given === undefined) throw new Error('add gave no id')
      ids.set(JSON.stringify([userId, id]), given)
    },
    async seen(userId) {
      const found = await memory.search('entry', { filters: { user_id: userId }, topK: 10_000, threshold: 0 })
      return [...new Set([...(await list({ user_id: userId })), ...textsOf(found)])]
    },
    withNote: (userId, note) => list({ user_id: userId, note }),
    clear: async (userId) => void (await memory.deleteAll({ userId })),
    erase: async (userId, id) => void (await memory.delete(ids.get(JSON.stringify([userId, id])) ?? id)),
    append: async (userId, runId, text) => void (await memory.add(text, { userId, runId, infer: false })),
    thread: (userId, runId) => list({ user_id: userId, run_id: runId }),
    breakStorage: fillDisk,
    close: () => Promise.resolve(),
  }
}

export const mem0: Contender = {
  isOurs: false,
  packages: ['mem0ai', 'better-sqlite3'],
  configured:
    'Memory of mem0ai/oss with its default store and history, infer off, telemetry off, a stub embedder; a tenant is a userId, a thread a runId, spaces are collections in one file',
  keepsIn: ['folder'],
  hasVectors: true,
  hasOwnIds: false,
  open: async (place) => storeOver(await open(place)),
  openSpaces: (place, names) => Promise.all(names.map(async (name) => storeOver(await open(place, name)))),
}
