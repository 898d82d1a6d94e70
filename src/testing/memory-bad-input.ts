import { OpspawnError, type MemoryEntry, type MemoryFilter, type MemoryHandle, type RecallOptions } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import { fact, listAll, type MemoryCase } from './memory-world.ts'

const INVALID = ['MEMORY_INPUT_INVALID', 'JSON_INVALID', 'PAYLOAD_TOO_LARGE', 'OPTIONS_INVALID'] as const

/** Section 10 of what memories are held to: bad input is refused with a code, and nothing is stored. */
export const memoryBadInputCases: readonly MemoryCase[] = [
  {
    name: '32: every bad entry is refused with a code and its place, and drops its whole batch',
    async run({ memory, clock }) {
      const handle = memory.bind({ tenant: 't' })
      const cyclic: Record<string, unknown> = {}
      cyclic['self'] = cyclic
      const good = { kind: 'fact', text: 'x' }
      const wrong: readonly unknown[] = [
        undefined,
        null,
        'text',
        7,
        [],
        {},
        { kind: 'fact' },
        { text: 'x' },
        ...[
          { kind: 'note' },
          { text: 7 },
          { text: null },
          { text: 'x'.repeat(1_048_577) },
          { role: 'robot' },
          { id: '' },
          { id: 7 },
        ].map((bad) => ({ ...good, ...bad })),
        ...[
          { id: 'x'.repeat(10_000) },
          { id: '\ud800' },
          { unknown: 1 },
          { supersedes: '' },
          { source: 'x' },
          { source: { ids: 'x' } },
        ].map((bad) => ({ ...good, ...bad })),
        ...[0, -1, Number.NaN, '1000', 2 ** 60, 1.5, clock.now(), clock.now() - 1, new Date(), null].map((expiresAt) => ({
          ...good,
          expiresAt,
        })),
        ...[Number.NaN, '2020', 1.5, 9e15].map((occurredAt) => ({ ...good, occurredAt })),
        { ...good, validFrom: 5, validTo: 5 },
        ...metadataFaults().map((metadata) => ({ ...good, metadata })),
        ...[cyclic, 10n, new Map(), () => 1, Symbol('x')].map((content) => ({ ...good, content })),
        {
          ...good,
          get text() {
            throw new Error('read')
          },
        },
      ]
      for (const [at, entry] of wrong.entries())
        await assertRejects(handle.append([good, entry] as MemoryEntry[]), INVALID, `entry ${at} of the bad ones`)
      for (const entries of [undefined, null, {}, 'x', 7] as readonly unknown[])
        await assertRejects(handle.append(entries as MemoryEntry[]), INVALID, `entries ${String(entries)}`)
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
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('x', { id: 'x' })])
      let deep: MemoryFilter = { op: 'exists', field: 'role' }
      for (let level = 0; level < 1000; level += 1) deep = { op: 'not', filter: deep }
      for (const filter of [...badFilters(), deep]) {
        const what = `filter ${JSON.stringify(filter)?.slice(0, 80)}`
        await assertRejects(handle.list({ filter: filter as MemoryFilter }), INVALID, `listing, ${what}`)
        await assertRejects(handle.recall('x', { filter: filter as MemoryFilter }), INVALID, `recall, ${what}`)
        await assertRejects(handle.forget({ filter: filter as MemoryFilter }, 'soft'), INVALID, `forgetting, ${what}`)
      }
      for (const bad of [0, -1, Number.NaN, 1.5, '5', null, Number.POSITIVE_INFINITY] as readonly unknown[]) {
        await assertRejects(handle.recall('x', { budget: { tokens: bad as number } }), INVALID, `tokens ${String(bad)}`)
        await assertRejects(handle.recall('x', { budget: { items: bad as number } }), INVALID, `items ${String(bad)}`)
        await assertRejects(handle.list({ limit: bad as number }), INVALID, `limit ${String(bad)}`)
      }
      for (const options of [
        { k: 5 },
        { budget: 5 },
        { budget: { token: 5 } },
        { asOf: '1' },
        { asOf: Number.NaN },
        { strict: 1 },
        { context: { before: -1 } },
        'x',
      ])
        await assertRejects(handle.recall('x', options as RecallOptions), INVALID, `options ${JSON.stringify(options)}`)
      for (const cursor of ['nonsense', '', '1@', "1@t' OR 1=1", 7])
        await assertRejects(handle.list({ cursor: cursor as string }), INVALID, `cursor ${cursor}`)
      assertEqual((await handle.list({ limit: 1e9 })).records.length, 1, 'a limit above the most')
      await badUpdates(handle)
      assertEqual(
        (await listAll(handle)).map((record) => [record.id, record.version]),
        [['x', 1]],
        'records',
      )
    },
  },
  {
    name: '32: lone surrogates in a text become U+FFFD, and hostile names in data are data',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([fact('a\ud800b', { id: 'a', metadata: { constructor: 'c', toString: 't' } })])
      const [record] = await handle.get(['a'])
      assertEqual([record?.text, record?.metadata], ['a\ufffdb', { constructor: 'c', toString: 't' }], 'the record')
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

function metadataFaults(): readonly unknown[] {
  const throwing = {
    get a(): string {
      throw new Error('read')
    },
  }
  const nested = [
    { a: {} },
    { a: [] },
    { a: new Map() },
    { a: 10n },
    { a: () => 1 },
    { a: Number.NaN },
    { a: 2 ** 60 },
    { a: '\ud800' },
    { a: 'x'.repeat(10_000) },
  ]
  const names = [
    { '': 1 },
    { 'a b': 1 },
    { "a'b": 1 },
    { 'a"b': 1 },
    { ü: 1 },
    { [`a${'x'.repeat(64)}`]: 1 },
    JSON.parse('{"__proto__": 1}') as object,
  ]
  return ['x', [], 7, throwing, ...nested, ...names, Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`m${at}`, at]))]
}

