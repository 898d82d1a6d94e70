import { expect, test } from 'vitest'
import { OpspawnError, type Claim, type Fence, type Store } from '../core/index.ts'
import { memoryStore } from '../plugins/store-memory/index.ts'
import { manualClock, type ManualClock } from './clock.ts'
import { storeConformance } from './store-conformance.ts'

/** Runs the suite against a store; gives the names of the cases that fail. */
async function failures(wrap: (store: Store, clock: ManualClock) => Store): Promise<readonly string[]> {
  const clock = manualClock()
  const cases: { readonly name: string; readonly run: () => Promise<void> }[] = []
  storeConformance({
    test: (name, run) => cases.push({ name, run }),
    clock,
    createStore: (options) => wrap(memoryStore({ clock, ...options }), clock),
  })
  const failed: string[] = []
  for (const { name, run } of cases) {
    await run().catch(() => failed.push(name))
  }
  return failed
}

/** A store like another, but for some methods. */
function changed(store: Store, methods: Partial<Store>): Store {
  return {
    spec: store.spec,
    name: 'mutant',
    capabilities: store.capabilities,
    create: store.create.bind(store),
    claim: store.claim.bind(store),
    heartbeat: store.heartbeat.bind(store),
    append: store.append.bind(store),
    release: store.release.bind(store),
    sweep: store.sweep.bind(store),
    signal: store.signal.bind(store),
    read: store.read.bind(store),
    list: store.list.bind(store),
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose]?.(),
    ...methods,
  }
}

/** Remembers the last claim of every run. */
function remembering(store: Store): { readonly last: Map<string, Claim>; readonly claim: Store['claim'] } {
  const last = new Map<string, Claim>()
  return {
    last,
    async claim(query, options) {
      const claims = await store.claim(query, options)
      for (const claim of claims) last.set(claim.fence.runId, claim)
      return claims
    },
  }
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _dropped, ...rest } = value
  return rest
}

async function seqOf(store: Store, runId: string): Promise<number> {
  return (await store.read(runId, 1)).length
}

interface Mutant {
  readonly wrap: (store: Store, clock: ManualClock) => Store
  /** Cases that must fail, among others perhaps. */
  readonly caughtBy: readonly RegExp[]
}

