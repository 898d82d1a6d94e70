import { describe, expect, test } from 'vitest'
import type { MemoryRecord } from '../core/index.ts'
import { seededRandom, shuffled } from '../testing/seeded.ts'
import { exactPhrases } from './fuse.ts'
import {
  compareText,
  contentHash,
  createQueue,
  createScan,
  decodeScope,
  encodeScope,
  isInReach,
  lexicalIndex,
  topK,
  vectorIndex,
  wordsOf,
} from './index.ts'
import { createNovelty } from './near-duplicates.ts'
import { createPlaces, withStructure } from './structure.ts'
import { stem } from './words.ts'

const bySlot = (left: number, right: number): number => left - right
const always = (): boolean => true

describe('words', () => {
  test.each([
    ['plans planned planning plan', ['plan', 'plan', 'plan', 'plan']],
    ["Caroline's bicycles don't", ['carolin', 'bicycl']],
    ['Été à Zürich', ['ete', 'zurich']],
    ['to be or not to be', ['to', 'be', 'or', 'not', 'to', 'be']],
    ['東京タワー', ['東京', '京タ', 'タワ', 'ワー']],
    ['日本 2026年', ['日本', '2026', '年']],
    ['ＡＢＣ ﬁne', ['abc', 'fin']],
    ['', []],
    ['?! 😀', []],
    ['user_id=42;drop', ['user', 'id', '42', 'drop']],
  ])('of %j are %j', (text, words) => expect(wordsOf(text)).toEqual(words))

  test.each([
    ['stories', 'story'],
    ['classes', 'class'],
    ['class', 'class'],
    ['bus', 'bus'],
    ['running', 'run'],
    ['falling', 'fall'],
    ['making', 'mak'],
    ['make', 'mak'],
    ['red', 'red'],
    ['sing', 'sing'],
  ])('the stem of %s is %s', (word, root) => expect(stem(word)).toBe(root))
})

describe('scopes', () => {
  const labels = ['a', 'b', 'a/ub', 'a%2Fub', '', ' ', "'", '*', '.', '..', 'é', 'e\u0301', 'a\u0000', '%', 'undefined']
  const scopes = labels.flatMap((tenant) =>
    tenant === ''
      ? []
      : labels.flatMap((agent) =>
          labels.map((user) => ({ tenant, ...(agent !== '' && { agent }), ...(user !== '' && { user }) })),
        ),
  )
  test('have keys that no other has, of plain characters, and come back from them', () => {
    const keys = scopes.map(encodeScope)
    expect(new Set(keys).size).toBe(scopes.length)
    for (const [at, key] of keys.entries()) {
      expect(key).toMatch(/^[\w%/-]+$/)
      expect(decodeScope(key)).toEqual(scopes[at])
    }
  })
  test('are reached only by equal labels, or across those that are open', () => {
    const reader = { tenant: 't', agent: 'a', session: 's' }
    expect(isInReach(reader, reader, [])).toBe(true)
    expect(isInReach({ ...reader, user: 'u' }, reader, [])).toBe(false)
    expect(isInReach({ tenant: 't', agent: 'a' }, reader, [])).toBe(false)
    expect(isInReach({ tenant: 't', agent: 'a' }, reader, ['session'])).toBe(true)
    expect(isInReach({ tenant: 'u', agent: 'a', session: 's' }, reader, ['session', 'agent', 'user'])).toBe(false)
  })
})

test('texts are ordered as their UTF-8 bytes are', () => {
  const texts = ['', 'a', 'ab', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', 'a\u{1f600}', 'a\uffee']
  const sorted = shuffled(texts, seededRandom(1)).toSorted(compareText)
  expect(sorted).toEqual(texts.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))))
})

test('the hash of an entry is that of its content, whatever the order of its members and its id', () => {
  const hash = contentHash({ kind: 'fact', text: 'x', metadata: { a: 1, b: 2 } })
  expect(contentHash({ id: 'other', metadata: { b: 2, a: 1 }, text: 'x', kind: 'fact' })).toBe(hash)
  expect(contentHash({ kind: 'fact', text: 'x', metadata: { a: 1, b: 3 } })).not.toBe(hash)
})

test('topK keeps what sorting keeps, ties by the given order', () => {
  const random = seededRandom(4)
  for (let turn = 0; turn < 50; turn += 1) {
    const scores = Array.from({ length: 200 }, () => Math.floor(random() * 20))
    const best = topK(17, bySlot)
    for (const slot of shuffled([...scores.keys()], random)) best.offer(slot, scores[slot] as number)
    const expected = [...scores.keys()].toSorted(
      (left, right) => (scores[right] as number) - (scores[left] as number) || left - right,
    )
    expect(best.sorted().map(({ slot }) => slot)).toEqual(expected.slice(0, 17))
  }
})

