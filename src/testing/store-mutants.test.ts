/** Stores with one fault each, in what they keep of runs and to whom they give them. */
import { expect, test } from 'vitest'
import { changed, failures, type Mutant, remembering, seqOf, testMutants, without } from '../../test/fixtures/mutant-store.ts'
import { OpspawnError, type Claim, type Fence } from '../core/index.ts'
import { memoryStore } from '../plugins/store-memory/index.ts'

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
  'acknowledges an append that it passes over, since it is at work on another': {
    wrap(store) {
      let isAtWork = false
      return changed(store, {
        async append(...given) {
          if (isAtWork) return []
          isAtWork = true
          await Promise.resolve()
          return store.append(...given).finally(() => (isAtWork = false))
        },
      })
    },
    caughtBy: [/^S8: appends that are sent one behind the other/],
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
}

testMutants(MUTANTS)

test('the sound store passes', async () => {
  expect(await failures((store) => changed(store, {}))).toEqual([])
})
