import { expect, test } from 'vitest'
import type { MemoryRecord } from '../core/index.ts'
import { type Coverage, createCoverage } from './coverage.ts'
import { joinLegs, type Leg } from './fuse.ts'
import { createPlaces } from './structure.ts'

const record = (seq: number): MemoryRecord => ({
  id: `r${seq}`,
  kind: 'fact',
  text: `text ${seq}`,
  scope: { tenant: 't' },
  seq,
  createdAt: 0,
  version: 1,
  contentHash: 'h',
})
const leg = (name: string, ...seqs: readonly number[]): Leg => ({
  name,
  hits: seqs.map((seq, at) => ({ record: record(seq), score: 1000 - at })),
})
/** Of the query, each text has half of the words: words know what is asked for. */
const known = (): { readonly coverage: number } => ({ coverage: 0.5 })
const idsOf = (legs: readonly Leg[], coverage: Coverage = known): readonly string[] =>
  joinLegs(legs, createPlaces(), coverage).map((hit) => hit.record.id)
const range = (from: number, count: number): readonly number[] => Array.from({ length: count }, (_, at) => from + at)

test('one leg keeps its scores, as shares of the best', () => {
  const [first, second] = joinLegs([leg('vector', 1, 2), leg('lexical')], createPlaces(), known)
  expect(first).toMatchObject({ score: 1, parts: { vector: 1 } })
  expect(second?.score).toBeCloseTo(0.999)
})

test('what two legs find stands before the best of one, and words count more than vectors', () => {
  expect(idsOf([leg('lexical', 1, 2), leg('vector', 3, 2)])).toEqual(['r2', 'r1', 'r3'])
  expect(idsOf([leg('vector', 3), leg('lexical', 1)])).toEqual(['r1', 'r3'])
})

test('a leg that agrees with nothing that words find comes behind the first ten of them', () => {
  expect(idsOf([leg('lexical', ...range(1, 64)), leg('vector', ...range(101, 64))]).slice(0, 10)).toEqual(
    range(1, 10).map((seq) => `r${seq}`),
  )
})

test.each([
  ['half of its first ones', 5],
  ['seven of its first ones', 7],
])('a leg that agrees with words on %s has its best before what words alone find sixth', (_name, shared) => {
  const vector = leg('vector', 101, ...range(1, shared), ...range(102, 9 - shared))
  expect(idsOf([leg('lexical', ...range(1, 64)), vector]).indexOf('r101')).toBeLessThan(6)
})

test('a leg that agrees with nothing counts fully where no text has a word of the query', () => {
  const legs = [leg('lexical', ...range(1, 64)), leg('vector', ...range(101, 64))]
  const ids = idsOf(legs, () => ({ coverage: 0 }))
  expect(ids.slice(0, 4)).toEqual(['r1', 'r2', 'r101', 'r3'])
  // The best text tells, not each.
  const one = (text: string): { readonly coverage: number } => ({ coverage: text === 'text 7' ? 0.5 : 0 })
  expect(idsOf(legs, one).indexOf('r101')).toBeGreaterThan(9)
})

test('of few hits all can agree', () => {
  // One record is all that words find, and vectors find it too: their next one counts.
  const ranked = joinLegs([leg('lexical', 1), leg('vector', 2, 1)], createPlaces(), known)
  expect(ranked.map(({ record: { id }, score }) => [id, score.toFixed(3)])).toEqual([
    ['r1', '0.900'],
    ['r2', '0.400'],
  ])
})

test('legs without words among them count alike', () => {
  expect(idsOf([leg('vector', 1, 2), leg('other', 2, 1)], () => ({}))).toHaveLength(2)
  const [first, second] = joinLegs([leg('vector', 1), leg('other', 2)], createPlaces(), () => ({}))
  expect(first?.score).toBe(second?.score)
})

test('coverage is the share of the words of a query that a text has, whatever the other texts', () => {
  const coverage = createCoverage('When did Olga plan the wedding party?')
  expect(coverage('Olga was planning a wedding party')).toEqual({ coverage: 1 })
  expect(coverage('The party was long')).toEqual({ coverage: 1 / 4 })
  expect(coverage('nothing of it')).toEqual({ coverage: 0 })
  expect(createCoverage('?!')('anything')).toEqual({})
})
