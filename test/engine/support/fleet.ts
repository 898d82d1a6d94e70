import { type Agent, OpspawnError, type Store } from '../../../src/index.ts'
import { manualClock, type ManualClock } from '../../../src/testing/index.ts'
import { type World, world } from './world.ts'
import { memoryStore, sharedStore } from './wrappers.ts'

/** How a worker dies: its store refuses everything from then on, or never answers again. */
export type Death = 'refuses' | 'silent'

/** Where in an append it dies: nothing was written, or it was and the worker never hears of it. */
export type Moment = 'before' | 'after'

/** Two workers over one store. The first dies at one of its appends; the second is made when it is needed. */
export interface Fleet {
  readonly clock: ManualClock
  readonly store: Store
  readonly first: World
  /** Appends of the first worker so far. */
  appends(): number
  /** Whether it has died. */
  isDead(): boolean
  second(): Promise<World>
}

/** Makes the fleet. `dieAt` counts appends from 0; `undefined` for a reference run in which nobody dies. */
export async function fleet(
  agents: readonly Agent[],
  {
    dieAt,
    moment = 'before',
    death = 'refuses',
  }: { readonly dieAt?: number; readonly moment?: Moment; readonly death?: Death } = {},
): Promise<Fleet> {
  const clock = manualClock()
  const store = memoryStore({ clock })
  let count = 0
  let dead = false
  async function alive<T>(work: () => Promise<T>): Promise<T> {
    if (!dead) return work()
    if (death === 'silent') return new Promise<T>(() => {})
    throw new OpspawnError('STORE_FAILED', 'the store cannot be reached')
  }
  const mortal = sharedStore(store, {
    create: (...given) => alive(() => store.create(...given)),
    claim: (...given) => alive(() => store.claim(...given)),
    heartbeat: (...given) => alive(() => store.heartbeat(...given)),
    release: (...given) => alive(() => store.release(...given)),
    sweep: (...given) => alive(() => store.sweep(...given)),
    signal: (...given) => alive(() => store.signal(...given)),
    read: (...given) => alive(() => store.read(...given)),
    list: (...given) => alive(() => store.list(...given)),
    append: (...given) =>
      alive(async () => {
        const index = count
        count += 1
        if (index !== dieAt) return store.append(...given)
        if (moment === 'after') await store.append(...given)
        dead = true
        return alive(() => store.append(...given))
      }),
  })
  const first = await world({ agents, store: mortal, clock })
  return {
    clock,
    store,
    first,
    appends: () => count,
    isDead: () => dead,
    second: () => world({ agents, store: sharedStore(store), clock }),
  }
}
