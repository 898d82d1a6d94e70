import { Keyv, KeyvMemoryAdapter } from 'keyv'
import type { Contender, Store } from '../contender.ts'
import { FailingMap } from './failing-map.ts'

interface Value {
  readonly text: string
}

/** A Keyv for each tenant, told apart by Keyv's namespaces, over one adapter. */
function storeOver(adapter: KeyvMemoryAdapter, data: FailingMap, space = ''): Store {
  const open = new Map<string, Keyv>()
  const of = (tenant: string): Keyv => {
    const there = open.get(tenant)
    if (there !== undefined) return there
    const made = new Keyv({ store: adapter, namespace: space + tenant, throwOnErrors: true })
    // What its pages advise: without a listener an error event ends the process.
    made.on('error', () => undefined)
    open.set(tenant, made)
    return made
  }
  return {
    put: async (tenant, { id, text }) => void (await of(tenant).set(id, { text })),
    async seen(tenant) {
      const texts: string[] = []
      for await (const pair of of(tenant).iterator()) texts.push((pair as readonly [string, Value])[1].text)
      return texts
    },
    clear: (tenant) => of(tenant).clear(),
    erase: async (tenant, id) => void (await of(tenant).delete(id)),
    async append(tenant, thread, text) {
      const texts = (await of(tenant).get<string[]>(thread)) ?? []
      await of(tenant).set(thread, [...texts, text])
    },
    thread: async (tenant, thread) => (await of(tenant).get<string[]>(thread)) ?? [],
    breakStorage: data.breakStorage,
    close: () => Promise.resolve(),
  }
}

export const keyv: Contender = {
  isOurs: false,
  packages: ['keyv'],
  configured:
    'one KeyvMemoryAdapter over a Map; a Keyv with its own namespace for each tenant or space, throwOnErrors and an error listener; a thread is a list under one key',
  keepsIn: ['heap'],
  hasVectors: false,
  hasOwnIds: true,
  open() {
    const data = new FailingMap()
    return Promise.resolve(storeOver(new KeyvMemoryAdapter(data), data))
  },
  openSpaces(_place, names) {
    const data = new FailingMap()
    const adapter = new KeyvMemoryAdapter(data)
    return Promise.resolve(names.map((name) => storeOver(adapter, data, name)))
  },
}