describe('the lexical index', () => {
  /** BM25 as it is written in books, over all texts anew. */
  function reference(texts: readonly (readonly string[] | undefined)[], query: readonly string[]): ReadonlyMap<number, number> {
    const live = texts.flatMap((words, slot) => (words === undefined ? [] : [{ words, slot }]))
    const average = live.reduce((sum, { words }) => sum + words.length, 0) / live.length
    const scores = new Map<number, number>()
    for (const word of new Set(query)) {
      const holders = live.filter(({ words }) => words.includes(word))
      const idf = Math.log(1 + (live.length - holders.length + 0.5) / (holders.length + 0.5))
      for (const { words, slot } of holders) {
        const count = words.filter((other) => other === word).length
        const share = (idf * count * 1.9) / (count + 0.9 * (0.6 + (0.4 * words.length) / average))
        scores.set(slot, (scores.get(slot) ?? 0) + share)
      }
    }
    return scores
  }
  test('scores as BM25 does while texts come and go', () => {
    const random = seededRandom(7)
    const word = (): string => `w${Math.floor(random() ** 2 * 30)}`
    const index = lexicalIndex()
    const texts: (readonly string[] | undefined)[] = []
    for (let turn = 0; turn < 300; turn += 1) {
      const words = Array.from({ length: 1 + Math.floor(random() * 12) }, word)
      index.add(texts.push(words) - 1, words)
      const victim = Math.floor(random() * texts.length)
      const gone = texts[victim]
      if (random() < 0.4 && gone !== undefined) {
        index.remove(victim, gone)
        texts[victim] = undefined
      }
      const query = [word(), word(), word()]
      const expected = reference(texts, query)
      const found = index.search(query, always, 1000, bySlot)
      expect(found.map(({ slot }) => slot).toSorted(bySlot)).toEqual([...expected.keys()].toSorted(bySlot))
      for (const { slot, score } of found) expect(score).toBeCloseTo(expected.get(slot) as number, 10)
    }
    expect(index.size).toBe(texts.filter((words) => words !== undefined).length)
  })
  test('a word that a text has thousands of times is in that text, and counts hardly more than one of a thousand times', () => {
    const index = lexicalIndex()
    const texts = [5000, 1, 1023, 1024].map((count) => [...Array.from({ length: count }, () => 'often'), 'once'])
    texts.forEach((words, slot) => index.add(slot, words))
    const expected = reference(texts, ['often'])
    const found = index.search(['often'], always, 10, bySlot)
    expect(found.map(({ slot }) => slot).toSorted(bySlot)).toEqual([0, 1, 2, 3])
    for (const { slot, score } of found) expect(score / (expected.get(slot) as number)).toBeCloseTo(1, 2)
    texts.forEach((words, slot) => index.remove(slot, words))
    expect([index.search(['often'], always, 10, bySlot), index.size]).toEqual([[], 0])
  })
  test('gives only what is accepted, of equal ones those that the order puts first', () => {
    const index = lexicalIndex()
    for (let slot = 0; slot < 10; slot += 1) index.add(slot, ['same'])
    expect(index.search(['same'], (slot) => slot % 3 === 0, 2, bySlot).map(({ slot }) => slot)).toEqual([0, 3])
    const backwards = (left: number, right: number): number => right - left
    expect(index.search(['same'], (slot) => slot % 3 === 0, 2, backwards).map(({ slot }) => slot)).toEqual([9, 6])
  })
})

test('the vector index finds the nearest exactly, for sizes that do not divide by four too', () => {
  const random = seededRandom(9)
  for (const dims of [3, 4, 7, 16]) {
    const unit = (): Float32Array => {
      const numbers = Array.from({ length: dims }, () => random() - 0.5)
      const norm = Math.hypot(...numbers)
      return Float32Array.from(numbers, (value) => value / norm)
    }
    const vectors = Array.from({ length: 150 }, unit)
    const index = vectorIndex(dims, createScan())
    vectors.forEach((vector, slot) => index.set(slot, vector))
    const removed = index.get(5)
    index.remove(5)
    expect(index.get(5)).toBeUndefined()
    expect(removed).toEqual(new Float32Array(dims))
    expect(index.get(149)).toEqual(vectors[149])
    const query = unit()
    const cosine = (slot: number): number =>
      (vectors[slot] as Float32Array).reduce((sum, value, at) => sum + value * (query[at] as number), 0)
    const best = index.search(query, (slot) => slot % 2 === 1, 5, bySlot)
    const expected = [...vectors.keys()]
      .filter((slot) => slot % 2 === 1 && slot !== 5)
      .toSorted((left, right) => cosine(right) - cosine(left))
    expect(best.map(({ slot }) => slot)).toEqual(expected.slice(0, 5))
    for (const { slot, score } of best) expect(score).toBeCloseTo(cosine(slot), 5)
  }
})

