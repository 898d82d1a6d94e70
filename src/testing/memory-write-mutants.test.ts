/** Memories with one fault each, in what they write, forget, take in and tell. */
import { changed, type MemoryMutant, testMemoryMutants } from '../../test/fixtures/mutant-memory.ts'
import { OpspawnError, type MemoryHandle } from '../core/index.ts'

const MUTANTS: Readonly<Record<string, MemoryMutant>> = {
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
  'stops between the entries of an append that is aborted': {
    wrap: (memory) =>
      changed(memory, (handle) => ({
        async append(entries, options) {
          if (options?.signal === undefined || options.idempotencyKey !== undefined) return handle.append(entries, options)
          const outcomes = []
          for (const entry of entries) {
            outcomes.push(...(await handle.append([entry], options)).outcomes)
            await new Promise<void>((resolve) => void setImmediate(resolve))
          }
          return { outcomes }
        },
      })),
    caughtBy: /^31: an append that is aborted/,
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
  'takes in no line above two megabytes': {
    wrap: (memory) => ({
      ...memory,
      import: (lines, options) =>
        memory.import(
          (async function* () {
            for await (const line of lines) {
              if (JSON.stringify(line).length > 2_000_000) throw new OpspawnError('PAYLOAD_TOO_LARGE', 'a large line')
              yield line
            }
          })(),
          options,
        ),
    }),
    caughtBy: /^25: a record of several megabytes/,
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

testMemoryMutants(MUTANTS)
