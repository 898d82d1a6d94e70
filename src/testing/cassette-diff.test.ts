import { expect, test } from 'vitest'
import { describeDifferences, differences } from './cassette-diff.ts'

test('differences name their place, briefly', () => {
  const found = differences(
    { a: [1, 2], b: 'x', c: { d: 1 }, same: [{ x: 1 }] },
    { a: [1], b: 'y', c: 1, e: null, same: [{ x: 1 }] },
  )
  expect(found).toEqual([
    { path: '/a/1', recorded: 2, asked: undefined },
    { path: '/b', recorded: 'x', asked: 'y' },
    { path: '/c', recorded: { d: 1 }, asked: 1 },
    { path: '/e', recorded: undefined, asked: null },
  ])
  expect(differences(undefined, undefined)).toEqual([])
  const many = Array.from({ length: 7 }, (_, at) => ({ path: `/${at}`, recorded: at, asked: undefined }))
  expect(describeDifferences(many)).toMatch(/^ {2}\/0: recorded 0, asked nothing\n[^]*and 2 more$/)
  const long = `${'same '.repeat(40)}old tail ${'x'.repeat(100)}`
  expect(describeDifferences([{ path: '/', recorded: long, asked: long.replace('old', 'new') }])).toBe(
    `  /: recorded …"same same same same same same old tail ${'x'.repeat(41)}"…, asked …"same same same same same same new tail ${'x'.repeat(41)}"…`,
  )
  expect(describeDifferences([{ path: '/', recorded: ['y'.repeat(200)], asked: 1 }])).toContain('y…, asked 1')
})
