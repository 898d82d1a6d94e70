import {
  OpspawnError,
  type Memory,
  type MemoryEntry,
  type MemoryFilter,
  type MemoryHandle,
  type OperationOptions,
  type RecallOptions,
} from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import { badEnds, badEntries, badFilters, metadataFaults } from './memory-bad-values.ts'
import { nested } from './memory-filters.ts'
import { asLines, fact, linesOf, listAll, type MemoryCase } from './memory-world.ts'

const INVALID = ['MEMORY_INPUT_INVALID', 'JSON_INVALID', 'PAYLOAD_TOO_LARGE', 'OPTIONS_INVALID'] as const

/** Section 10 of what memories are held to: bad input is refused with a code, and nothing is stored. */
export const memoryBadInputCases: readonly MemoryCase[] = [
  {
    name: '32: every bad entry is refused with a code and its place, and drops its whole batch',
    async run({ memory, clock }) {
      const handle = memory.bind({ tenant: 't' })
      for (const [at, entry] of badEntries(clock.now()).entries())
        await assertRejects(handle.append([fact('x'), entry] as MemoryEntry[]), INVALID, `entry ${at} of the bad ones`)
      await badAppends(handle)
      const error = await assertRejects(
        handle.append([fact('a'), { ...fact('b'), kind: 'note' as 'fact' }]),
        'MEMORY_INPUT_INVALID',
        'a wrong kind',
      )
      assert(error.message.includes('entries/1/kind'), `the message names the place: ${error.message}`)
      assertEqual((await listAll(handle)).length, 0, 'records')
      assertEqual((await handle.append([])).outcomes, [], 'an empty append')
    },
  },
  {
    name: '32: every bad filter, budget, page and option is refused with a code',
    async run({ memory, clock }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('x', { id: 'x' })])
      let deep: MemoryFilter = { op: 'exists', field: 'role' }
      for (let level = 0; level < 1000; level += 1) deep = { op: 'not', filter: deep }
      for (const [at, filter] of [...badFilters(), deep, nested(33)].entries()) {
        const what = `filter ${at} of the bad ones`
        await assertRejects(handle.list({ filter: filter as MemoryFilter }), INVALID, `listing, ${what}`)
        await assertRejects(handle.recall('x', { filter: filter as MemoryFilter }), INVALID, `recall, ${what}`)
        await assertRejects(handle.forget({ filter: filter as MemoryFilter }, 'soft'), INVALID, `forgetting, ${what}`)
      }
      for (const bad of [0, -1, Number.NaN, 1.5, '5', null, Number.POSITIVE_INFINITY] as readonly unknown[]) {
        await assertRejects(handle.recall('x', { budget: { tokens: bad as number } }), INVALID, `tokens ${String(bad)}`)
        await assertRejects(handle.recall('x', { budget: { items: bad as number } }), INVALID, `items ${String(bad)}`)
        await assertRejects(handle.list({ limit: bad as number }), INVALID, `limit ${String(bad)}`)
      }
      for (const budget of [{ tokens: 1e9 }, { items: 1e9 }, { items: 1001 }])
        await assertRejects(handle.recall('x', { budget }), INVALID, `budget ${JSON.stringify(budget)}`)
      for (const bad of [-1, 11, 1.5, Number.NaN, 1e9, '1', null] as readonly unknown[])
        for (const side of ['before', 'after'])
          await assertRejects(handle.recall('x', { context: { [side]: bad } as object }), INVALID, `${side} ${String(bad)}`)
      for (const options of [
        { k: 5 },
        { budget: 5 },
        { budget: { token: 5 } },
        { asOf: '1' },
        { asOf: Number.NaN },
        { strict: 1 },
        { context: 1 },
        'x',
        null,
        7,
        [],
      ] as readonly unknown[]) {
        await assertRejects(handle.recall('x', options as RecallOptions), INVALID, `options ${JSON.stringify(options)}`)
        await assertRejects(handle.list(options as object), INVALID, `a page of ${JSON.stringify(options)}`)
      }
      await badOptions(memory, handle)
      for (const cursor of ['nonsense', '', '1@', "1@t' OR 1=1", 7])
        await assertRejects(handle.list({ cursor: cursor as string }), INVALID, `cursor ${cursor}`)
      assertEqual((await handle.list({ limit: 1e9 })).records.length, 1, 'a limit above the most')
      await badUpdates(handle, clock.now())
      assertEqual(
        (await listAll(handle)).map((record) => [record.id, record.version]),
        [['x', 1]],
        'records',
      )
    },
  },
  {
    name: '32: lone surrogates in a text become U+FFFD, dates their text, and hostile names in data are data',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      const metadata = { constructor: 'c', toString: 't', date: new Date(0) as unknown as string }
      await handle.append([fact('a\ud800b', { id: 'a', metadata })])
      const [record] = await handle.get(['a'])
      const kept = { ...metadata, date: '1970-01-01T00:00:00.000Z' }
      assertEqual([record?.text, record?.metadata], ['a\ufffdb', kept], 'the record')
    },
  },
  {
    name: '32: no message of an error tells a text or a value of metadata',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      const secret = 'the password is hunter2, and more than forty characters of it'
      await handle.append([fact(secret, { id: 'a', metadata: { key: secret } })])
      const calls = [
        () => handle.append([fact('other', { id: 'a' })]),
        () => handle.append([fact(secret, { metadata: { key: { nested: secret } as unknown as string } })]),
        () => handle.append([{ ...fact(secret), kind: secret as 'fact' }]),
        () => handle.update('a', { text: secret }, { ifVersion: 9 }),
        () => handle.list({ filter: { op: 'lt', field: secret, value: 1 } }),
        // Short ones too: a message may show what is as short elsewhere.
        () => handle.append([fact('x', { metadata: { key: 'hunter2\ud800' } })]),
        () => handle.update('a', { metadata: { key: 'hunter2\udc00' } }),
        () => handle.list({ filter: { op: 'eq', field: 'metadata.key', value: 'hunter2\ud800' } }),
        () => handle.recall('x', { filter: { op: 'gt', field: 'seq', value: 'hunter2' } }),
        () => handle.list({ filter: { op: 'contains', field: 'seq', value: 'hunter2' } }),
      ]
      for (const call of calls) {
        const error: unknown = await call().then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        assert(OpspawnError.is(error), 'the call is refused')
        assert(!JSON.stringify([error.message, error.details ?? null]).includes('hunter2'), `a secret in: ${error.message}`)
      }
    },
  },
]