test.each([1, 2, 50, 1000])(
  'of vectors of which one in %i is accepted the index finds the nearest, and tells equal ones apart by order',
  (share) => {
    const random = seededRandom(share)
    // So few different ones that most have equals, on both sides of any point at which the search goes about it in another way.
    const kinds = Array.from({ length: 40 }, () => Float32Array.from({ length: 5 }, () => random() - 0.5))
    const index = vectorIndex(5, createScan())
    const kindOf = new Map<number, Float32Array>()
    for (let slot = 0; slot < 3001; slot += 1) {
      if (random() < 0.3) continue
      const kind = kinds[Math.floor(random() * kinds.length)] as Float32Array
      kindOf.set(slot, kind)
      index.set(slot, kind)
    }
    const query = kinds[0] as Float32Array
    const accepts = (slot: number): boolean => slot % share === 0
    const product = (slot: number): number =>
      (kindOf.get(slot) as Float32Array).reduce((sum, value, at) => sum + value * (query[at] as number), 0)
    const expected = [...kindOf.keys()].filter(accepts).toSorted((left, right) => product(right) - product(left) || left - right)
    for (const limit of [1, 10, 500])
      expect(index.search(query, accepts, limit, bySlot).map(({ slot }) => slot)).toEqual(expected.slice(0, limit))
  },
)

describe('structure', () => {
  const record = (seq: number, more: Partial<MemoryRecord> = {}): MemoryRecord => ({
    id: `${seq}`,
    kind: 'message',
    text: `turn ${seq}`,
    scope: { tenant: 't', session: 's' },
    seq,
    createdAt: 0,
    version: 1,
    contentHash: '',
    ...more,
  })
  const scoresOf = (
    hits: readonly { readonly record: MemoryRecord; readonly score: number }[],
  ): Readonly<Record<string, number>> => Object.fromEntries(hits.map((hit) => [hit.record.id, hit.score]))

  test('raises what stands beside a hit, and brings it in', () => {
    const scores = scoresOf(withStructure([{ record: record(5), score: 1 }], [record(4), record(6)], createPlaces()))
    expect(scores['5']).toBeCloseTo(1 + 0.5 / 3)
    expect(scores['4']).toBeCloseTo(0.5 + 0.5 / 3)
    expect(scores['6']).toBeCloseTo(0.5 + 0.5 / 3)
  })
  test('leaves facts alone, and does not reach over kinds and scopes', () => {
    const hits = [{ record: record(5, { kind: 'fact' }), score: 1 }]
    expect(scoresOf(withStructure(hits, [record(4), record(6, { kind: 'fact' })], createPlaces()))).toEqual({ 5: 1 })
    const other = record(6, { id: 'other', scope: { tenant: 't', session: 'else' } })
    expect(scoresOf(withStructure([{ record: record(5), score: 1 }], [other], createPlaces()))['other']).toBeUndefined()
  })
  test('does not reach from one document into the next, which only stands beside it', () => {
    const part = (seq: number, document: string): MemoryRecord => record(seq, { kind: 'document', source: { document } })
    const [first, last, next] = [part(5, 'a.md'), part(6, 'a.md'), part(7, 'b.md')]
    const beside = withStructure([{ record: last, score: 1 }], [first, next], createPlaces())
    expect(scoresOf(beside)).toEqual({ 5: expect.closeTo(0.5 + 0.5 / 3), 6: expect.closeTo(1 + 0.5 / 3) })
    const found = withStructure(
      [
        { record: last, score: 1 },
        { record: next, score: 0.9 },
      ],
      [],
      createPlaces(),
    )
    expect(scoresOf(found), 'each document has a score of its own').toEqual({
      6: expect.closeTo(1 + 0.5 / 3),
      7: expect.closeTo(0.9 + 0.45 / 3),
    })
  })
})

test('what a query says literally', () => {
  expect(exactPhrases('Where did Olga buy "red wine" on 2023-05-08 with user_7?')).toEqual([
    'olga',
    'red wine',
    '2023-05-08',
    'user_7',
  ])
  expect(exactPhrases('what is the weather')).toEqual([])
})

test('novelty lets nothing through that was said already in nine of ten runs of three words', () => {
  const isNew = createNovelty()
  const long = Array.from({ length: 40 }, (_, at) => `word${at}`).join(' ')
  expect([
    isNew(long),
    isNew(long),
    isNew(`${long}!`),
    isNew(`${long} more`),
    isNew(`${long} zinc yacht xylophone whale violin umbrella`),
  ]).toEqual([true, false, false, false, true])
  expect([isNew('yes'), isNew('Yes!'), isNew('no way')]).toEqual([true, false, true])
})

test('a queue does one thing at a time, passes over what was aborted, and outlives what throws', async () => {
  const queue = createQueue()
  const log: string[] = []
  const control = new AbortController()
  let open: () => void = () => {}
  const first = queue(() => new Promise<void>((resolve) => void (open = resolve)))
  const second = queue(() => void log.push('second'), { signal: control.signal })
  const third = queue(() => Promise.reject(new Error('third')))
  const fourth = queue(() => log.push('fourth'))
  const reason = new Error('enough')
  control.abort(reason)
  await expect(second).rejects.toBe(reason)
  open()
  await first
  await expect(third).rejects.toThrow('third')
  await fourth
  expect(log).toEqual(['fourth'])
})
