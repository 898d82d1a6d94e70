import type { Memory, MemoryHandle, MemoryScope, ScopeLabel } from '../core/index.ts'
import { assert, assertEqual, assertRejects } from './assert.ts'
import { fact, idsOf, linesOf, listAll, textsOf, type MemoryCase } from './memory-world.ts'
import { hostileTexts } from './memory-hostile.ts'

const TENANTS = [
  't1',
  't10',
  't',
  '*',
  '%',
  't1 ',
  'T1',
  'e\u0301',
  '\u00e9',
  '__proto__',
  'constructor',
  'a/b',
  't1%20',
  'ｔ1',
  '\u04421',
  't1\u200b',
]

/** Every printable ASCII character in one label. */
const ASCII = String.fromCharCode(...Array.from({ length: 95 }, (_, at) => at + 32))

/** Scopes that some way of joining labels would mistake for each other. */
const ALIKE: readonly MemoryScope[] = [
  { tenant: 't' },
  { tenant: 't', agent: 'a' },
  { tenant: 't', user: 'a' },
  { tenant: 't', session: 'a' },
  { tenant: 't', agent: 'a:b', user: 'c' },
  { tenant: 't', agent: 'a', user: 'b:c' },
  { tenant: 't', agent: 'a/ub' },
  { tenant: 't', agent: 'a', user: 'b' },
  { tenant: 't', session: ASCII },
  { tenant: 't', session: `${ASCII} ` },
  { tenant: 't', session: 'ab' },
  { tenant: 't', session: 'AB' },
  { tenant: 't', session: 'a\u0000b' },
  { tenant: 't', session: 'ﬁ' },
  { tenant: 't', session: 'fi' },
  { tenant: 't', session: 'x'.repeat(1024) },
  { tenant: 't', session: '東'.repeat(1024) },
]

/** Checks 1, 2, 3 and 5: whose records a call sees. */
export const memoryIsolationCases: readonly MemoryCase[] = [
  {
    name: '1: tenants with names alike see, list, export and forget exactly their own',
    async run({ memory }) {
      await eachAlone(
        memory,
        TENANTS.map((tenant) => ({ tenant })),
      )
      for (const tenant of TENANTS) {
        const records = (await linesOf(memory.export(tenant))).filter((line) => line['type'] === 'record')
        assertEqual(
          records.map((line) => line['text']),
          [secret({ tenant })],
          `texts in the export of ${JSON.stringify(tenant)}`,
        )
      }
      await forgetOneByOne(
        memory,
        TENANTS.map((tenant) => ({ tenant })),
      )
    },
  },
  {
    name: '2: scopes whose labels could be mistaken for each other do not meet',
    async run({ memory }) {
      await eachAlone(memory, ALIKE)
      await forgetOneByOne(memory, ALIKE)
    },
  },
  {
    name: '2: ids of any characters come back as they were',
    async run({ memory }) {
      const ids = [
        ...Array.from(ASCII),
        ASCII,
        'a/b',
        '../x',
        '__proto__',
        'constructor',
        'ü',
        'u\u0308',
        '日本',
        '😀',
        'x'.repeat(512),
      ]
      const handle = memory.bind({ tenant: 't', session: 's' })
      await handle.append(ids.map((id) => fact(`text of ${id}`, { id })))
      const records = await handle.get(ids)
      assertEqual(
        records.map((record) => [record.id, record.text]),
        ids.map((id) => [id, `text of ${id}`]),
        'records by id',
      )
      assertEqual(idsOf(await listAll(handle)), ids.toSorted(), 'ids in the listing')
    },
  },
  {
    name: '2: the same id in two scopes is two records',
    async run({ memory }) {
      const scopes: readonly MemoryScope[] = [{ tenant: 'a' }, { tenant: 'b' }, { tenant: 'a', session: 's' }]
      for (const scope of scopes) await memory.bind(scope).append([fact(secret(scope), { id: 'same' })])
      await memory.bind({ tenant: 'a' }).forget({ ids: ['same'] }, 'soft')
      for (const scope of scopes.slice(1))
        assertEqual((await memory.bind(scope).get(['same']))[0]?.text, secret(scope), 'the other record')
    },
  },
  {
    name: '3: two hundred hostile texts as tenant, id, text, metadata and filter mean nothing but themselves',
    async run({ memory }) {
      const texts = hostileTexts(200)
      const bystander = memory.bind({ tenant: 'bystander' })
      await bystander.append([fact('untouched', { id: 'x', metadata: { note: 'safe' } })])
      const handle = memory.bind({ tenant: 'host' })
      await handle.append(
        texts.map((text, at) => fact(`entry ${at} ${text}`, { id: `${at}-${text}`.slice(0, 200), metadata: { note: text } })),
      )
      for (const [at, text] of texts.entries()) {
        const id = `${at}-${text}`.slice(0, 200)
        const same = texts.flatMap((other, index) => (other === text ? [`${index}-${other}`.slice(0, 200)] : []))
        const filter = { op: 'eq', field: 'metadata.note', value: text } as const
        assertEqual(idsOf((await handle.list({ filter, limit: 500 })).records), same.toSorted(), `records with the note ${text}`)
        assertEqual((await handle.get([id])).length, 1, `records of the id ${id}`)
        await handle.recall(text, { filter })
        if (text !== '') assertEqual((await listAll(memory.bind({ tenant: text }))).length, 0, `records of tenant ${text}`)
      }
      for (const text of texts.slice(0, 40))
        await handle.forget({ filter: { op: 'eq', field: 'metadata.note', value: text } }, 'soft')
      const left = texts.filter((text) => !texts.slice(0, 40).includes(text)).length
      assertEqual((await listAll(handle)).length, left, 'records left after forty were forgotten')
      assertEqual(await bystander.get(['x']).then((records) => records[0]?.metadata), { note: 'safe' }, 'the bystander')
    },
  },
  {
    name: '5: nothing that is missing or malformed binds, and nothing means all tenants',
    async run({ memory }) {
      await memory.bind({ tenant: 't' }).append([fact('hidden')])
      const wrong: readonly unknown[] = [
        undefined,
        null,
        {},
        't',
        [],
        { tenant: undefined },
        { tenant: '' },
        { tenant: 7 },
        { tenant: null },
      ]
      const more: readonly unknown[] = [
        { tenant: 't', session: '' },
        { tenant: 't', session: null },
        { tenant: 't', user: 3 },
        { tenant: 't', thread: 'x' },
        { tenant: 'x'.repeat(10_000) },
        { tenant: '\ud800' },
        { session: 's' },
      ]
      for (const scope of [...wrong, ...more]) await assertBindFails(memory, scope)
      for (const grant of [
        null,
        'session',
        [],
        { across: 'session' },
        { across: ['tenant'] },
        { across: ['*'] },
        { all: true },
      ]) {
        const call = async (): Promise<unknown> => memory.bind({ tenant: 't' }, grant as object).list({})
        await assertRejects(call(), 'OPTIONS_INVALID', `a grant of ${JSON.stringify(grant)}`)
      }
      await memory.bind({ tenant: 't', user: 'u' }).append([fact('of a user')])
      const without = memory.bind({ tenant: 't', user: undefined } as unknown as MemoryScope)
      assertEqual(
        (await listAll(without)).map((record) => record.text),
        ['hidden'],
        'what is seen where a label is undefined',
      )
      for (const tenant of ['', undefined, 7] as readonly unknown[])
        await assertRejects(linesOf(memory.export(tenant as string)), 'OPTIONS_INVALID', `export of tenant ${String(tenant)}`)
    },
  },
  {
    name: '5: a handle sees other sessions only if that was granted and asked for',
    async run({ memory }) {
      const scope = (session: string, user = 'u'): MemoryScope => ({ tenant: 't', agent: 'a', user, session })
      for (const session of ['one', 'two']) await memory.bind(scope(session)).append([fact(`zebra ${session}`)])
      await memory.bind(scope('one', 'stranger')).append([fact('zebra stranger')])
      const granted = memory.bind(scope('one'), { across: ['session'] })
      assertEqual(await seen(granted), ['zebra one'], 'what is seen without asking')
      assertEqual(await seen(granted, ['session']), ['zebra one', 'zebra two'], 'what is seen across sessions')
      const wide = memory.bind(scope('one'), { across: ['session', 'user', 'agent'] })
      assertEqual(
        await seen(wide, ['user', 'session']),
        ['zebra one', 'zebra stranger', 'zebra two'],
        'what is seen across users',
      )
      for (const across of [['user'], ['session', 'user'], ['tenant'], 'session', ['*']] as readonly unknown[])
        await assertRejects(
          granted.recall('zebra', { across: across as ScopeLabel[] }),
          'OPTIONS_INVALID',
          `across ${JSON.stringify(across)}`,
        )
      await assertRejects(
        memory.bind(scope('one')).list({ across: ['session'] }),
        'OPTIONS_INVALID',
        'a listing across what was not granted',
      )
      assertEqual((await granted.forget('all', 'soft')).count, 1, 'records forgotten: writes keep to the scope')
    },
  },
]