function badFilters(): readonly unknown[] {
  const field = 'metadata.a'
  return [
    null,
    'kind = fact',
    7,
    [],
    {},
    { op: 'eq' },
    { op: 'eq', field },
    { op: 'like', field, value: 'x' },
    { op: 'and' },
    { op: 'and', filters: {} },
    { op: 'or', filters: [null] },
    { op: 'not' },
    { op: 'in', field, values: 'x' },
    { op: 'in', field, values: [{}] },
    { op: 'eq', field: 'unknown', value: 1 },
    { op: 'eq', field: "kind' OR '1'='1", value: 1 },
    { op: 'eq', field: 'metadata.', value: 1 },
    { op: 'eq', field: "metadata.a'b", value: 1 },
    { op: 'eq', field: 'metadata.__proto__', value: 1 },
    { op: 'eq', field: 'constructor', value: 1 },
    { op: 'eq', field: 'tenant', value: 'x' },
    { op: 'eq', field, value: {} },
    { op: 'eq', field, value: Number.NaN },
    { op: 'eq', field, value: 2 ** 60 },
    { op: 'eq', field, value: new Date() },
    { op: 'eq', field: 'kind', value: 1 },
    { op: 'gt', field: 'createdAt', value: '2020-01-01' },
    { op: 'gt', field: 'createdAt', value: new Date() },
    { op: 'gt', field, value: true },
    { op: 'lt', field, value: null },
    { op: 'contains', field, value: 1 },
    { op: 'contains', field: 'seq', value: '1' },
    { op: 'in', field, values: Array.from({ length: 30_000 }, (_, at) => at) },
  ]
}

async function badUpdates(handle: MemoryHandle): Promise<void> {
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
    { expiresAt: -1 },
    { expiresAt: 5 },
    { version: 7 },
    { metadata: { a: {} } },
  ]
  for (const patch of patches) await assertRejects(handle.update('x', patch as object), INVALID, `patch ${JSON.stringify(patch)}`)
  for (const ifVersion of [0, -1, 1.5, '1'] as readonly unknown[])
    await assertRejects(handle.update('x', {}, { ifVersion: ifVersion as number }), INVALID, `ifVersion ${String(ifVersion)}`)
  for (const ids of [undefined, 'x', [''], [7]] as readonly unknown[])
    await assertRejects(handle.get(ids as string[]), INVALID, `get ${JSON.stringify(ids)}`)
}
