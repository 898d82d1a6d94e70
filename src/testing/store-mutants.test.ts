import { expect, test } from 'vitest'
import { OpspawnError, type Claim, type DocumentTable, type Fence, type Json, type RunGate, type Store } from '../core/index.ts'
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
    ...(store.documents !== undefined && { documents: store.documents }),
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose]?.(),
    ...methods,
  }
}

/** A store whose runs are under other gates than they say. */
function gated(store: Store, change: (gate: RunGate) => RunGate | undefined): Store {
  return changed(store, {
    create: (run, options) => {
      const { gates, ...origin } = run.origin
      if (gates === undefined) return store.create(run, options)
      const others = gates.flatMap((gate) => change(gate) ?? [])
      return store.create({ ...run, origin: others.length === 0 ? origin : { ...origin, gates: others } }, options)
    },
  })
}

/** A store whose documents are like another's, but for some methods. */
function withDocuments(store: Store, change: (documents: DocumentTable) => Partial<DocumentTable>): Store {
  const documents = store.documents as DocumentTable
  return changed(store, {
    documents: {
      get: documents.get.bind(documents),
      put: documents.put.bind(documents),
      list: documents.list.bind(documents),
      delete: documents.delete.bind(documents),
      ...change(documents),
    },
  })
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
  'leaves the claim out of the history that comes along with it': {
    wrap: (store) =>
      changed(store, {
        async claim(query, options) {
          const claims = await store.claim(query, options)
          const before = async (claim: Claim): Promise<Claim> => ({
            ...claim,
            history: await store.read(claim.fence.runId, 1, claim.run.seq - 1),
          })
          return Promise.all(claims.map(before))
        },
      }),
    caughtBy: [/^S8: a history that comes along with a claim/],
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
  'replaces any version of a document': {
    wrap: (store) =>
      withDocuments(store, (documents) => ({
        async put(kind, key, value, _, options) {
          for (;;) {
            const version = (await documents.get(kind, key))?.version ?? 0
            try {
              return await documents.put(kind, key, value, version, options)
            } catch (error) {
              if (!OpspawnError.is(error, 'DOCUMENT_CONFLICT')) throw error
            }
          }
        },
      })),
    caughtBy: [/^S13: of several who replace one version/, /^S13: a write that expects another version/],
  },
  'deletes any version of a document': {
    wrap: (store) =>
      withDocuments(store, (documents) => ({
        delete: async (kind, key, _, options) =>
          documents.delete(kind, key, (await documents.get(kind, key))?.version ?? 0, options),
      })),
    caughtBy: [/^S13: a write that expects another version/, /^S13: a version of a deleted document/],
  },
  'counts the versions of a document anew after its deletion': {
    wrap(store) {
      const firsts = new Map<string, number>()
      return withDocuments(store, (documents) => ({
        async put(kind, key, value, expected, options) {
          const first = firsts.get(`${kind} ${key}`) ?? 0
          const put = await documents.put(kind, key, value, expected === 0 ? 0 : expected + first, options)
          if (expected === 0) firsts.set(`${kind} ${key}`, put.version - 1)
          return { ...put, version: put.version - (firsts.get(`${kind} ${key}`) ?? 0) }
        },
        delete: (kind, key, expected, options) =>
          documents.delete(kind, key, expected + (firsts.get(`${kind} ${key}`) ?? 0), options),
      }))
    },
    caughtBy: [/^S13: a version of a deleted document/],
  },
  'mixes the kinds of documents': {
    wrap: (store) =>
      withDocuments(store, (documents) => ({
        get: (_, key, options) => documents.get('kind', key, options),
        put: (_, key, ...rest) => documents.put('kind', key, ...rest),
        list: (_, page, options) => documents.list('kind', page, options),
      })),
    caughtBy: [/^S13: a document is found by kind/, /^S13: a listing of documents in parts/],
  },
  'gives only the first part of a listing of documents': {
    wrap: (store) =>
      withDocuments(store, (documents) => ({
        async list(...given) {
          const { documents: listed, now } = await documents.list(...given)
          return { documents: listed, now }
        },
      })),
    caughtBy: [/^S13: a listing of documents in parts/],
  },
  "tells a worker's time for the store's": {
    wrap: (store) =>
      withDocuments(store, (documents) => ({
        list: async (...given) => ({ ...(await documents.list(...given)), now: Date.now() + 3_600_000 }),
      })),
    caughtBy: [/^S9: documents are dated by the store's clock/],
  },
  'keeps documents as they were given': {
    wrap(store) {
      const given = new Map<number, Json>()
      return withDocuments(store, (documents) => ({
        async put(kind, key, value, ...rest) {
          const put = await documents.put(kind, key, value, ...rest)
          given.set(put.version, value)
          return put
        },
        async get(...asked) {
          const got = await documents.get(...asked)
          return got === undefined ? undefined : { ...got, value: given.get(got.version) ?? null }
        },
      }))
    },
    caughtBy: [/^S13: a document is a copy/],
  },
  'does not listen to aborts of calls on documents': {
    wrap: (store) =>
      withDocuments(store, (documents) => ({ put: (kind, key, value, version) => documents.put(kind, key, value, version) })),
    caughtBy: [/^S11: every call on documents/],
  },
  'knows no tenants when it claims': {
    wrap: (store) =>
      changed(store, { create: (run, options) => store.create({ ...run, origin: { ...run.origin, tenant: 't' } }, options) }),
    caughtBy: [/^S8: a tenant with one run has its turn/, /^S8: tenants that queue together/, /^S8: runs that fall due take/],
  },
  'lets no run rise': {
    wrap: (store) =>
      changed(store, { create: (run, options) => store.create({ ...run, priority: (run.priority ?? 0) * 1e9 }, options) }),
    caughtBy: [/^S8: a run that waits rises/, /^S8: a run of low priority is not left behind/],
  },
  'knows no priorities': {
    wrap: (store) => changed(store, { create: (run, options) => store.create(without(run, 'priority'), options) }),
    caughtBy: [
      /^S8: tenants take turns among equal priorities/,
      /^S8: the most urgent run/,
      /^S8: a run rises from when it is ready/,
    ],
  },
  'takes a run that goes on for a new one': {
    wrap: (store) => changed(store, { release: async (fence) => (await store.release(fence, { how: 'park' }), undefined) }),
    caughtBy: [/^S8: a run that was begun goes on/],
  },
  'knows no gates': {
    wrap: (store) => gated(store, () => undefined),
    caughtBy: [/^S8: never more runs of a key/, /^S8: many workers that claim at once, and crash/, /^S9: no more runs begin/],
  },
  'lets one run more in than a gate allows': {
    wrap: (store) =>
      gated(store, ({ concurrency, ...gate }) => (concurrency === undefined ? gate : { ...gate, concurrency: concurrency + 1 })),
    caughtBy: [/^S8: never more runs of a key/, /^S8: many workers that claim at once, and crash/, /^S8: a run is let in by all/],
  },
  'lets one run more begin than a rate allows': {
    wrap: (store) =>
      gated(store, ({ rate, ...gate }) => (rate === undefined ? gate : { ...gate, rate: { ...rate, runs: rate.runs + 1 } })),
    caughtBy: [/^S9: no more runs begin/, /^S9: a run that goes on begins nothing/],
  },
  'counts a rate in shorter spans': {
    wrap: (store) =>
      gated(store, ({ rate, ...gate }) => (rate === undefined ? gate : { ...gate, rate: { ...rate, perMs: rate.perMs / 2 } })),
    caughtBy: [/^S9: no more runs begin/],
  },
  'looks at the first gate of a run alone': {
    wrap: (store) =>
      changed(store, {
        create: (run, options) => {
          const { gates, ...origin } = run.origin
          return store.create(gates === undefined ? run : { ...run, origin: { ...origin, gates: gates.slice(0, 1) } }, options)
        },
      }),
    caughtBy: [/^S8: a run is let in by all of its gates/],
  },
  'frees the place of a run at its end alone': {
    wrap: (store) =>
      changed(store, {
        // Given back at once to one who keeps it: so it stays at work for the gate.
        async release(fence, reason, options) {
          const [claim] = (await store.list({ runId: fence.runId }, {})).runs
          if (claim?.gates === undefined || reason.how === 'drain') return store.release(fence, reason, options)
          await store.release(fence, { how: 'drain' }, options)
          await store.claim({ workerId: 'nobody', leaseMs: 1e12, runId: fence.runId })
          return undefined
        },
      }),
    caughtBy: [/^S8: a run that waits, is paused or quarantined/],
  },
  'forgets who waits at a gate when a run ends': {
    wrap: (store) =>
      changed(store, {
        async append(fence, seq, events, changes, options) {
          const [run] = (await store.list({ runId: fence.runId }, {})).runs
          if (changes?.end === undefined || run?.gates === undefined) return store.append(fence, seq, events, changes, options)
          await store.append(fence, seq, events, {}, options)
          return []
        },
      }),
    caughtBy: [/^S8: never more runs of a key/, /^S8: many workers/, /^S8: a run is let in by all/, /^S8: at a gate the order/],
  },
  'gives the place of a dead worker to another run': {
    wrap(store) {
      const inside = new Map<string, Fence>()
      return changed(store, {
        async claim(query, options) {
          for (const [runId, fence] of inside) {
            inside.delete(runId)
            await store.release(fence, { how: 'park' }).catch(() => {})
          }
          const claims = await store.claim(query, options)
          for (const { fence, run } of claims) if (run.gates !== undefined) inside.set(run.runId, fence)
          return claims
        },
      })
    },
    caughtBy: [/^S8: many workers that claim at once, and crash/],
  },
  'holds cancelled runs up at their gates': {
    wrap: (store) =>
      changed(store, {
        async signal(runId, signal, options) {
          const [run] = (await store.list({ runId }, {})).runs
          return run?.gate === undefined ? store.signal(runId, signal, options) : { accepted: true }
        },
      }),
    caughtBy: [/^S11: a cancellation waits at no gate/],
  },
  'keeps a place for ever for a run that no worker wants': {
    wrap: (store) => changed(store, { sweep: (limit) => store.sweep(limit) }),
    caughtBy: [/^S16: a run that no worker wants/],
  },
  'does not say which gate a run waits at': {
    wrap: (store) =>
      changed(store, {
        async list(...given) {
          const page = await store.list(...given)
          return { ...page, runs: page.runs.map((run) => without(run, 'gate')) }
        },
      }),
    caughtBy: [/^S8: a run that waits at a gate says at which/],
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