function secret(scope: MemoryScope): string {
  return `secret of ${JSON.stringify(scope)}`
}

async function eachAlone(memory: Memory, scopes: readonly MemoryScope[]): Promise<void> {
  for (const scope of scopes) await memory.bind(scope).append([fact(secret(scope), { id: 'own' })])
  for (const scope of scopes) {
    const handle = memory.bind(scope)
    const what = JSON.stringify(scope)
    assertEqual(
      (await listAll(handle)).map((record) => [record.text, record.scope]),
      [[secret(scope), scope]],
      `the listing of ${what}`,
    )
    assertEqual(
      (await handle.get(['own'])).map((record) => record.text),
      [secret(scope)],
      `get of ${what}`,
    )
    assertEqual(textsOf(await handle.recall('secret', { budget: { items: 1000 } })), [secret(scope)], `recall of ${what}`)
    assertEqual(textsOf(await handle.recall('')), [secret(scope)], `recall without words of ${what}`)
  }
}

async function forgetOneByOne(memory: Memory, scopes: readonly MemoryScope[]): Promise<void> {
  const mode = memory.capabilities.erase ? 'erase' : 'soft'
  for (const [at, scope] of scopes.entries()) {
    assertEqual((await memory.bind(scope).forget('all', mode)).count, 1, `records forgotten in ${JSON.stringify(scope)}`)
    for (const [other, rest] of scopes.entries())
      assertEqual((await listAll(memory.bind(rest))).length, other <= at ? 0 : 1, `records of ${JSON.stringify(rest)}`)
  }
}

async function assertBindFails(memory: Memory, scope: unknown): Promise<void> {
  const call = async (): Promise<unknown> => memory.bind(scope as MemoryScope).list({})
  await assertRejects(call(), 'OPTIONS_INVALID', `bind of ${JSON.stringify(scope)?.slice(0, 60)}`)
}

async function seen(handle: MemoryHandle, across?: readonly ScopeLabel[]): Promise<readonly string[]> {
  const options = across === undefined ? {} : { across }
  const recalled = textsOf(await handle.recall('zebra', options)).toSorted()
  const listed = (await handle.list(options)).records.map((record) => record.text).toSorted()
  assertEqual(listed, recalled, 'what is listed, beside what is recalled')
  assert(recalled.length > 0, 'something is seen')
  return recalled
}
