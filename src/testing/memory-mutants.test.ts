/** Memories with one fault each: the suite must turn red on every one, or it proves nothing. */
import { expect, test } from 'vitest'
import { OpspawnError, type Memory, type MemoryHandle, type MemoryRecord } from '../core/index.ts'
import { inProcessMemory } from '../plugins/memory-in-process/index.ts'
import { memoryConformance } from './memory-conformance.ts'
import type { MemorySetup } from './memory-world.ts'

type Wrap = (memory: Memory, setup: MemorySetup) => Memory

async function failures(wrap: Wrap): Promise<readonly string[]> {
  const cases: { readonly name: string; readonly run: () => Promise<void> }[] = []
  memoryConformance({
    test: (name, run) => cases.push({ name, run }),
    createMemory: (setup) => wrap(inProcessMemory(setup), setup),
  })
  const failed: string[] = []
  for (const { name, run } of cases) {
    try {
      await run()
    } catch {
      failed.push(name)
    }
  }
  return failed
}

/** A memory with some handle methods replaced. */
function changed(memory: Memory, change: (handle: MemoryHandle, memory: Memory) => Partial<MemoryHandle>): Memory {
  return {
    ...memory,
    bind(scope, grant) {
      const handle = memory.bind(scope, grant)
      return { ...handle, ...change(handle, memory) }
    },
  }
}

/** The same without a member. */
function without<T extends object, K extends keyof T>(value: T, member: K): Omit<T, K> {
  const { [member]: _, ...rest } = value
  return rest
}

const thaw = (record: MemoryRecord): MemoryRecord => structuredClone(record)

const MUTANTS: Readonly<Record<string, { readonly wrap: Wrap; readonly caughtBy: RegExp }>> = {
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
  'overwrites a record of the same id': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        async append(entries, options) {
          await handle.forget({ ids: entries.flatMap((entry) => entry?.id ?? []) }, 'soft').catch(() => undefined)
          return handle.append(entries, options)
        },
      })),
    caughtBy: /^10: an append that is repeated/,
  },
  'keeps a part of a refused batch': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        async append(entries, options) {
          if (!Array.isArray(entries)) return handle.append(entries, options)
          const outcomes = []
          for (const entry of entries) outcomes.push(...(await handle.append([entry], options)).outcomes)
          return { outcomes }
        },
      })),
    caughtBy: /^32: every bad entry/,
  },
  'ignores idempotency keys': {
    wrap: (memory) =>
      changed(memory, (handle) => ({ append: (entries, options) => handle.append(entries, { signal: options?.signal }) })),
    caughtBy: /^10:/,
  },
  'loses one of two appends at once': {
    wrap: (memory) => {
      let busy = false
      return changed(memory, (handle) => ({
        async append(entries, options) {
          if (busy)
            return { outcomes: entries.map((entry, at) => ({ id: entry.id ?? `lost ${at}`, status: 'inserted' as const })) }
          busy = true
          await Promise.resolve()
          try {
            return await handle.append(entries, options)
          } finally {
            busy = false
          }
        },
      }))
    },
    caughtBy: /^11:/,
  },
  'shows a write only later': {
    wrap: (memory) => {
      let before: unknown
      return changed(memory, (handle) => ({
        async append(entries, options) {
          before = await handle.list({})
          return handle.append(entries, options)
        },
        async list(page, options) {
          const found = (before as ReturnType<MemoryHandle['list']> | undefined) ?? handle.list(page, options)
          before = undefined
          return found
        },
      }))
    },
    caughtBy: /^12: what was acknowledged/,
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
  'says that it erased and did not': {
    wrap: (memory) => changed(memory, () => ({ forget: async () => ({ count: 1, verified: true }) })),
    caughtBy: /^23: what is forgotten/,
  },
  'keeps summaries of what was forgotten': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        append: (entries, options) =>
          handle.append(
            Array.isArray(entries)
              ? entries.map((entry) => (entry?.kind === 'summary' ? { ...entry, kind: 'fact' } : entry))
              : entries,
            options,
          ),
      })),
    caughtBy: /^23: a summary/,
  },
  'takes an undefined selector for all': {
    wrap: (memory) =>
      changed(memory, (handle) => ({ forget: (what, mode, options) => handle.forget(what ?? 'all', mode, options) })),
    caughtBy: /^forgetting needs/,
  },
  'gives new ids at import': {
    wrap: (memory) => ({
      ...memory,
      async import(lines) {
        let imported = 0
        for await (const { type, scope, text } of lines) {
          if (type !== 'record') continue
          await memory.bind(scope as { tenant: string }).append([{ kind: 'fact', text: text as string }])
          imported += 1
        }
        return { imported }
      },
    }),
    caughtBy: /^25: an export/,
  },
  'does not listen to aborts': {
    wrap: (memory) => changed(memory, (handle) => ({ list: (page) => handle.list(page) })),
    caughtBy: /^31: every call/,
  },
  'leaves a listener at each signal': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        list(page, options) {
          options?.signal?.addEventListener('abort', () => {})
          return handle.list(page, options)
        },
      })),
    caughtBy: /^30: calls/,
  },
  'wraps the reason of an abort': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        get: (ids, options) =>
          handle
            .get(ids, options)
            .catch((error: unknown) =>
              Promise.reject(OpspawnError.is(error) ? error : new OpspawnError('MEMORY_FAILED', 'aborted', { cause: error })),
            ),
      })),
    caughtBy: /^31: every call/,
  },
  'goes on after its end': {
    wrap: (memory) => ({ ...memory, async [Symbol.asyncDispose]() {} }),
    caughtBy: /^32: after the end/,
  },
  'tells texts in its errors': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        append: (entries, options) =>
          handle.append(entries, options).catch((error: unknown) => {
            if (!OpspawnError.is(error)) throw error
            throw new OpspawnError(error.code, `${error.message}: ${JSON.stringify(entries)}`)
          }),
      })),
    caughtBy: /^32: no message/,
  },
}

// Each goes through the whole suite, which takes seconds on a machine with much else to do.
const LIMIT_MS = 60_000

test('the sound memory passes', { timeout: LIMIT_MS }, async () => {
  expect(await failures((memory) => ({ ...memory }))).toEqual([])
})

test.each(Object.keys(MUTANTS))('a memory that %s fails', { timeout: LIMIT_MS }, async (name) => {
  const { wrap, caughtBy } = MUTANTS[name] as (typeof MUTANTS)[string]
  expect(await failures(wrap)).toContainEqual(expect.stringMatching(caughtBy))
})
