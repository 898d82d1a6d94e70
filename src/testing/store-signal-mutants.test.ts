/** Stores with one fault each, in signals and in what is appended together. */
import { changed, type Mutant, testMutants, without } from '../../test/fixtures/mutant-store.ts'
import { OpspawnError } from '../core/index.ts'

const MUTANTS: Readonly<Record<string, Mutant>> = {
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
}

testMutants(MUTANTS)
