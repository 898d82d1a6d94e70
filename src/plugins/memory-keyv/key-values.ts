import type * as Library from 'keyv'
import { OpspawnError } from '../../core/index.ts'
import { memoryFailed } from '../../remembering/index.ts'

/** What Keyv instances, adapters of Keyv and a `Map` have in common. */
export interface KeyvStore {
  /** Reads a value, or a promise of it; undefined where there is none. */
  get(key: string): unknown
  /** Writes a value. */
  set(key: string, value: string, ttl?: number): unknown
  /** Removes a value. */
  delete(key: string): unknown
}

/** Texts under keys, in a store that may fail but not hide it. */
export interface KeyValues {
  /** The text of a key; undefined: it is not there. Rejects with `MEMORY_FAILED` (`read`) when that cannot be told. */
  get(key: string): Promise<string | undefined>
  /** Rejects with `MEMORY_FAILED` (`write`) when the store does not say that it was written. */
  set(key: string, text: string): Promise<void>
  /** Removes a key, there or not. Rejects with `MEMORY_FAILED` (`write`) when it is still there. */
  remove(key: string): Promise<void>
  /** Lets go of the store, which stays open. */
  release(): void
}

/** Opens a store that was given. @throws OpspawnError `PLUGIN_PACKAGE_MISSING`, `OPTIONS_INVALID` */
export async function openKeyValues(store: KeyvStore): Promise<KeyValues> {
  if (store instanceof Map) return overMap(store as Map<string, unknown>)
  if (!isKeyv(store)) return overKeyv(await wrapped(quiet(store)), store)
  return overKeyv(store, (store as { readonly store?: unknown }).store ?? {})
}

/** Version 6 can resolve stores, version 5 serializes data under that name; adapters do neither. */
function isKeyv(store: KeyvStore): boolean {
  const { resolveStore, serializeData } = store as { readonly resolveStore?: unknown; readonly serializeData?: unknown }
  return typeof resolveStore === 'function' || typeof serializeData === 'function'
}

async function wrapped(store: KeyvStore): Promise<KeyvStore> {
  let library: typeof Library
  try {
    library = await import('keyv')
  } catch (error) {
    const text =
      'keyvMemory was given an adapter of Keyv, and the package keyv, which drives it, is not installed: npm install keyv'
    throw new OpspawnError('PLUGIN_PACKAGE_MISSING', text, { cause: error })
  }
  try {
    return new library.Keyv({ store: store as never }) as KeyvStore
  } catch (error) {
    throw new OpspawnError('OPTIONS_INVALID', 'keyvMemory: Keyv does not take the given store for an adapter', { cause: error })
  }
}

/** An adapter that nobody can listen to: Keyv would add a listener for each memory, and never take it away. */
function quiet(adapter: KeyvStore): KeyvStore {
  return new Proxy(adapter, {
    get(target, member) {
      if (member === 'on') return undefined
      const value: unknown = Reflect.get(target, member)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function overMap(map: Map<string, unknown>): KeyValues {
  return {
    get: async (key) => asText(key, map.get(key)),
    set: async (key, text) => void map.set(key, text),
    remove: async (key) => void map.delete(key),
    release: () => {},
  }
}

type Listen = (event: 'error', listener: (error: unknown) => void) => unknown

/** What an adapter that tells of its errors has. */
type Emitter = { readonly on?: Listen; readonly off?: Listen }

function overKeyv(keyv: KeyvStore, teller: object): KeyValues {
  const view = outspoken(keyv)
  const adapter = teller as Emitter
  let errors = 0
  let last: unknown
  // Some adapters swallow a failure and tell it to listeners alone. An error of another call may be taken for ours, never the reverse.
  const listener = (error: unknown): void => {
    errors += 1
    last = error
  }
  adapter.on?.('error', listener)

  async function attempt(reason: 'read' | 'write', call: () => unknown): Promise<unknown> {
    const before = errors
    let answer: unknown
    try {
      answer = await call()
    } catch (error) {
      throw storeFailed(reason, error)
    }
    if (errors === before || (answer !== undefined && answer !== false)) return answer
    throw storeFailed(reason, last)
  }
  const read = async (key: string): Promise<string | undefined> => asText(key, await attempt('read', () => view.get(key)))
  return {
    get: read,
    async set(key, text) {
      // 0 is no end, even where the instance has a time to live: our records have their own.
      const isWritten = await attempt('write', () => view.set(key, text, 0))
      // Some adapters answer nothing.
      if (isWritten === false || (isWritten !== true && (await read(key)) !== text)) throw storeFailed('write', undefined)
    },
    async remove(key) {
      const isRemoved = await attempt('write', () => view.delete(key))
      // It says false as well for what was not there.
      if (isRemoved !== true && (await read(key)) !== undefined) throw storeFailed('write', undefined)
    },
    release: () => void adapter.off?.('error', listener),
  }
}

/**
 * The same instance, but for failures: version 6 makes an event of them and answers `undefined` or `false`, and reads of
 * version 5 say nothing at all. Seen through this, both throw. The instance itself is not changed.
 */
function outspoken(keyv: KeyvStore): KeyvStore {
  return Object.create(keyv, {
    _throwOnErrors: { value: true },
    emit: {
      value(event: string, ...values: readonly unknown[]): unknown {
        if (event === 'error') throw values[0]
        return (keyv as unknown as { emit(event: string, ...values: readonly unknown[]): unknown }).emit(event, ...values)
      },
    },
  }) as KeyvStore
}

function asText(key: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw memoryFailed('read', `the store has a value under ${key} that this memory did not write`)
}

function storeFailed(reason: 'read' | 'write', error: unknown): OpspawnError {
  const problem =
    error instanceof Error ? error.message : error === undefined ? 'it says so, without a reason' : 'it threw no error'
  return memoryFailed(reason, `the store could not ${reason}: ${problem}`, error)
}
