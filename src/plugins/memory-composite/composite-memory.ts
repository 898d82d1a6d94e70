import type { Memory, MemoryCapabilities } from '../../core/index.ts'
import {
  checkGrant,
  checkScope,
  checkTenant,
  createQueue,
  encodeScope,
  exportLines,
  importLines,
  memoryClosed,
  signalOf,
  type Queue,
} from '../../remembering/index.ts'
import { checkOptions, type CompositeMemoryOptions } from './options.ts'
import { readingCalls } from './reading.ts'
import { recordsOf, takeIn } from './transfer.ts'
import { writingCalls } from './writing.ts'

/**
 * Several memories behind one handle: messages go to `window`, facts and documents to `longTerm`, summaries to `working` where
 * there is one. A recall asks all and answers within one budget; forgetting reaches every part. What it can do is what all parts
 * can. On abort a call rejects with the signal's reason as its parts do.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function compositeMemory(options: CompositeMemoryOptions): Memory & AsyncDisposable {
  const parts = checkOptions(options)
  const { name, memories } = parts
  const queues = createQueues()
  let closing: Promise<void> | undefined
  const alive = (): void => {
    if (closing !== undefined) throw memoryClosed(name)
  }
  return {
    spec: 'memory/1',
    name,
    capabilities: meet(memories.map(([, memory]) => memory.capabilities)),
    bind(given, grant) {
      const reach = { scope: checkScope(given), granted: checkGrant(grant) }
      const bound = memories.map(([part, memory]) => ({
        name: part,
        handle: memory.bind(reach.scope, { across: reach.granted }),
      }))
      const queue: Queue = (task, operation) => {
        alive()
        return queues.add(encodeScope(reach.scope), task, operation)
      }
      return { ...readingCalls(bound, reach, parts, alive), ...writingCalls(bound, reach, parts, queue) }
    },
    async maintain(options) {
      const signal = signalOf('maintain', options)
      signal?.throwIfAborted()
      alive()
      const results = await Promise.allSettled(memories.map(([, memory]) => memory.maintain({ signal })))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    },
    async stats(tenant, options) {
      const signal = signalOf('stats', options)
      signal?.throwIfAborted()
      alive()
      const all = await Promise.all(memories.map(([, memory]) => memory.stats(tenant, { signal })))
      const sum = (member: 'records' | 'pending' | 'failures'): number => all.reduce((total, one) => total + one[member], 0)
      return { records: sum('records'), pending: sum('pending'), failures: sum('failures') }
    },
    async *export(tenant, options) {
      const signal = signalOf('export', options)
      signal?.throwIfAborted()
      alive()
      yield* exportLines(checkTenant(tenant), recordsOf(memories, tenant, signal), { signal })
    },
    async import(lines, options) {
      const signal = signalOf('import', options)
      signal?.throwIfAborted()
      alive()
      return { imported: await importLines(lines, (records) => takeIn(memories, records, signal), { signal }) }
    },
    async [Symbol.asyncDispose]() {
      // An append that has come to its first part alone would be half an append.
      closing ??= queues
        .idle()
        .then(() => Promise.all(memories.map(async ([, memory]) => memory[Symbol.asyncDispose]?.())))
        .then(() => {})
      await closing
    },
  }
}

const DURABILITIES: readonly MemoryCapabilities['durability'][] = ['none', 'process', 'disk', 'replicated']

/** What all of them can. */
function meet(all: readonly MemoryCapabilities[]): MemoryCapabilities {
  const every = (member: Exclude<keyof MemoryCapabilities, 'durability'>): boolean => all.every((one) => one[member])
  return {
    lexical: every('lexical'),
    vector: every('vector'),
    ttl: every('ttl'),
    atomicAppend: every('atomicAppend'),
    multiProcess: false,
    erase: every('erase'),
    durability: DURABILITIES[Math.min(...all.map((one) => DURABILITIES.indexOf(one.durability)))] ?? 'none',
  }
}

interface Queues {
  add<T>(key: string, task: () => T | Promise<T>, options?: Parameters<Queue>[1]): Promise<T>
  /** Done when everything that was added before is. */
  idle(): Promise<unknown>
}

/** A queue for each scope, as long as somebody waits in it. */
function createQueues(): Queues {
  const queues = new Map<string, { readonly queue: Queue; users: number }>()
  return {
    add(key, task, options) {
      const place = queues.get(key) ?? { queue: createQueue(), users: 0 }
      queues.set(key, place)
      place.users += 1
      const done = place.queue(task, options)
      void place.queue(() => {
        place.users -= 1
        if (place.users === 0) queues.delete(key)
      })
      return done
    },
    idle: () => Promise.all([...queues.values()].map(({ queue }) => queue(() => {}))),
  }
}
