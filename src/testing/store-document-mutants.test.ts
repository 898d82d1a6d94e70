/** Stores with one fault each, in their documents. */
import { type Mutant, testMutants, withDocuments } from '../../test/fixtures/mutant-store.ts'
import { OpspawnError, type Json } from '../core/index.ts'

const MUTANTS: Readonly<Record<string, Mutant>> = {
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
}

testMutants(MUTANTS)
