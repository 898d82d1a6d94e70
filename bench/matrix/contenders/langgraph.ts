import { InMemoryStore } from '@langchain/langgraph'
import { Embeddings } from '@langchain/core/embeddings'
import type { Contender, Place, Store } from '../contender.ts'

class StubEmbeddings extends Embeddings {
  readonly #place: Place

  constructor(place: Place) {
    super({})
    this.#place = place
  }

  override embedDocuments = (texts: string[]): Promise<number[][]> =>
    Promise.resolve(texts.map((text) => this.#place.embed(text) as number[]))

  override embedQuery = (text: string): Promise<number[]> => Promise.resolve(this.#place.embed(text) as number[])
}

function open(place: Place): InMemoryStore {
  return new InMemoryStore({ index: { dims: 4, embeddings: new StubEmbeddings(place), fields: ['text'] } })
}

const textsOf = (items: readonly { readonly value: Record<string, unknown> }[]): string[] =>
  items.map((item) => String(item.value['text']))

/** A namespace for each tenant, below that of the space if there is one. */
function storeOver(store: InMemoryStore, ...space: readonly string[]): Store {
  const all = (namespace: string[]): ReturnType<InMemoryStore['search']> => store.search(namespace, { limit: 10_000 })
  return {
    put: (tenant, { id, text, note = '' }) => store.put([...space, tenant], id, { text, note }),
    async seen(tenant) {
      const listed = await all([...space, tenant])
      const found = await store.search([...space, tenant], { query: 'entry', limit: 10_000 })
      return [...new Set(textsOf([...listed, ...found]))]
    },
    withNote: async (tenant, note) => textsOf(await store.search([...space, tenant], { filter: { note }, limit: 10_000 })),
    async clear(tenant) {
      for (const { namespace, key } of await all([...space, tenant])) await store.delete(namespace, key)
    },
    erase: (tenant, id) => store.delete([...space, tenant], id),
    append: (tenant, thread, text) => store.put([...space, tenant, thread], crypto.randomUUID(), { text }),
    thread: async (tenant, thread) => textsOf(await all([...space, tenant, thread])),
    close: () => Promise.resolve(),
  }
}

export const langgraph: Contender = {
  isOurs: false,
  packages: ['@langchain/langgraph', '@langchain/langgraph-checkpoint'],
  configured:
    'InMemoryStore with an index of 4 numbers and a stub embedder; tenant and thread are labels of the namespace; all of a tenant is removed by search and delete',
  keepsIn: ['heap'],
  hasVectors: true,
  hasOwnIds: true,
  open: (place) => Promise.resolve(storeOver(open(place))),
  openSpaces(place, names) {
    const store = open(place)
    return Promise.resolve(names.map((name) => storeOver(store, name)))
  },
}
