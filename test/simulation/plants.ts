import { type Fence, OpspawnError, type Store } from '../../src/index.ts'
import { memoryStore, sharedStore } from '../engine/support/wrappers.ts'
import type { Statements } from './backends.ts'
import type { Life } from './life.ts'
import type { Weather } from './weather.ts'

/** A fault planted on purpose, to see that it is found. One is made for each simulation. */
export interface Plant {
  /** Changes the store of each worker. */
  readonly store?: (store: Store, life: Life, weather: Weather) => Store
  /** Changes what SQLite does for each worker. */
  readonly statements?: Statements
  /** Unsafe tools do not say that they are. */
  readonly hidesUnsafe?: boolean
  /** No fault: more zombies than usual. */
  readonly zombieOdds?: number
  /** No fault: a body never returns, so that its worker keeps the run. */
  readonly hangs?: boolean
}

/** How late what was acknowledged too early is written, in milliseconds. */
const LATE_MS = 200

/** Faults by what they do, each with the guarantee that it breaks. */
export const PLANTS: Readonly<Record<string, { readonly breaks: string; readonly make: () => Plant }>> = {
  'acknowledges an acceptance before it is committed': {
    breaks: 'S1',
    make: () => ({ store: (store, life) => sharedStore(store, { create: early(life, store) }) }),
  },
  'acknowledges an append before it is committed': { breaks: 'S2', make: () => ({ store: appendsLate }) },
  'checks no epoch': { breaks: 'S7', make: withoutEpochs },
  'enters an unsafe body without its intent on record': { breaks: 'S5', make: () => ({ hidesUnsafe: true }) },
  'never sweeps': {
    breaks: 'S1',
    make: () => ({ store: (store) => sharedStore(store, { sweep: async () => ({ tasks: [] }) }) }),
  },
  'writes events and changes in two transactions': { breaks: 'S2', make: () => ({ store: appendsInHalves }) },
  'lets one run more in than a gate allows': {
    breaks: 'S8',
    make: () => ({
      store: (store) =>
        sharedStore(store, {
          create({ origin, ...run }, options) {
            const gates = origin.gates?.map((gate) => ({ ...gate, concurrency: (gate.concurrency ?? 9) + 1 }))
            return store.create({ ...run, origin: gates === undefined ? origin : { ...origin, gates } }, options)
          },
        }),
    }),
  },
  'hands out a consumed signal again': {
    breaks: 'S10',
    make: () => ({
      store: (store) =>
        sharedStore(store, {
          append: (fence, seq, events, changes, options) =>
            store.append(fence, seq, events, { ...changes, consume: [] }, options),
        }),
    }),
  },
}

/** Answers with what a store of its own would say, and writes when some time has passed. */
function early(life: Life, store: Store): Store['create'] {
  const scratch = memoryStore({ clock: life.clock })
  return async (run, options) => {
    const answer = await scratch.create(run, options)
    life.clock.setTimer(LATE_MS, () => void store.create(run).catch(() => {}))
    return answer
  }
}

/** Appends are written in their order, some time after they were answered; what is refused then is told to nobody. */
function appendsLate(store: Store, life: Life): Store {
  let last: Promise<unknown> = Promise.resolve()
  return sharedStore(store, {
    async append(...given) {
      const due = new Promise<void>((resolve) => void life.clock.setTimer(LATE_MS, resolve))
      last = Promise.all([last, due]).then(() => store.append(...given).catch(() => {}))
      return []
    },
  })
}

/**
 * A zombie writes under the newest claim, and where the history ends now: a claim is an event, so that the check of
 * positions alone would refuse it as well.
 */
function withoutEpochs(): Plant {
  const newest = new Map<string, Fence>()
  const current = (fence: Fence): Fence => newest.get(fence.runId) ?? fence
  return {
    zombieOdds: 0.2,
    // So that the successor still works when the zombie comes back.
    hangs: true,
    store: (store) =>
      sharedStore(store, {
        async claim(query, options) {
          const claims = await store.claim(query, options)
          for (const { fence } of claims) newest.set(fence.runId, fence)
          return claims
        },
        async append(fence, seq, events, ...rest) {
          if (current(fence).epoch === fence.epoch) return store.append(fence, seq, events, ...rest)
          const { length } = await store.read(fence.runId, 1)
          const moved = events.map((event, index) => ({ ...event, seq: length + 1 + index }))
          return store.append(current(fence), length, moved, ...rest)
        },
        release: (fence, ...rest) => store.release(current(fence), ...rest),
        heartbeat: (fences, ...rest) => store.heartbeat(fences.map(current), ...rest),
      }),
  }
}

/** First the events, then what changes with them; now and then something breaks in between. */
function appendsInHalves(store: Store, _life: Life, weather: Weather): Store {
  return sharedStore(store, {
    async append(fence, seq, events, changes, options) {
      await store.append(fence, seq, events, undefined, options)
      if (!weather.isCalm && weather.random() < 0.1)
        throw new OpspawnError('STORE_FAILED', 'the connection broke between two writes')
      return changes === undefined ? [] : store.append(fence, seq + events.length, [], changes, options)
    },
  })
}