async function badAppends(handle: MemoryHandle): Promise<void> {
  const tooMany = Array.from({ length: 10_001 }, () => fact('x'))
  for (const entries of [undefined, null, {}, 'x', 7, tooMany] as readonly unknown[])
    await assertRejects(handle.append(entries as MemoryEntry[]), INVALID, `entries ${String(entries).slice(0, 40)}`)
  for (const key of ['', 7, null, '\ud800', 'x'.repeat(501)] as readonly unknown[])
    await assertRejects(handle.append([fact('x')], { idempotencyKey: key as string }), INVALID, `key ${String(key).slice(0, 40)}`)
  for (const options of [null, 'x', 7, [], { key: 'x' }] as readonly unknown[])
    await assertRejects(handle.append([fact('x')], options as object), INVALID, `options ${JSON.stringify(options)}`)
}

async function badUpdates(handle: MemoryHandle, now: number): Promise<void> {
  const patches: readonly unknown[] = [
    undefined,
    null,
    'x',
    { id: 'y' },
    { supersedes: 'y' },
    { text: null },
    { kind: null },
    { text: 7 },
    { unknown: 1 },
    ...badEnds(now).map((expiresAt) => ({ expiresAt })),
    { validFrom: 5, validTo: 5 },
    ...metadataFaults().map((metadata) => ({ metadata })),
    { version: 7 },
  ]
  for (const [at, patch] of patches.entries()) await assertRejects(handle.update('x', patch as object), INVALID, `patch ${at}`)
  for (const id of [undefined, null, '', 7, '\ud800', 'x'.repeat(513)] as readonly unknown[])
    await assertRejects(handle.update(id as string, { text: 'y' }), INVALID, `id ${String(id).slice(0, 40)}`)
  for (const ifVersion of [0, -1, 1.5, '1'] as readonly unknown[])
    await assertRejects(handle.update('x', {}, { ifVersion: ifVersion as number }), INVALID, `ifVersion ${String(ifVersion)}`)
  const tooMany = Array.from({ length: 10_001 }, (_, at) => `${at}`)
  for (const ids of [
    undefined,
    null,
    'x',
    {},
    [''],
    [7],
    ['\ud800'],
    ['x'.repeat(513)],
    Array(1),
    tooMany,
  ] as readonly unknown[]) {
    await assertRejects(handle.get(ids as string[]), INVALID, `get ${JSON.stringify(ids)?.slice(0, 40)}`)
    await assertRejects(handle.forget({ ids: ids as string[] }, 'soft'), INVALID, `forget ${JSON.stringify(ids)?.slice(0, 40)}`)
  }
}

/** Options that are none, for every call that has no more than a signal. */
async function badOptions(memory: Memory, handle: MemoryHandle): Promise<void> {
  for (const bad of [null, 5, 'x', [], { other: 1 }, { signal: 5 }, { signal: null }] as readonly unknown[]) {
    const options = bad as OperationOptions
    const calls: Readonly<Record<string, () => Promise<unknown> | undefined>> = {
      recall: () => handle.recall('x', options as RecallOptions),
      append: () => handle.append([fact('y')], options),
      update: () => handle.update('x', { text: 'y' }, options),
      get: () => handle.get(['x'], options),
      list: () => handle.list({}, options),
      forget: () => handle.forget({ ids: ['x'] }, 'soft', options),
      maintain: () => memory.maintain?.(options),
      stats: () => memory.stats?.('t', options),
      export: () => linesOf(memory.export('t', options)),
      import: () => memory.import(asLines([]), options),
    }
    for (const [name, call] of Object.entries(calls))
      await assertRejects((async () => call())(), INVALID, `${name} with options ${JSON.stringify(bad)}`)
  }
}
