import { describe, expect, test } from 'vitest'
import type { ArgumentCondition, Json, PolicyRule } from '../core/index.ts'
import { compilePolicy, pattern } from './policy.ts'

const search = { name: 'web.search', alias: 'web_search' }
const call = (input: Json = {}, more: object = {}) => ({ agent: 'helper', tool: search, tenant: 'acme', input, ...more })
const decide = (rules: readonly PolicyRule[], input?: Json, more?: object): string =>
  compilePolicy({ rules }).decide(call(input, more)).verdict

describe('a pattern', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['web.search', ['web.search'], ['web.searchx', 'xweb.search', 'webXsearch', '']],
    ['*', ['', 'a', 'a\nb'], []],
    ['', [''], ['a']],
    ['web.*', ['web.', 'web.search'], ['web', 'aweb.x']],
    ['*.search', ['.search', 'web.search'], ['search', 'web.search ']],
    ['a*b*c', ['abc', 'aXbYc', 'abbcc', 'abcbc'], ['acb', 'ab', 'abcd']],
    ['**', ['', 'x'], []],
    ['a**b', ['ab', 'aXb'], ['a', 'b']],
    ['ab*ba', ['abba', 'ab-ba'], ['aba', 'ab', 'ba']],
    ['*aa*aa*', ['aaaa', 'xaayaaz'], ['aaa', 'aa']],
    ['*ab*ab', ['abab', 'ab-ab'], ['ab', 'abb']],
    ['a.b', ['a.b'], ['axb']],
    ['[a]+(b)?', ['[a]+(b)?'], ['ab', 'a']],
    ['Web', ['Web'], ['web']],
    ['*é*', ['café'], ['cafe']],
  ])('%j', (text, fits, unfit) => {
    const test = pattern(text)
    expect(fits.filter((value) => !test(value))).toEqual([])
    expect(unfit.filter((value) => test(value))).toEqual([])
  })
  test('that is none fits everything', () => {
    expect(pattern(undefined)('anything')).toBe(true)
  })
  test.each<[string, string]>([
    ['many stars', '*a'.repeat(50) + '*b'],
    ['stars and long pieces', `*${'a'.repeat(200)}*${'a'.repeat(200)}b*`],
    ['the worst for backtracking', 'a*a*a*a*a*a*a*a*a*a*a*b'],
    ['stars alone', '*'.repeat(1000) + 'b'],
    ['a piece that nearly fits everywhere', `*${'a'.repeat(100)}b*c`],
  ])('takes linear time on 100 KB of nearly the right text: %s', (_name, text) => {
    const test = pattern(text)
    const value = 'a'.repeat(100_000)
    const before = performance.now()
    for (let round = 0; round < 10; round += 1) expect(test(value)).toBe(false)
    expect(performance.now() - before).toBeLessThan(500)
  })
  test('agrees with a regular expression on all short texts', () => {
    const texts = ['']
    for (let index = 0; index < 120; index += 1) for (const letter of 'ab') texts.push((texts[index] ?? '') + letter)
    for (const source of ['a*', '*b', 'a*b', '*a*', 'ab*ab', '*ab*ba*', 'a*a*a', 'b**b']) {
      const test = pattern(source)
      const expected = new RegExp(`^${source.replaceAll('*', '.*')}$`)
      expect(texts.filter((value) => test(value) !== expected.test(value))).toEqual([])
    }
  })
})

describe('a condition', () => {
  const fits = (condition: ArgumentCondition, value: Json): boolean =>
    decide([{ verdict: 'deny', arguments: { '/v': condition } }], { v: value }) === 'deny'
  test.each<[ArgumentCondition, readonly Json[], readonly Json[]]>([
    [{ equals: 1 }, [1], [2, '1', true, null, [1]]],
    [{ equals: { a: 1, b: [2] } }, [{ b: [2], a: 1 }], [{ a: 1 }, { a: 1, b: [2], c: 3 }]],
    [{ equals: null }, [null], [0, '', false]],
    [{ notEquals: 'x' }, ['y', 1, null], ['x']],
    [{ oneOf: ['a', [1]] }, ['a', [1]], ['b', 1, [2]]],
    [{ oneOf: [] }, [], ['a', null]],
    [{ above: 5 }, [5.1, 100], [5, 4, '6', null]],
    [{ below: 5 }, [4.9, -1], [5, 6, '4']],
    [{ above: 1, below: 3 }, [2], [1, 3]],
    [{ matches: '*@example.com' }, ['a@example.com'], ['a@example.com.evil', 5, null]],
    [{ exists: true }, [null, false, 0], []],
    [{ exists: false }, [], [null, 1]],
    [{}, [1, null], []],
  ])('%j', (condition, right, wrong) => {
    expect(right.filter((value) => !fits(condition, value))).toEqual([])
    expect(wrong.filter((value) => fits(condition, value))).toEqual([])
  })
  test.each<[ArgumentCondition, boolean]>([
    [{ exists: false }, true],
    [{ exists: true }, false],
    [{ notEquals: 1 }, false],
    [{ below: 1 }, false],
    [{}, false],
  ])('%j of a value that is not there: %s', (condition, applies) => {
    const verdict = decide([{ verdict: 'deny', arguments: { '/missing': condition } }], { v: 1 })
    expect(verdict === 'deny').toBe(applies)
  })
  test.each<[string, Json, boolean]>([
    ['/a/0/b', { a: [{ b: 1 }] }, true],
    ['/a~1b/c~0d', { 'a/b': { 'c~d': 1 } }, true],
    ['/~01', { '~1': 1 }, true],
    ['/', { '': 1 }, true],
    ['', 'text', true],
    ['', {}, true],
    ['/length', 'text', false],
    ['/v/length', { v: [1] }, true],
    ['/constructor', {}, false],
    ['/__proto__/x', {}, false],
    ['/a/b', { a: null }, false],
  ])('reaches own members only, by JSON Pointer: %s in %j', (path, input, found) => {
    expect(decide([{ verdict: 'deny', arguments: { [path]: { exists: true } } }], input) === 'deny').toBe(found)
  })
})

