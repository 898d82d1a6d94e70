import { describe, expect, test } from 'vitest'
import type { Json } from '../../core/index.ts'
import { loadCel } from './cel.ts'
import { durationMs } from '../../planning/index.ts'
import { type Expression, type ExpressionContext, ExpressionCompiler } from './expression.ts'
import { effectKey, readKey } from './keys.ts'
import { splitText, UnclosedError } from './template.ts'
import { type Scope, scanPath } from './value-path.ts'
import { ANY } from './value-type.ts'

const open: ExpressionContext = { resolve: () => ANY }
const cel = await loadCel()

function compile(text: string, library: typeof cel | undefined = cel): Expression {
  const found: string[] = []
  const expression = new ExpressionCompiler(library).compile(text, open, (rule, message) => found.push(`${rule}: ${message}`))
  if (expression === undefined) throw new Error(found.join('\n'))
  return expression
}

function scopeOf(input: Json): Scope {
  return {
    read: (root) => (root === 'input' ? input : undefined),
    task: (name) => (name === 'a' ? { status: 'completed', output: input, error: null } : undefined),
  }
}

const evaluate = (text: string, input: Json = null): Json => compile(text).evaluate(scopeOf(input))

describe('expressions', () => {
  test.each<[string, Json, Json]>([
    ['input + 1', 2, 3],
    ['input / 2', 7, 3],
    ['double(input) / 2.0', 7, 3.5],
    ['input * 2.0', 1.5, 3],
    ['input.a + input.b', { a: 'x', b: 'y' }, 'xy'],
    ['input.filter(x, x > 1).map(x, x * 10)', [1, 2, 3], [20, 30]],
    ['input.exists(x, x.ok)', [{ ok: false }, { ok: true }], true],
    ['has(input.a) && input.a == 1', { a: 1 }, true],
    ['has(input.a.b) || has(input.c)', { a: {} }, false],
    ['input.a.size() + size(input.b)', { a: 'abc', b: [1] }, 4],
    ['input["a b"][1]', { 'a b': [1, 2] }, 2],
    ['input[1].x', [{}, { x: 5 }], 5],
    ['{"n": input, "l": [1, 2.5, null, true]}', 3, { n: 3, l: [1, 2.5, null, true] }],
    ['input == null', null, true],
    ['input.a != null ? "yes" : "no"', { a: null }, 'no'],
    ['string(timestamp("2026-01-01T00:00:00Z") + duration("60s"))', 1, '2026-01-01T00:01:00Z'],
    ['tasks.a.status == "completed" && tasks.a.output.n > 1', { n: 2 }, true],
    ['input.name.matches("^a+$")', { name: 'aaa' }, true],
    ['input.a == input.a.b', { a: { b: 1 } }, false],
    ['9007199254740991 - 1', 0, 9_007_199_254_740_990],
    ['5u', 0, 5],
  ])('%s', (text, input, result) => {
    expect(evaluate(text, input)).toEqual(result)
  })

  test.each<[string, Json, RegExp]>([
    ['input.a + 1.5', { a: 1 }, /do not mix: convert with double\(x\) or int\(x\)/],
    ['input.b + 1', { a: 1 }, /b/],
    ['input.constructor + ""', {}, /constructor/],
    ['input.toString + ""', {}, /toString/],
    ['input.__proto__.x', {}, /__proto__/],
    ['input["__proto__"] == 1', {}, /__proto__/],
    ['b"abc"', 0, /no JSON, such as bytes/],
    ['timestamp("2026-01-01T00:00:00Z")', 0, /convert it with string/],
    ['9223372036854775807', 0, /too large for a JSON number/],
    ['1.0 / 0.0', 0, /Infinity/],
    ['{"__proto__": input}', 0, /__proto__/],
    ['1 / input', 0, /divi/],
    [
      'input.map(x, input.map(y, y)).size() > 0',
      Array.from({ length: 400 }, () => 1),
      /a list has 400 items; for an expression with these comprehensions the limit is 300/,
    ],
    ['size(input) + 1', Array.from({ length: 60_000 }, () => 1), /more than 50000 values/],
    ['input + input', 'x'.repeat(600_000), /longer than 1048576 characters/],
    ['input.map(x, x).size() > 0', Array.from({ length: 6000 }, () => 1), /a list has 6000 items; .* the limit is 5000/],
    ['input.map(x, [x, x, x, x, x, x, x, x, x, x, x, x])', Array.from({ length: 5000 }, () => 1), /gives more than 50000 values/],
  ])('%s fails with the reason', (text, input, reason) => {
    expect(() => evaluate(text, input)).toThrow(reason)
  })

  test('own members alone are read, whatever they are called', () => {
    const input = JSON.parse('{"constructor": 5, "hasOwnProperty": {"x": 6}}') as Json
    expect(evaluate('input.constructor + 1', input)).toBe(6)
    expect(evaluate('input.hasOwnProperty.x', input)).toBe(6)
    expect(() => evaluate('input.valueOf', input)).toThrow('input has no member "valueOf"')
  })

  test('a pattern that takes other engines for ever is done at once', () => {
    expect(evaluate('input.matches("^(a+)+$")', `${'a'.repeat(5000)}!`)).toBe(false)
  })

  test('a list as long as the limit is gone through', () => {
    const list = Array.from({ length: 5000 }, (_, n) => n)
    expect(evaluate('input.map(x, x + 1).filter(y, y > 4990).size()', list.slice(0, 300))).toBe(0)
    expect(evaluate('input.map(x, x + 1)', list)).toHaveLength(5000)
  })

  test('a million steps of nested comprehensions are refused, ninety thousand are done', () => {
    const list = Array.from({ length: 300 }, (_, n) => n)
    expect(evaluate('input.all(x, input.all(y, x + y >= 0))', list)).toBe(true)
  })
})

