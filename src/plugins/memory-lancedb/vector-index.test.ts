import { expect, test } from 'vitest'
import type { Memory, Recall } from '../../core/index.ts'
import { fact, testEmbedder } from '../../testing/memory-world.ts'
import { lancedbMemories } from '../../../test/fixtures/lancedb-memories.ts'
import { VECTOR } from './arrow-table.ts'
import type { Row } from './columns.ts'
import { createNames } from './rows.ts'
import { checkOptions } from './options.ts'
import { openRecords, type RecordTable } from './table.ts'
import { piecesOf, storedPlan, throughIndex, vectorsIn, type SearchPlan } from './vector-index.ts'
import { planVectors } from './vector-plan.ts'

const { newPath, using } = lancedbMemories()

/** So many numbers that 400 records are worth an index. */
const DIMS = 4096
const scope = { tenant: 't' }
/** Words that say nothing, so that vectors alone answer. */
const QUERIES = ['the and of', 'by in', 'to is was the', 'and', 'of the by a', 'will with it']
const embedder = testEmbedder('long', DIMS)

/** Works with the tables of one folder, as two processes have them. */
async function tables<T>(path: string, work: (one: RecordTable, two: RecordTable) => Promise<T>): Promise<T> {
  const parts = checkOptions({ path, embedder })
  const one = await openRecords(parts)
  const two = await openRecords(parts)
  try {
    return await work(one, two)
  } finally {
    await one.close()
    await two.close()
  }
}

/** A folder with records whose texts come three times each. */
async function filled(count: number): Promise<string> {
  const path = newPath()
  await using({ path, embedder }, (memory) => fill(memory, count))
  return path
}

async function fill(memory: Memory, count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, at) => fact(textOf(Math.floor(at / 3)), { id: `${at}` }))
  await memory.bind(scope).append(entries)
}

function textOf(at: number): string {
  const letter = (step: number): string => String.fromCharCode(97 + ((at * step + step) % 26))
  return Array.from({ length: 6 }, (_, place) => letter(2 * place + 1).repeat(3)).join(' ')
}

function row(id: string): Row {
  const record = { id, kind: 'fact', text: id, seq: 9999, version: 1, createdAt: 1, contentHash: '', scope } as const
  return createNames().row(record)
}

const listed = ({ items }: Recall): readonly (readonly [string, number])[] =>
  items.map(({ record, score }) => [record.id, Number(score.toFixed(4))])

test('A2: through an index of all a recall finds, in the same order, what it finds without, whatever came and went since', async () => {
  const ask = async (memory: Memory): Promise<unknown> => {
    const answers: unknown[] = []
    for (let at = 0; at < QUERIES.length; at += 1)
      answers.push(listed(await memory.bind(scope).recall(QUERIES[at] as string, { budget: { items: 20, tokens: 10_000 } })))
    return answers
  }
  const change = async (memory: Memory): Promise<void> => {
    const handle = memory.bind(scope)
    await handle.append([fact(textOf(17), { id: 'new' }), fact('zzz zzz', { id: 'other', supersedes: '52' })])
    await handle.update('51', { text: textOf(34) })
    await handle.forget({ ids: ['0'] }, 'soft')
    await memory.bind({ tenant: 'u' }).append([fact(textOf(17), { id: 'theirs' })])
  }
  await using({ embedder, countTokens: () => 1 }, async (bare) => {
    await using({ embedder, countTokens: () => 1 }, async (indexed) => {
      for (const memory of [bare, indexed]) await fill(memory, 420)
      expect((await bare.stats())['vectorIndex']).toBe(null)
      await indexed.maintain()
      expect((await indexed.stats())['vectorIndex']).toEqual({ kind: 'all' })
      expect(await ask(indexed)).toEqual(await ask(bare))
      for (const memory of [bare, indexed]) await change(memory)
      expect(await ask(indexed)).toEqual(await ask(bare))
      await indexed.maintain()
      expect((await indexed.stats())['vectorIndex']).toEqual({ kind: 'all' })
      expect(await ask(indexed)).toEqual(await ask(bare))
    })
  })
})

