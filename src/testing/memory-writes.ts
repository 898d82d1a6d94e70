import type { MemoryEntry, MemoryRecord } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import { fact, idsOf, listAll, textsOf, type MemoryCase } from './memory-world.ts'

/** Checks 9, 10, 11, 12 and 20, and updates: what a write comes to. */
export const memoryWriteCases: readonly MemoryCase[] = [
  {
    name: '9: fifty parallel appends of ten ids keep ten records',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      const calls = Array.from({ length: 50 }, (_, at) => handle.append([fact(`fact ${at % 10}`, { id: `id ${at % 10}` })]))
      const statuses = (await Promise.all(calls)).map((receipt) => receipt.outcomes[0]?.status)
      assertEqual(statuses.filter((status) => status === 'inserted').length, 10, 'appends that inserted')
      assertEqual((await listAll(handle)).length, 10, 'records')
    },
  },
  {
    name: '9: one id twice in a batch is one record with equal content, and a conflict that keeps nothing with other',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      const { outcomes } = await handle.append([fact('same', { id: 'a' }), fact('same', { id: 'a' })])
      assertEqual(
        outcomes,
        [
          { id: 'a', status: 'inserted' },
          { id: 'a', status: 'duplicate' },
        ],
        'outcomes',
      )
      const bad = handle.append([fact('first', { id: 'b' }), fact('other', { id: 'b' })])
      await assertRejects(bad, 'MEMORY_CONFLICT', 'other content under one id')
      assertEqual(idsOf(await listAll(handle)), ['a'], 'ids after the refused batch')
    },
  },
  {
    name: '10: an append that is repeated writes nothing twice, by id and by idempotency key',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('by id', { id: 'a' })])
      assertEqual(
        (await handle.append([fact('by id', { id: 'a' })])).outcomes,
        [{ id: 'a', status: 'duplicate' }],
        'a repetition',
      )
      await assertRejects(handle.append([fact('not the same', { id: 'a' })]), 'MEMORY_CONFLICT', 'the id with other content')
      const entries = [fact('one'), fact('two')]
      const first = await handle.append(entries, { idempotencyKey: 'k' })
      const again = await handle.append(entries, { idempotencyKey: 'k' })
      assertEqual(
        again.outcomes,
        first.outcomes.map(({ id }) => ({ id, status: 'duplicate' })),
        'the repetition by key',
      )
      await assertRejects(
        handle.append([fact('three')], { idempotencyKey: 'k' }),
        'MEMORY_CONFLICT',
        'the key with other content',
      )
      assertEqual((await listAll(handle)).length, 3, 'records')
      const made = await Promise.all([handle.append(entries), handle.append(entries)])
      assertEqual(new Set(made.flatMap((receipt) => receipt.outcomes.map(({ id }) => id))).size, 4, 'made-up ids')
    },
  },
  {
    name: '11: a hundred parallel appends to one session keep all, with places from 1 without gaps',
    async run({ memory }) {
      if (!memory.capabilities.atomicAppend) return
      const scope = { tenant: 't', session: 's' }
      await Promise.all(
        Array.from({ length: 100 }, (_, at) =>
          memory.bind(scope).append([{ kind: 'message', role: 'user', text: `turn ${at}` }]),
        ),
      )
      const records = await listAll(memory.bind(scope), undefined, 30)
      assertEqual(
        records.map((record) => record.seq),
        Array.from({ length: 100 }, (_, at) => at + 1),
        'places',
      )
      assertEqual(new Set(records.map((record) => record.text)).size, 100, 'texts')
    },
  },
  {
    name: '12: what was acknowledged is listed, read and recalled by the next call of any handle',
    async run({ memory }) {
      const scope = { tenant: 't', session: 's' }
      const [writer, reader] = [memory.bind(scope), memory.bind(scope)]
      for (const [at, word] of ['umbrella', 'harbour', 'violin', 'glacier'].entries()) {
        const { outcomes } = await writer.append([fact(`the ${word} is old`)])
        const id = outcomes[0]?.id as string
        assertEqual((await reader.get([id]))[0]?.text, `the ${word} is old`, 'get')
        assertEqual((await listAll(reader)).length, at + 1, 'listing')
        if (memory.capabilities.lexical) assertEqual(textsOf(await reader.recall(word))[0], `the ${word} is old`, 'recall')
      }
    },
  },
  {
    name: '12: a record comes back as it was given, with what the memory adds',
    async run({ memory, clock }) {
      const handle = memory.bind({ tenant: 't', user: 'u' })
      const entry: MemoryEntry = {
        id: 'full',
        kind: 'message',
        role: 'assistant',
        text: 'Grüße \u0000 😀',
        content: { parts: [{ type: 'text', n: 1.5, nested: [null, true, 'x'] }] },
        occurredAt: -5,
        validFrom: 0,
        validTo: clock.now() + 1e9,
        expiresAt: clock.now() + 1e9,
        source: { type: 'file', path: '/a', lines: [1, 2] },
        metadata: { a: 'x', b: 1, c: true, d: null, 'e.f-g_': 'dotted' },
      }
      await handle.append([entry])
      const [record] = await handle.get(['full'])
      const { scope, seq, createdAt, version, contentHash, ...rest } = record as MemoryRecord
      assertEqual(rest, entry, 'what was given')
      assertEqual(
        { scope, seq, createdAt, version },
        { scope: { tenant: 't', user: 'u' }, seq: 1, createdAt: clock.now(), version: 1 },
        'what was added',
      )
      assert(/^[\w-]{43}$/.test(contentHash), `contentHash is a SHA-256 in base64url, found ${contentHash}`)
      await memory.bind({ tenant: 'other' }).append([{ ...entry, id: 'elsewhere' }])
      assertEqual(
        (await memory.bind({ tenant: 'other' }).get(['elsewhere']))[0]?.contentHash,
        contentHash,
        'hash of equal content',
      )
      const [order] = [await handle.get(['nothing', 'full', 'nothing'])]
      assertEqual(
        order.map((one) => one.id),
        ['full'],
        'ids that are not there are left out',
      )
    },
  },
  {
    name: '20: what a caller does to its objects after a call changes nothing stored',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      const entry = {
        id: 'a',
        kind: 'fact' as const,
        text: 'before',
        metadata: { n: 1 } as Record<string, number>,
        content: { list: [1] },
      }
      const appended = handle.append([entry])
      entry.text = 'after'
      entry.metadata['n'] = 2
      entry.content.list.push(2)
      await appended
      const check = async (what: string): Promise<void> => {
        const [record] = await handle.get(['a'])
        assertEqual([record?.text, record?.metadata, record?.content], ['before', { n: 1 }, { list: [1] }], what)
      }
      await check('after changes to what was given')
      const [got] = await handle.get(['a'])
      const [listed] = (await handle.list({})).records
      const [recalled] = (await handle.recall('before')).items
      for (const record of [got, listed, recalled?.record]) tamper(record)
      await check('after changes to what was returned')
    },
  },
  {
    name: 'an update changes what it names, raises the version, and keeps to the version that it was told',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('the ferry leaves at nine', { id: 'a', metadata: { n: 1 }, occurredAt: 5 })])
      const updated = await handle.update('a', { text: 'the ferry leaves at noon', occurredAt: null }, { ifVersion: 1 })
      assertEqual(
        [updated.text, updated.version, updated.metadata, 'occurredAt' in updated],
        ['the ferry leaves at noon', 2, { n: 1 }, false],
        'the update',
      )
      assertEqual(await handle.get(['a']), [updated], 'the record afterwards')
      assertEqual(textsOf(await handle.recall('noon')), ['the ferry leaves at noon'], 'recall by the new word')
      assertEqual(textsOf(await handle.recall('nine')), [], 'recall by the old word')
      await assertRejects(handle.update('a', { text: 'x' }, { ifVersion: 1 }), 'MEMORY_CONFLICT', 'an update of an old version')
      await assertRejects(handle.update('b', { text: 'x' }), 'MEMORY_RECORD_UNKNOWN', 'an update of nothing')
      await assertRejects(
        memory.bind({ tenant: 'u' }).update('a', { text: 'x' }),
        'MEMORY_RECORD_UNKNOWN',
        'an update from another scope',
      )
      const races = await Promise.allSettled([1, 2, 3].map((n) => handle.update('a', { metadata: { n } }, { ifVersion: 2 })))
      assertEqual(races.filter((race) => race.status === 'fulfilled').length, 1, 'updates of one version that win')
    },
  },
  {
    name: 'a listing goes through everything once, a page at a time, while more is appended',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append(Array.from({ length: 23 }, (_, at) => fact(`fact ${at}`, { id: `id ${at}` })))
      const first = await handle.list({ limit: 10 })
      assertEqual(first.records.length, 10, 'records of the first page')
      await handle.append([fact('late', { id: 'late' })])
      const rest: MemoryRecord[] = []
      for (let cursor = first.cursor; cursor !== undefined;) {
        const page = await handle.list({ limit: 10, cursor })
        rest.push(...page.records)
        cursor = page.cursor
      }
      const ids = [...first.records, ...rest].map((record) => record.id)
      assertEqual(ids, [...Array.from({ length: 23 }, (_, at) => `id ${at}`), 'late'], 'ids over all pages')
    },
  },
]

function tamper(record: MemoryRecord | undefined): void {
  const target = record as unknown as { text: string; metadata: { n: number }; content: { list: number[] } }
  for (const change of [
    () => void (target.text = 'changed'),
    () => void (target.metadata.n = 9),
    () => void target.content.list.push(9),
  ]) {
    try {
      change()
    } catch (error) {
      // A frozen object refuses, which is as good.
      if (!(error instanceof TypeError)) throw error
    }
  }
}
