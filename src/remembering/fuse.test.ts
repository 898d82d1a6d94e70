import { expect, test } from 'vitest'
import type { MemoryRecord } from '../core/index.ts'
import { createCoverage } from './coverage.ts'
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
const idsOf = (legs: readonly Leg[]): readonly string[] => joinLegs(legs, createPlaces()).map((hit) => hit.record.id)

test('one leg keeps its scores, as shares of the best', () => {
  const [first, second] = joinLegs([leg('vector', 1, 2), leg('lexical')], createPlaces())
  expect(first).toMatchObject({ score: 1, parts: { vector: 1 } })
  expect(second?.score).toBeCloseTo(0.999)
})

test('what two legs find stands before the best of one, and words count more than vectors', () => {
  expect(idsOf([leg('lexical', 1, 2), leg('vector', 3, 2)])).toEqual(['r2', 'r1', 'r3'])
  expect(idsOf([leg('vector', 3), leg('lexical', 1)])).toEqual(['r1', 'r3'])
})

test('a leg that finds only what does not fit takes no place of the first ones of words', () => {
  const ranked = idsOf([leg('lexical', 1, 2, 3, 4), leg('vector', 11, 12, 13, 14, 15, 16)])
  expect(ranked.indexOf('r2')).toBeLessThan(3)
  expect(ranked[0]).toBe('r1')
})

test('coverage is the share of the words of a query that a text has, whatever the other texts', () => {
  const coverage = createCoverage('When did Olga plan the wedding party?')
  expect(coverage('Olga was planning a wedding party')).toEqual({ coverage: 1 })
  expect(coverage('The party was long')).toEqual({ coverage: 1 / 4 })
  expect(coverage('nothing of it')).toEqual({ coverage: 0 })
  expect(createCoverage('?!')('anything')).toEqual({})
})
