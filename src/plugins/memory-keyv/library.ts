import type { MemoryScope, OperationOptions } from '../../core/index.ts'
import { compareText, createQueue, decodeScope, encodeScope, found, memoryFailed, type Queue } from '../../remembering/index.ts'
import type { KeyValues } from './key-values.ts'
import { keyOf } from './keys.ts'
import type { KeyvMemoryParts } from './options.ts'
import { openSeries } from './series.ts'
import type { Placed } from './series-state.ts'
import { openShelf, type Shelf } from './shelf.ts'

/** All scopes of a memory. */
export interface Library {
  /** Works with a scope while nobody else of this process does. */
  use<T>(scope: MemoryScope, options: OperationOptions | undefined, work: (shelf: Shelf) => Promise<T>): Promise<T>
  /** Enters a scope that is in use into the list, before anything is written to it. `isNew`: it is not in the store. */
  enter(shelf: Shelf, isNew: boolean): Promise<void>
  /** Removes a scope that is in use and in which nothing is left. */
  leave(shelf: Shelf): Promise<void>
  /** The scopes of a tenant, or of all, in the order of their keys. */
  scopes(tenant?: string): Promise<readonly MemoryScope[]>
  /** Waits for what is under way. */
  settle(): Promise<void>
}

interface Place {
  readonly queue: Queue
  readonly shelf: Shelf
  /** Calls that use it or wait for it. */
  users: number
  /** What it takes of the cache: its records, and one for itself. */
  weight: number
}

/** Opens the library. It holds the records of scopes that were used lately, at most `cache`, and of those that are in use. */
export function openLibrary(store: KeyValues, { name, chunk, cache }: KeyvMemoryParts): Library {
  const places = new Map<string, Place>()
  const list = openList(store, keyOf(name, 'scopes', ''))
  const entered = new WeakSet<Shelf>()
  let held = 0

  function placeOf(scope: MemoryScope): Place {
    const key = encodeScope(scope)
    const known = places.get(key)
    const shelf = known?.shelf ?? openShelf(store, scope, key, keyOf(name, 'scope', key), chunk)
    const place = known ?? { queue: createQueue(), shelf, users: 0, weight: 0 }
    // The latest used stand at the end.
    places.delete(key)
    places.set(key, place)
    return place
  }
  function release(place: Place): void {
    place.users -= 1
    held += 1 + place.shelf.size - place.weight
    place.weight = 1 + place.shelf.size
    for (const [key, { users, weight }] of places) {
      if (held <= cache) return
      if (users > 0) continue
      held -= weight
      places.delete(key)
    }
  }

  return {
    use(scope, options, work) {
      const place = placeOf(scope)
      place.users += 1
      const done = place.queue(() => work(place.shelf), options)
      // Behind it, also where it was given up before it began.
      void place.queue(() => release(place))
      return done
    },
    async enter(shelf, isNew) {
      if (!entered.has(shelf) || isNew) await list.add(shelf.key)
      entered.add(shelf)
    },
    async leave(shelf) {
      await shelf.series.remove()
      await list.drop(shelf.key)
    },
    async scopes(tenant) {
      const own = tenant === undefined ? undefined : encodeScope({ tenant })
      // Encoded labels have no /.
      const names = (await list.names()).filter((name) => own === undefined || name === own || name.startsWith(`${own}/`))
      return names.toSorted(compareText).map(decodeScope)
    },
    async settle() {
      await Promise.all([...places.values()].map(({ queue }) => queue(() => {})))
    },
  }
}

type Named = Placed & { readonly name: string }

/** Names in one chunk of the list. */
const NAMES = 64

/** The list of scopes in the store. A new one is looked for among all, which is as rare as new scopes are. */
function openList(store: KeyValues, key: string) {
  const write = (item: Named): string => JSON.stringify(item)
  const series = openSeries<Named>({ store, key, owner: 'scopes', chunk: NAMES, write, read: readNamed })
  const queue = createQueue()
  return {
    add: (name: string): Promise<void> =>
      queue(async () => {
        const { items, last } = await series.contents()
        if (!items.some((item) => item.name === name)) await series.commit({ puts: [{ seq: last + 1, name }], drops: [] })
      }),
    drop: (name: string): Promise<void> =>
      queue(async () => {
        const { items } = await series.contents()
        const drops = items.filter((item) => item.name === name).map(({ seq }) => seq)
        if (drops.length > 0) await series.commit({ puts: [], drops })
        if ((await series.tidy()) && items.length === drops.length) await series.remove()
      }),
    names: (): Promise<readonly string[]> => queue(async () => (await series.contents()).items.map(({ name }) => name)),
  }
}

function readNamed({ seq, name }: Readonly<Record<string, unknown>>, where: string): Named {
  if (Number.isSafeInteger(seq) && typeof name === 'string') return { seq: seq as number, name }
  throw memoryFailed('read', `${where} without a name, with ${found(name)}`)
}