test('a search goes through an index of all, and through one of some only for many', async () => {
  const path = await filled(30)
  await tables(path, async (table) => {
    await planVectors(table, 50_000, { least: 1, most: 2 ** 30 })
    expect(storedPlan(await table.vectors())).toEqual({ kind: 'all' })
    const explain = (plan: SearchPlan | undefined, isMany: boolean): Promise<string> =>
      table.ask('read', (inner) => {
        const query = inner.query().nearestTo(new Float32Array(DIMS).fill(1)).column(VECTOR).distanceType('cosine')
        return throughIndex(query.select(['key', '_distance']).limit(3), plan, isMany).explainPlan()
      })
    const some = { kind: 'some', probes: 1, refine: 1, recall: 1, rows: 30 } as const
    expect(await explain({ kind: 'all' }, false)).toContain('ANNSubIndex')
    expect(await explain(some, true)).toContain('ANNSubIndex')
    expect(await explain(some, false)).not.toContain('ANNSubIndex')
    expect(await explain(undefined, true)).not.toContain('ANNSubIndex')
  })
})

test('an index of all stays in few pieces, and goes when there is more than can be kept in memory', async () => {
  const path = await filled(30)
  await tables(path, async (table) => {
    const bytes = { least: 1, most: 2 ** 30 }
    const vector = new Float32Array(DIMS).fill(1)
    const seen: number[] = []
    for (let at = 0; at < 12; at += 1) {
      await table.merge([row(`more-${at}`)], [vector], true)
      await table.optimize()
      await planVectors(table, 50_000, bytes)
      seen.push(await piecesOf(table))
    }
    expect(Math.max(...seen)).toBeLessThanOrEqual(8)
    expect(seen.filter((pieces) => pieces === 1).length).toBeGreaterThan(1)
    await planVectors(table, 50_000, { least: 1, most: 1000 })
    expect([await piecesOf(table), storedPlan(await table.vectors())]).toEqual([0, undefined])
  })
})

test('an index that a process was killed over is built by the next upkeep, and one that nobody speaks of is not used', async () => {
  const path = await filled(30)
  const bytes = { least: 1, most: 2 ** 30 }
  await tables(path, async (table) => {
    // Said, and not there: killed while it was taken away.
    await table.say(JSON.stringify({ kind: 'all' }))
    await planVectors(table, 50_000, bytes)
    expect(await piecesOf(table)).toBe(1)
    // There, and not said: killed while another took its place.
    await table.say(undefined)
    expect(storedPlan(await table.vectors())).toBe(undefined)
    await planVectors(table, 50_000, bytes)
    expect(storedPlan(await table.vectors())).toEqual({ kind: 'all' })
  })
})

test.each([256, 50_000])(
  '23: where an index of vectors is (up to %i compared one by one), everything can be erased',
  async (exactUpTo) => {
    await using({ embedder, exactUpTo }, async (memory) => {
      const handle = memory.bind(scope)
      await fill(memory, 420)
      await memory.maintain()
      expect(await memory.stats()).toMatchObject({ vectorIndex: { kind: exactUpTo === 256 ? 'some' : 'all' } })
      expect(await handle.forget({ ids: Array.from({ length: 418 }, (_, at) => `${at}`) }, 'erase')).toMatchObject({
        count: 418,
        verified: true,
      })
      expect(listed(await handle.recall(textOf(139)))).toHaveLength(1)
      expect(await handle.forget('all', 'erase')).toEqual({ count: 2, verified: true })
      expect(await memory.stats()).toMatchObject({ records: 0, vectorIndex: null })
      await fill(memory, 3)
      expect(listed(await handle.recall(textOf(0)))).toHaveLength(1)
    })
  },
)

test('what another process says of the index is known at once, also behind a write that did not look', async () => {
  const path = await filled(3)
  await tables(path, async (one, two) => {
    expect(await one.vectors()).toMatchObject({ size: DIMS, plan: undefined })
    await two.say('another')
    await one.merge([row('beside')], [undefined], true)
    expect(await one.vectors()).toMatchObject({ size: DIMS, plan: 'another' })
    expect(await vectorsIn(one)).toBe(3)
    const plans: unknown[] = []
    await one.readVectors((query, column) => {
      plans.push(column?.plan)
      // While LanceDB answers, the table changes, and another call of this process goes on to what it is then.
      if (plans.length === 1) {
        const toArrow = query.toArrow.bind(query)
        query.toArrow = async (...given) => {
          const answer = await toArrow(...given)
          await two.say('third')
          await one.version()
          return answer
        }
      }
      return query.select(['key'])
    })
    expect(plans).toEqual(['another', 'third'])
  })
})
