/** Stores with one fault each, in the order of claims and at the gates. */
import { changed, gated, type Mutant, testMutants, without } from '../../test/fixtures/mutant-store.ts'
import type { Fence } from '../core/index.ts'

const MUTANTS: Readonly<Record<string, Mutant>> = {
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

testMutants(MUTANTS)
