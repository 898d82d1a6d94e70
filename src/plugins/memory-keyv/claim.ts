import { OpspawnError } from '../../core/index.ts'

/** On the object that holds the data, so that it is found again through whatever was put around it. */
const CLAIMS: unique symbol = Symbol.for('opspawn.memory-keyv.names') as never

/** What lies below a Keyv instance and its adapters: the object that really holds the data, as far as one can see. */
export function innermost(store: object, depth = 4): object {
  const next: unknown = store instanceof Map ? undefined : (store as { readonly store?: unknown }).store
  return typeof next === 'object' && next !== null && depth > 0 ? innermost(next, depth - 1) : store
}

/**
 * Takes a name in a store for one memory: two that write the same keys would lose each other's records. Gives what lets it go.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when another memory of this process has it.
 */
export function claim(store: object, name: string): () => void {
  const owner = innermost(store) as { [CLAIMS]?: Set<string> }
  const names = owner[CLAIMS] ?? new Set<string>()
  if (names.has(name))
    throw new OpspawnError(
      'OPTIONS_INVALID',
      `keyvMemory: a memory named ${JSON.stringify(name)} uses this store already; share that memory, give this one another name, or dispose the first`,
    )
  names.add(name)
  // A frozen object cannot be marked; then nobody is warned.
  if (owner[CLAIMS] === undefined && Object.isExtensible(owner)) Object.defineProperty(owner, CLAIMS, { value: names })
  return () => void names.delete(name)
}
