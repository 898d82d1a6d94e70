import type { MemoryEntry, MemoryFilter, MemoryRecord } from '../core/index.ts'
import { assert, assertEqual } from './assert.ts'
import { idsOf, listAll, type MemoryCase } from './memory-world.ts'
import { seededRandom } from './seeded.ts'

type Scalar = string | number | boolean | null

const VALUES: readonly Scalar[] = [
  '',
  'a',
  'A',
  'b',
  "it's",
  '1',
  'true',
  '\u{1f600}',
  '\uffee',
  'é',
  0,
  1,
  -1,
  1.5,
  2 ** 53 - 1,
  true,
  false,
  null,
]
const FIELDS = [
  'kind',
  'role',
  'text',
  'id',
  'occurredAt',
  'validFrom',
  'seq',
  'metadata.a',
  'metadata.b',
  'metadata.constructor',
]
const NUMBERS = ['occurredAt', 'validFrom', 'seq']

/** Check 6: filters mean the same in every memory. */
export const memoryFilterCases: readonly MemoryCase[] = [
  {
    name: '6: a hundred and fifty random filters over random records find what the reference finds, in listing, recall and forgetting',
    async run({ memory }) {
      for (const seed of [1, 2, 3]) {
        const random = seededRandom(seed)
        const handle = memory.bind({ tenant: 't', session: `seed ${seed}` })
        await handle.append(Array.from({ length: 60 }, (_, at) => randomEntry(random, at)))
        const records = await listAll(handle)
        for (let turn = 0; turn < 50; turn += 1) {
          const filter = randomFilter(random, 3)
          const expected = idsOf(records.filter((record) => fits(filter, record)))
          const what = `seed ${seed}, filter ${JSON.stringify(filter)}`
          assertEqual(idsOf(await listAll(handle, filter, 25)), expected, `${what}: listing`)
          const { items } = await handle.recall('', { filter, budget: { items: 1000, tokens: 1_000_000 } })
          const wrong = items.find(({ record }) => !expected.includes(record.id))
          assert(wrong === undefined, `${what}: recall gave ${wrong?.record.id}, which does not fit`)
        }
        const filter = randomFilter(random, 2)
        const gone = idsOf(records.filter((record) => fits(filter, record)))
        assertEqual((await handle.forget({ filter }, 'soft')).count, gone.length, `seed ${seed}: records forgotten`)
        const left = idsOf(records).filter((id) => !gone.includes(id))
        assertEqual(idsOf(await listAll(handle)), left, `seed ${seed}: records left`)
      }
    },
  },
  {
    name: '6: empty lists, absent members and texts beyond the basic plane have the meaning that the contract gives them',
    async run({ memory }) {
      const handle = memory.bind({ tenant: 't' })
      await handle.append([
        { id: 'none', kind: 'fact', text: 'x' },
        { id: 'null', kind: 'fact', text: 'x', metadata: { a: null } },
        { id: 'low', kind: 'fact', text: 'x', metadata: { a: '\uffee' } },
        { id: 'high', kind: 'fact', text: 'x', metadata: { a: '\u{1f600}' } },
      ])
      const found = async (filter: MemoryFilter): Promise<readonly string[]> => idsOf((await handle.list({ filter })).records)
      const field = 'metadata.a'
      assertEqual(await found({ op: 'in', field, values: [] }), [], 'an empty in')
      assertEqual(await found({ op: 'or', filters: [] }), [], 'an empty or')
      assertEqual(await found({ op: 'and', filters: [] }), ['high', 'low', 'none', 'null'], 'an empty and')
      assertEqual(await found({ op: 'eq', field, value: null }), ['null'], 'equal to null')
      assertEqual(await found({ op: 'ne', field, value: 'x' }), ['high', 'low', 'none', 'null'], 'not equal')
      assertEqual(await found({ op: 'exists', field }), ['high', 'low', 'null'], 'exists')
      assertEqual(await found({ op: 'gt', field, value: '\uffee' }), ['high'], 'order by code point')
      const values = Array.from({ length: 19_999 }, (_, at) => `v${at}`)
      assertEqual(await found({ op: 'in', field, values: [...values.slice(0, 9999), '\uffee'] }), ['low'], 'ten thousand values')
      assertEqual(await found({ op: 'in', field, values }), [], 'as many values as may be')
      assertEqual(await found(nested(32)), ['high', 'low', 'none', 'null'], 'a tree as deep as may be')
      for (const value of [2 ** 51 + 0.5, 5e-324, -1e-7, 1.5, Number.MAX_SAFE_INTEGER])
        for (const member of ['seq', 'createdAt', 'occurredAt', field])
          assertEqual(await found({ op: 'eq', field: member, value }), [], `${member} equal to ${value}`)
      assertEqual(
        await found({ op: 'lt', field: 'seq', value: Number.MAX_SAFE_INTEGER }),
        ['high', 'low', 'none', 'null'],
        'below a huge number',
      )
      assertEqual(await found({ op: 'gt', field: 'seq', value: 3.5 }), ['high'], 'above a number between two places')
      assertEqual(await found({ op: 'contains', field: 'text', value: '\u0000' }), [], 'a text with a NUL in it')
    },
  },
]