const MUTANTS: Readonly<Record<string, Mutant>> = {
  'does not check the fence': {
    wrap(store) {
      const { last, claim } = remembering(store)
      const current = (fence: Fence): Fence => last.get(fence.runId)?.fence ?? fence
      return changed(store, {
        claim,
        append: (fence, ...rest) => store.append(current(fence), ...rest),
        release: (fence, ...rest) => store.release(current(fence), ...rest),
      })
    },
    caughtBy: [/^S7: a zombie that writes while/, /^S7: a worker that takes over its own expired run/, /^S2: a refused append/],
  },
  'checks the worker but not the epoch': {
    wrap(store) {
      const { last, claim } = remembering(store)
      const current = (fence: Fence): Fence => {
        const known = last.get(fence.runId)?.fence
        return known?.workerId === fence.workerId ? known : fence
      }
      return changed(store, { claim, append: (fence, ...rest) => store.append(current(fence), ...rest) })
    },
    caughtBy: [/^S7: a worker that takes over its own expired run/],
  },
  'checks the epoch but not the worker': {
    wrap(store) {
      const { last, claim } = remembering(store)
      const current = (fence: Fence): Fence => {
        const known = last.get(fence.runId)?.fence
        return known?.epoch === fence.epoch ? known : fence
      }
      return changed(store, { claim, append: (fence, ...rest) => store.append(current(fence), ...rest) })
    },
    caughtBy: [/^S7: the right epoch in the hands of another worker/],
  },
  'forgets the history that a run is accepted with': {
    wrap: (store) => changed(store, { create: (run, options) => store.create(without(run, 'history'), options) }),
    caughtBy: [/^S1: a run is accepted together with a history/],
  },
  'lets any signal make a paused run ready': {
    wrap: (store) =>
      changed(store, {
        async signal(runId, signal) {
          const answer = await store.signal(runId, signal)
          const [run] = (await store.list({ runId }, {})).runs
          if (run?.status !== 'paused') return answer
          return store.signal(runId, { id: `again:${signal.id}`, name: 'opspawn.resume', payload: null })
        },
      }),
    caughtBy: [/^S10: an ordinary signal to a run that was set aside/],
  },
  'hears no resumption while it sets a run aside': {
    wrap: (store) =>
      changed(store, {
        async release(fence, reason, options) {
          const task = await store.release(fence, reason, options)
          if (task === undefined || reason.how !== 'park') return task
          const [claim] = await store.claim({ workerId: 'mutant', leaseMs: 1000, runId: fence.runId })
          if (claim === undefined) return task
          const ids = claim.inbox.filter(({ name }) => name.startsWith('opspawn.')).map(({ id }) => id)
          await store.append(claim.fence, claim.run.seq, [], { consume: ids })
          await store.release(claim.fence, reason, options)
          return undefined
        },
      }),
    caughtBy: [/^S10: a run that is set aside with an urgent signal left/],
  },
  'does not check the position': {
    wrap: (store) =>
      changed(store, {
        async append(fence, _seq, events, ...rest) {
          for (;;) {
            const seq = await seqOf(store, fence.runId)
            const moved = events.map((event, index) => ({ ...event, seq: seq + 1 + index }))
            try {
              return await store.append(fence, seq, moved, ...rest)
            } catch (error) {
              if (!OpspawnError.is(error, 'SEQUENCE_CONFLICT')) throw error
            }
          }
        },
      }),
    caughtBy: [/^S2: of two appends at one position/, /^S2: an append at any position but the last/],
  },
  'gives one run to two workers': {
    wrap(store) {
      const { last, claim } = remembering(store)
      return changed(store, {
        async claim(query, options) {
          const claims = await claim(query, options)
          const before = query.runId === undefined ? undefined : last.get(query.runId)
          return claims.length === 0 && before !== undefined ? [before] : claims
        },
      })
    },
    caughtBy: [/^S7: a run that has an owner/, /^S2: hints that come three times/],
  },
  'gives one run to two workers that ask at once': {
    wrap(store) {
      let latest: readonly Claim[] = []
      return changed(store, {
        async claim(query, options) {
          const stale = latest
          latest = await store.claim(query, options)
          return latest.length > 5 && stale.length > 5 && stale[0]?.fence.workerId !== latest[0]?.fence.workerId
            ? [...latest, ...stale]
            : latest
        },
      })
    },
    caughtBy: [/^S7: of 1,000 runs/],
  },
  'drops the signals of appends': {
    wrap: (store) =>
      changed(store, {
        append: (fence, seq, events, changes = {}, ...rest) =>
          store.append(fence, seq, events, without(changes, 'signals'), ...rest),
      }),
    caughtBy: [/^S10: an append tells other runs/, /^S2: an end and the news/],
  },
  'drops early signals': {
    wrap: (store) =>
      changed(store, {
        async signal(runId, ...rest) {
          const [run] = (await store.list({ runId }, {})).runs
          return run?.status === 'queued' ? { accepted: true } : store.signal(runId, ...rest)
        },
      }),
    caughtBy: [/^S10: signals that come before anybody waits/],
  },
  'keeps signals without end': {
    wrap: (store) =>
      changed(store, {
        signal: (...given) =>
          store.signal(...given).catch((error: unknown) => {
            if (OpspawnError.is(error, 'QUEUE_FULL')) return { accepted: true }
            throw error
          }),
      }),
    caughtBy: [/^S14: a run that keeps as many signals/, /^S14: signals that are recorded count/],
  },
  'counts only the signals of the inbox': {
    wrap(store) {
      let consumed = 0
      return changed(store, {
        append: (fence, seq, events, changes, ...rest) => {
          consumed += changes?.consume?.length ?? 0
          return store.append(fence, seq, events, changes, ...rest)
        },
        signal: (...given) =>
          store.signal(...given).catch((error: unknown) => {
            if (OpspawnError.is(error, 'QUEUE_FULL') && consumed > 0) return { accepted: true }
            throw error
          }),
      })
    },
    caughtBy: [/^S14: signals that are recorded count/],
  },
  "refuses the engine's own signals too": {
    wrap: (store) =>
      changed(store, {
        async signal(runId, signal, options) {
          if (signal.name.startsWith('opspawn.'))
            await store.signal(runId, { ...signal, id: `probe ${signal.id}`, name: 'probe' }, options)
          return store.signal(runId, signal, options)
        },
      }),
    caughtBy: [/^S14: the engine's own signals/],
  },
  'takes a repeated signal for a new one': {
    wrap(store) {
      let count = 0
      return changed(store, {
        signal(runId, signal, options) {
          count += 1
          return store.signal(runId, { ...signal, id: `${signal.id}-${count}` }, options)
        },
      })
    },
    caughtBy: [/^S10: the second signal of an id/],
  },
  'writes a part of a refused append': {
    wrap: (store) =>
      changed(store, {
        async append(fence, seq, events, changes, options) {
          if (changes?.spending === undefined || events.length < 2) return store.append(fence, seq, events, changes, options)
          await store.append(fence, seq, events.slice(0, 1), {}, options)
          return store.append(fence, seq + 1, events.slice(1), changes, options)
        },
      }),
    caughtBy: [/^S2: a refused append leaves nothing behind/],
  },
  'sends the signals of a refused append': {
    wrap: (store) =>
      changed(store, {
        async append(fence, seq, events, changes, options) {
          for (const { runId, signal } of changes?.signals ?? []) await store.signal(runId, signal).catch(() => {})
          return store.append(fence, seq, events, changes, options)
        },
      }),
    caughtBy: [/^S2: a refused append leaves nothing behind/],
  },
  'keeps budgets of single runs only': {
    wrap: (store) =>
      changed(store, {
        create: (run, options) => {
          const { parent: _, ...origin } = run.origin
          return store.create({ ...run, origin }, options)
        },
      }),
    caughtBy: [/^S12: spending counts for the run and for every ancestor/, /^S12: children that reserve at once/],
  },
  'forgets to check due times': {
    wrap: (store) => changed(store, { create: (run, options) => store.create(without(run, 'dueAt'), options) }),
    caughtBy: [/^S9: a run is not given before it is due/],
  },
  'charges drains': {
    wrap: (store) =>
      changed(store, {
        release: (fence, reason, options) =>
          store.release(fence, reason.how === 'drain' ? { how: 'wait', dueAt: 0 } : reason, options),
        async claim(query, options) {
          const claims = await store.claim(query, options)
          return claims.map((claim) => ({ ...claim, run: { ...claim.run, deliveries: claim.run.epoch } }))
        },
      }),
    caughtBy: [/^S15: a drain hands the run on/],
  },
  'does not sweep': {
    wrap: (store) => changed(store, { sweep: async () => ({ tasks: [] }) }),
    caughtBy: [/^S1: a sweep finds runs/, /^S1: when a third of all hints is lost/],
  },
  'does not extend leases': {
    wrap: (store) => changed(store, { heartbeat: (fences, _, ...rest) => store.heartbeat(fences, 1, ...rest) }),
    caughtBy: [/^S7: a heartbeat just before the end/],
  },
  'never ends a lease': {
    wrap: (store) => changed(store, { claim: (query, ...rest) => store.claim({ ...query, leaseMs: 1e12 }, ...rest) }),
    caughtBy: [/^S7: a zombie that writes while/, /^S6: every claim that ends in silence/],
  },
  'never says that a queue is full': {
    wrap: (_, clock) => memoryStore({ clock }),
    caughtBy: [/^S14: a full queue refuses/],
  },
  'mixes tenants': {
    wrap: (store) => changed(store, { list: (filter, ...rest) => store.list(without(filter, 'tenant'), ...rest) }),
    caughtBy: [/^S8: a listing of a tenant shows nothing of the others/],
  },
  'ignores idempotency keys': {
    wrap: (store) => changed(store, { create: (run, options) => store.create(without(run, 'idempotencyKey'), options) }),
    caughtBy: [/^S1: an idempotency key with the same agent/, /^S1: of many acceptances/],
  },
  'does not listen to aborts': {
    wrap: (store) => changed(store, { sweep: (limit) => store.sweep(limit) }),
    caughtBy: [/^S11: every call whose signal has fired/],
  },
  'wraps the reason of an abort': {
    wrap: (store) =>
      changed(store, {
        read: (runId, from, limit, options) =>
          options?.signal?.aborted === true
            ? Promise.reject(new OpspawnError('STORE_FAILED', 'aborted'))
            : store.read(runId, from, limit, options),
      }),
    caughtBy: [/^S11: every call whose signal has fired/],
  },
  'goes on after the end': {
    wrap: (store) =>
      changed(store, {
        append: (fence, seq, events, changes = {}, ...rest) => store.append(fence, seq, events, without(changes, 'end'), ...rest),
      }),
    caughtBy: [/^S8: nothing is written behind the end/, /^S8: an end makes the record final/],
  },
}

test('the sound store passes', async () => {
  expect(await failures((store) => changed(store, {}))).toEqual([])
})

test.each(Object.keys(MUTANTS))('a store that %s fails', async (name) => {
  const { wrap, caughtBy } = MUTANTS[name] as Mutant
  const failed = await failures(wrap)
  for (const pattern of caughtBy) expect(failed).toContainEqual(expect.stringMatching(pattern))
})