describe('a path', () => {
  const input: Json = { a: [{ 'b c': 1, in_: 2 }], d: null, e: 'text', f: 1.5, g: 7 }

  test.each([
    'input',
    'input.a',
    'input.a[0]',
    'input.a[0]["b c"]',
    "input.a[0]['in_']",
    'input.d',
    'input.f',
    'input.g',
    'tasks.a.status',
    'tasks.a.output.e',
    'tasks["a"].output',
  ])('%s means the same without the library', (text) => {
    expect(scanPath(text)).toBeDefined()
    const direct = compile(text, undefined).evaluate(scopeOf(input))
    expect(evaluate(`[${text}][0]`, input)).toEqual(direct)
  })

  test.each(['input.x', 'input.a[1]', 'input.a.b', 'input.e.length', 'input.a[0].x', 'tasks.b.output', 'nobody', 'input.d.x'])(
    '%s leads nowhere, with the library and without',
    (text) => {
      expect(() => compile(text, undefined).evaluate(scopeOf(input))).toThrow(/has no member|is not there/)
      expect(() => evaluate(`[${text}][0]`, input)).toThrow(/./)
    },
  )

  test.each([
    'true',
    'null',
    'in',
    '1',
    '"a"',
    'a.in',
    'a.b()',
    'a[b]',
    'a.',
    '.a',
    'a[-1]',
    'a["x\\"y"]',
    'size(a)',
    'a b',
    '',
    'a?b:c',
  ])('%s is more than a path, or none', (text) => {
    expect(scanPath(text)).toBeUndefined()
  })
})

describe('texts with expressions', () => {
  test.each<[string, readonly unknown[]]>([
    ['plain', ['plain']],
    ['${{ a }}', [{ expression: ' a ' }]],
    ['x ${{a}} y ${{b}}', ['x ', { expression: 'a' }, ' y ', { expression: 'b' }]],
    ['${{ {"a": {"b": 1}} }}', [{ expression: ' {"a": {"b": 1}} ' }]],
    ['${{ "}}" + \'}}\' }}', [{ expression: ' "}}" + \'}}\' ' }]],
    ['${{ "\\"}}" }}', [{ expression: ' "\\"}}" ' }]],
    ['$${{ a }}', ['${{ a }}']],
    ['$$${{ a }}', ['$${{ a }}']],
    ['${ {a} }', ['${ {a} }']],
  ])('%s', (text, parts) => {
    expect(splitText(text)).toEqual(parts)
  })

  test.each(['${{ a', 'x ${{ a }', '${{ "a }}', '${{ {"a": 1 }}'])('%s is not closed', (text) => {
    expect(() => splitText(text)).toThrow(UnclosedError)
  })
})

describe('durations', () => {
  test.each<[string, number | undefined]>([
    ['500ms', 500],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1.5h', 5_400_000],
    ['2w', 1_209_600_000],
    ['0s', 0],
    ['PT15M', 900_000],
    ['P1DT12H', 129_600_000],
    ['P2W', 1_209_600_000],
    ['PT0.5S', 500],
    ['P', undefined],
    ['PT', undefined],
    ['P1Y', undefined],
    ['', undefined],
    ['5', undefined],
    ['5 s', undefined],
    ['-5s', undefined],
    ['s', undefined],
    ['9999999999d', undefined],
    ['1s'.repeat(60), undefined],
  ])('%s', (text, ms) => {
    expect(durationMs(text)).toBe(ms)
  })
})

test.each([
  ['read', undefined, 1, false],
  ['read', 3, 1, false],
  ['read', 3, 2, false],
  ['read-it_2', undefined, 12, true],
  ['read', 0, 2, true],
] as const)('a key of %s, item %s, attempt %s reads back', (task, item, attempt, isPause) => {
  expect(readKey(effectKey(task, item, attempt, isPause))).toEqual({ task, item, attempt, isPause })
  expect(readKey('a[b]')).toBeUndefined()
})