/** A condition that every record fits, in a tree of so many levels. */
export function nested(levels: number): MemoryFilter {
  let filter: MemoryFilter = { op: 'exists', field: 'kind' }
  for (let level = 1; level < levels; level += 1) filter = { op: 'and', filters: [filter] }
  return filter
}

function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)] as T
}

function randomEntry(random: () => number, at: number): MemoryEntry {
  const metadata: Record<string, Scalar> = {}
  for (const name of ['a', 'b', 'constructor']) if (random() < 0.7) metadata[name] = pick(VALUES, random)
  return {
    id: `r${at}`,
    kind: pick(['fact', 'message', 'document'], random),
    text: pick(['a', 'A b', "it's", 'ünder', '\u{1f600} ok'], random),
    ...(random() < 0.5 && { role: pick(['user', 'assistant'], random) }),
    ...(random() < 0.5 && { occurredAt: Math.floor(random() * 5) }),
    ...(random() < 0.5 && { validFrom: Math.floor(random() * 5) }),
    metadata,
  }
}

function randomFilter(random: () => number, depth: number): MemoryFilter {
  const turn = random()
  if (depth > 0 && turn < 0.35)
    return {
      op: pick(['and', 'or'], random),
      filters: Array.from({ length: Math.floor(random() * 4) }, () => randomFilter(random, depth - 1)),
    }
  if (depth > 0 && turn < 0.5) return { op: 'not', filter: randomFilter(random, depth - 1) }
  const field = pick(FIELDS, random)
  if (turn < 0.6) return { op: 'exists', field }
  if (turn < 0.7)
    return { op: 'in', field, values: Array.from({ length: Math.floor(random() * 4) }, () => valueFor(field, random)) }
  const value = valueFor(field, random)
  const ops = ['eq', 'ne'] as const
  const ordered = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte'] as const
  if (typeof value === 'string' && turn < 0.8) return { op: 'contains', field, value }
  return { op: pick(typeof value === 'string' || typeof value === 'number' ? ordered : ops, random), field, value }
}

function valueFor(field: string, random: () => number): Scalar {
  if (NUMBERS.includes(field)) return Math.floor(random() * 6)
  if (field.startsWith('metadata.')) return pick(VALUES, random)
  return pick(['fact', 'message', 'user', 'a', 'r1', 'r17', "it's", ''], random)
}

/** What a filter means, written down once more and apart from every memory. */
function fits(filter: MemoryFilter, record: MemoryRecord): boolean {
  if ('filters' in filter) {
    const holding = filter.filters.filter((one) => fits(one, record)).length
    return filter.op === 'and' ? holding === filter.filters.length : holding > 0
  }
  if (filter.op === 'not') return !fits(filter.filter, record)
  const actual = valueOf(record, filter.field)
  if (filter.op === 'exists') return actual !== undefined
  if (filter.op === 'in') return filter.values.some((value) => value === actual)
  const { value } = filter
  if (filter.op === 'eq') return actual === value
  if (filter.op === 'ne') return actual !== value
  if (filter.op === 'contains') return typeof actual === 'string' && actual.indexOf(String(value)) >= 0
  return isInOrder(filter.op, actual, value)
}

function isInOrder(op: 'lt' | 'lte' | 'gt' | 'gte', actual: Scalar | undefined, value: Scalar): boolean {
  if (actual === undefined || actual === null || typeof actual !== typeof value) return false
  const order = typeof actual === 'string' ? byBytes(actual, String(value)) : Math.sign(Number(actual) - Number(value))
  return { lt: order < 0, lte: order <= 0, gt: order > 0, gte: order >= 0 }[op]
}

function valueOf(record: MemoryRecord, field: string): Scalar | undefined {
  const [first, ...rest] = field.split('.')
  const owner: object = first === 'metadata' ? (record.metadata ?? {}) : record
  return new Map(Object.entries(owner)).get(first === 'metadata' ? rest.join('.') : field) as Scalar | undefined
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}