describe('rules', () => {
  const verdicts = ['allow', 'ask', 'deny'] as const
  test('the strictest of those that apply decides, in any order', () => {
    for (const first of verdicts) {
      for (const second of verdicts) {
        const strictest = verdicts[Math.max(verdicts.indexOf(first), verdicts.indexOf(second))]
        expect(decide([{ verdict: first }, { verdict: second }])).toBe(strictest)
      }
    }
  })
  test('say which of them decided, and why', () => {
    const policy = compilePolicy({
      rules: [
        { verdict: 'ask' },
        { verdict: 'deny', name: 'no web', tool: 'web.*', reason: 'offline' },
        { verdict: 'deny', name: 'late' },
      ],
      otherwise: 'ask',
    })
    expect(policy.decide(call())).toEqual({ verdict: 'deny', rule: 'no web', reason: 'offline' })
    expect(compilePolicy({ rules: [{ verdict: 'ask' }] }).decide(call())).toMatchObject({ rule: 'rule 1' })
    expect(compilePolicy({ rules: [] }).decide(call())).toEqual({ verdict: 'allow', rule: 'otherwise' })
  })
  test('apply only where all their names fit', () => {
    const rule: PolicyRule = { verdict: 'deny', agent: 'help*', tool: 'web.*', tenant: 'acme' }
    expect(decide([rule])).toBe('deny')
    for (const other of [{ agent: 'x' }, { tool: { name: 'x', alias: 'x' } }, { tenant: 'x' }])
      expect(decide([rule], {}, other)).toBe('allow')
  })
  test('hide a tool only where they deny it whatever its arguments', () => {
    const named = { agent: 'helper', tool: search, tenant: 'acme' }
    const conditional = { '/q': { equals: 1 } }
    expect(compilePolicy({ rules: [{ verdict: 'deny' }] }).hides(named)).toBe(true)
    expect(compilePolicy({ rules: [{ verdict: 'deny' }, { verdict: 'allow' }] }).hides(named)).toBe(true)
    expect(compilePolicy({ rules: [{ verdict: 'deny', arguments: conditional }] }).hides(named)).toBe(false)
    expect(compilePolicy({ rules: [{ verdict: 'deny', tool: 'other' }] }).hides(named)).toBe(false)
    expect(compilePolicy({ rules: [], otherwise: 'deny' }).hides(named)).toBe(true)
    expect(compilePolicy({ rules: [{ verdict: 'ask' }], otherwise: 'deny' }).hides(named)).toBe(false)
    expect(compilePolicy({ rules: [{ verdict: 'allow', arguments: conditional }], otherwise: 'deny' }).hides(named)).toBe(false)
  })
  test('what is hidden is always denied', () => {
    const pieces: PolicyRule[] = [
      { verdict: 'allow', tool: 'web.*' },
      { verdict: 'deny', arguments: { '/v': { above: 1 } } },
      { verdict: 'deny', tenant: 'acme' },
      { verdict: 'ask', agent: 'other' },
    ]
    for (let choice = 0; choice < 16; choice += 1) {
      for (const otherwise of verdicts) {
        const policy = compilePolicy({ rules: pieces.filter((_, index) => (choice >> index) % 2 === 1), otherwise })
        const open = [{ v: 0 }, { v: 2 }].filter((input) => policy.decide(call(input)).verdict !== 'deny')
        expect(policy.hides(call()) && open.length > 0).toBe(false)
      }
    }
  })
})

describe('a rule holds for a tool by each of its names', () => {
  const called = { name: 'acme.billing', alias: 'acme_billing', delegate: { agent: 'acme.billing', handoff: false, text: true } }
  const handed = {
    name: 'transfer_to_acme.billing',
    alias: 'transfer_to_acme_billing',
    delegate: { ...called.delegate, handoff: true },
  }
  const verdict = (tool: string, subject: typeof search): string => decide([{ verdict: 'deny', tool }], {}, { tool: subject })

  test.each(['web.search', 'web_search', 'web?search', 'web*'])('a tool: %s', (name) => {
    expect(verdict(name, search)).toBe(name.includes('?') ? 'allow' : 'deny')
  })
  test.each(['acme.billing', 'acme_billing', 'transfer_to_acme.billing', 'transfer_to_acme_billing', 'acme.*', 'transfer_to_*'])(
    'another agent, called or handed over to: %s',
    (name) => {
      expect([verdict(name, called), verdict(name, handed)]).toEqual(['deny', 'deny'])
      expect(verdict(name, search)).toBe('allow')
    },
  )
  test.each(['billing', 'acme', 'transfer_to_', 'transfer_to_billing'])('not what is only alike: %s', (name) => {
    expect([verdict(name, called), verdict(name, handed)]).toEqual(['allow', 'allow'])
  })
})
