/** Memories with one fault each, in whose records they give and how they find them. */
import { expect, test } from 'vitest'
import {
  changed,
  failures,
  LIMIT_MS,
  type MemoryMutant,
  testMemoryMutants,
  thaw,
  without,
} from '../../test/fixtures/mutant-memory.ts'
import type { MemoryRecord } from '../core/index.ts'
import { inProcessMemory } from '../plugins/memory-in-process/index.ts'

const MUTANTS: Readonly<Record<string, MemoryMutant>> = {
  'trims labels': {
    wrap: (memory) => ({ ...memory, bind: (scope, grant) => memory.bind({ ...scope, tenant: scope.tenant?.trim?.() }, grant) }),
    caughtBy: /^1: tenants/,
  },
  'folds case of labels': {
    wrap: (memory) => ({
      ...memory,
      bind: (scope, grant) => memory.bind({ ...scope, tenant: scope.tenant?.toLowerCase?.() }, grant),
    }),
    caughtBy: /^1: tenants/,
  },
  'normalises labels': {
    wrap: (memory) => ({
      ...memory,
      bind: (scope, grant) =>
        memory.bind(scope?.session === undefined ? scope : { ...scope, session: scope.session.normalize('NFKC') }, grant),
    }),
    caughtBy: /^2: scopes/,
  },
  'joins labels by a colon': {
    wrap: (memory) => ({
      ...memory,
      bind(scope, grant) {
        const { agent, user } = scope ?? {}
        if (agent === undefined || user === undefined) return memory.bind(scope, grant)
        const [first = '', ...rest] = `${agent}:${user}`.split(':')
        return memory.bind({ ...scope, agent: first, user: rest.join(':') || 'x' }, grant)
      },
    }),
    caughtBy: /^2: scopes/,
  },
  'takes a missing tenant for the default one': {
    wrap: (memory) => ({
      ...memory,
      bind: (scope, grant) => memory.bind({ ...scope, tenant: scope?.tenant ?? 'default' }, grant),
    }),
    caughtBy: /^5: nothing that is missing/,
  },
  'grants everything': {
    wrap: (memory) => ({ ...memory, bind: (scope) => memory.bind(scope, { across: ['session', 'user', 'agent'] }) }),
    caughtBy: /^5: a handle sees other sessions/,
  },
  'ignores filters in listings': {
    wrap: (memory) => changed(memory, (handle) => ({ list: (page, options) => handle.list(without(page, 'filter'), options) })),
    caughtBy: /^6: a hundred and fifty/,
  },
  'takes an absent member for null': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        list(page, options) {
          const { filter } = page
          if (filter?.op !== 'eq' || filter.value !== null) return handle.list(page, options)
          return handle.list(
            { ...page, filter: { op: 'or', filters: [filter, { op: 'not', filter: { op: 'exists', field: filter.field } }] } },
            options,
          )
        },
      })),
    caughtBy: /^6:/,
  },
  'returns what expired': {
    wrap: (_, { clock, ...setup }) =>
      inProcessMemory({ ...setup, clock: { now: () => Math.min(clock.now(), 1_780_000_000_500) } }),
    caughtBy: /^13: an entry is there until/,
  },
  'recalls what was superseded': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        append: (entries, options) =>
          handle.append(
            Array.isArray(entries)
              ? entries.map((entry) => (entry?.supersedes === undefined ? entry : without(entry, 'supersedes')))
              : entries,
            options,
          ),
      })),
    caughtBy: /^14: what is superseded/,
  },
  'forgets about asOf': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        recall: (query, options) => handle.recall(query, { ...options, asOf: 1e15 }),
      })),
    caughtBy: /^14:/,
  },
  'hides what was recorded by a clock that has gone back since': {
    wrap: (memory, { clock }) =>
      changed(memory, (handle) => ({
        async recall(query, options) {
          const found = await handle.recall(query, options)
          return { ...found, items: found.items.filter(({ record }) => record.createdAt <= clock.now()) }
        },
      })),
    caughtBy: /^14: a clock that goes back/,
  },
  'has nothing latest after upkeep': {
    wrap(memory) {
      let isTidy = false
      const wrapped = changed(memory, (handle) => ({
        async recall(query, options) {
          const found = await handle.recall(query, options)
          return isTidy && query === '' ? { ...found, items: [] } : found
        },
      }))
      return { ...wrapped, maintain: (options) => memory.maintain(options).then(() => void (isTidy = true)) }
    },
    caughtBy: /^recall without words/,
  },
  'passes over the token budget': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        recall: (query, options) => handle.recall(query, { ...options, budget: { ...options?.budget, tokens: 1e6 } }),
      })),
    caughtBy: /^15:/,
  },
  'orders by insertion': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        async recall(query, options) {
          const found = await handle.recall(query, options)
          return { ...found, items: found.items.toSorted((left, right) => left.record.seq - right.record.seq) }
        },
      })),
    caughtBy: /^16:/,
  },
  'accepts any vector': {
    wrap: (_, { embedder, ...setup }) =>
      inProcessMemory({
        ...setup,
        ...(embedder !== undefined && {
          embedder: {
            ...embedder,
            async doEmbed(options) {
              const { embeddings } = await embedder.doEmbed(options)
              return {
                embeddings: options.values.map((_value, at) =>
                  Array.from({ length: 26 }, (_number, index) => Number(embeddings?.[at]?.[index]) || 0.1),
                ),
              }
            },
          },
        }),
      }),
    caughtBy: /^7:/,
  },
  'fails when the embedder fails': {
    wrap: (memory) =>
      changed(memory, (handle) => ({ recall: (query, options) => handle.recall(query, { ...options, strict: true }) })),
    caughtBy: /^18:/,
  },
  'hands out what it keeps': {
    wrap: (memory) => {
      const kept = new Map<string, MemoryRecord>()
      return changed(memory, (handle) => ({
        async get(ids, options) {
          const records = await handle.get(ids, options)
          return records.map((record) => {
            if (!kept.has(record.id)) kept.set(record.id, thaw(record))
            return kept.get(record.id) as MemoryRecord
          })
        },
      }))
    },
    caughtBy: /^20:/,
  },
}

testMemoryMutants(MUTANTS)

test('the sound memory passes', { timeout: LIMIT_MS }, async () => {
  expect(await failures((memory) => ({ ...memory }))).toEqual([])
})
