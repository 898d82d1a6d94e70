import { join } from 'node:path'
import { type EmbeddingModel, type Memory, OpspawnError } from 'opspawn/core'
import type { Contender, Entry, Place, Store } from '../contender.ts'
import { fillDisk } from '../disk-full.ts'
import { FailingMap } from './failing-map.ts'

/** What the matrix asks of a factory; plugins that are not built yet cannot be imported by their type. */
type Factory = (options: Readonly<Record<string, unknown>>) => Memory

/** A memory of ours for tests that do not name their own. */
async function factory(plugin: string, name: string): Promise<Factory> {
  const module = (await import(`opspawn/plugins/${plugin}`)) as Readonly<Record<string, Factory | undefined>>
  const found = module[name]
  if (found === undefined) throw new Error(`${plugin} exports no ${name}`)
  return found
}

function embedderOf(place: Place): EmbeddingModel {
  return {
    provider: 'matrix',
    modelId: 'letters',
    doEmbed: ({ values }) => Promise.resolve({ embeddings: values.map((value) => place.embed(value) as number[]) }),
  }
}

/** The same calls for every memory of ours: that is what the contract is for. */
function storeOver(memory: Memory, prefix = '', breakStorage: () => () => void = fillDisk): Store {
  const bind = (tenant: string, session?: string): ReturnType<Memory['bind']> =>
    memory.bind({ tenant: prefix + tenant, ...(session !== undefined && { session }) })
  return {
    put: (tenant, entry) => upsert(bind(tenant), entry),
    async seen(tenant) {
      const handle = bind(tenant)
      const listed = await handle.list({ limit: 1_000 })
      const recalled = await handle.recall('entry', { budget: { items: 1_000, tokens: 1_000_000 } })
      return [...new Set([...listed.records, ...recalled.items.map((item) => item.record)].map((record) => record.text))]
    },
    async withNote(tenant, note) {
      const page = await bind(tenant).list({ limit: 1_000, filter: { op: 'eq', field: 'metadata.note', value: note } })
      return page.records.map((record) => record.text)
    },
    clear: async (tenant) => void (await bind(tenant).forget('all', 'erase')),
    async erase(tenant, id) {
      const receipt = await bind(tenant).forget({ ids: [id] }, 'erase')
      if (!receipt.verified) throw new Error('the receipt does not say that the erasure was verified')
    },
    append: async (tenant, thread, text) => void (await bind(tenant, thread).append([{ kind: 'message', text }])),
    async thread(tenant, thread) {
      const { records } = await bind(tenant, thread).list({ limit: 1_000 })
      return records.map((record) => record.text)
    },
    breakStorage,
    close: async () => memory[Symbol.asyncDispose]?.(),
  }
}

/** Append, and where the id is taken by other content, change it: the contract has no blind overwrite. */
async function upsert(handle: ReturnType<Memory['bind']>, { id, text, note }: Entry): Promise<void> {
  const metadata = note === undefined ? undefined : { note }
  try {
    await handle.append([{ id, kind: 'fact', text, ...(metadata !== undefined && { metadata }) }])
  } catch (error) {
    if (!(error instanceof OpspawnError) || error.code !== 'MEMORY_CONFLICT') throw error
    await handle.update(id, { text, metadata })
  }
}

const shared = { isOurs: true, hasVectors: true, hasOwnIds: true } as const

/** One memory, in which spaces are tenants: nothing but the scope keeps them apart. */
function overFile(plugin: string, name: string, file: string): Pick<Contender, 'open' | 'openSpaces'> {
  const open = async (place: Place): Promise<Memory> =>
    (await factory(plugin, name))({ path: join(place.folder, file), embedder: embedderOf(place) })
  return {
    open: async (place) => storeOver(await open(place)),
    async openSpaces(place, names) {
      const memory = await open(place)
      return names.map((space) => storeOver(memory, space))
    },
  }
}

export const inProcess: Contender = {
  ...shared,
  ...overFile('memory-in-process', 'inProcessMemory', 'memory.jsonl'),
  packages: ['opspawn'],
  configured: 'inProcessMemory with a file and a stub embedder; spaces are tenants',
  keepsIn: ['folder', 'heap'],
}

export const sqliteMemory: Contender = {
  ...shared,
  ...overFile('memory-sqlite', 'sqliteMemory', 'memory.sqlite'),
  packages: ['opspawn'],
  configured: 'sqliteMemory with a stub embedder; spaces are tenants',
  keepsIn: ['folder'],
}

export const lancedbMemory: Contender = {
  ...shared,
  ...overFile('memory-lancedb', 'lancedbMemory', 'memory'),
  packages: ['opspawn', '@lancedb/lancedb'],
  configured: 'lancedbMemory with a stub embedder; spaces are tenants',
  keepsIn: ['folder'],
}

async function composite({ folder, embed }: Place): Promise<Memory> {
  const part = async (name: string): Promise<Memory> =>
    (await factory('memory-in-process', 'inProcessMemory'))({
      name,
      path: join(folder, `${name}.jsonl`),
      embedder: embedderOf({ folder, embed }),
    })
  const [window, longTerm, working] = await Promise.all(['window', 'long-term', 'working'].map(part))
  return (await factory('memory-composite', 'compositeMemory'))({ window, longTerm, working })
}

export const compositeMemory: Contender = {
  ...shared,
  open: async (place) => storeOver(await composite(place)),
  async openSpaces(place, names) {
    const memory = await composite(place)
    return names.map((space) => storeOver(memory, space))
  },
  packages: ['opspawn'],
  configured: 'compositeMemory over three inProcessMemory with files and a stub embedder; spaces are tenants',
  keepsIn: ['folder', 'heap'],
}

export const keyvMemory: Contender = {
  ...shared,
  packages: ['opspawn', 'keyv'],
  configured: 'keyvMemory over a Keyv over a Map; spaces are memories with names of their own over one Map',
  keepsIn: ['heap'],
  hasVectors: false,
  async open() {
    const { Keyv } = await import('keyv')
    const data = new FailingMap()
    const memory = (await factory('memory-keyv', 'keyvMemory'))({ store: new Keyv({ store: data }) })
    return storeOver(memory, '', data.breakStorage)
  },
  async openSpaces(_place, names) {
    const make = await factory('memory-keyv', 'keyvMemory')
    const data = new FailingMap()
    return names.map((name) => storeOver(make({ name, store: data }), '', data.breakStorage))
  },
}
