/**
 * The conformance tests of CEL's own specification, put through the expressions of documents: what they read and give is
 * JSON, and what their limits and checks refuse must be refused for a reason that is listed here.
 */
import { tests as specification } from '@bufbuild/cel-spec/testdata/conformance.js'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../core/index.ts'
import { loadCel } from './cel.ts'
import { ExpressionCompiler } from './expression.ts'
import type { ProblemRule } from './problem.ts'
import { ANY } from './value-type.ts'

/** A value of the specification: one member that names the type. */
type Value = Readonly<Record<string, unknown>>
type Entry = { readonly key: Value; readonly value: Value }

interface Case {
  readonly name?: string
  readonly expr: string
  readonly bindings?: Readonly<Record<string, { readonly value?: Value }>>
  readonly value?: Value
  readonly typedResult?: { readonly result?: Value }
  readonly evalError?: unknown
  readonly anyEvalErrors?: unknown
  readonly checkOnly?: boolean
  readonly disableMacros?: boolean
  readonly container?: string
}

interface Suite {
  readonly name: string
  readonly suites?: readonly Suite[]
  readonly tests?: readonly { readonly original: unknown }[]
}

const NO_JSON = Symbol('no JSON')

/** A value taken apart: the type that it names, and the values in it. */
function takeApart(value: Value): {
  readonly type: string
  readonly given: unknown
  readonly keys: readonly Value[]
  readonly inner: readonly Value[]
} {
  const [type = '', given] = Object.entries(value)[0] ?? []
  const { values = [], entries = [] } = (given ?? {}) as {
    readonly values?: readonly Value[]
    readonly entries?: readonly Entry[]
  }
  return {
    type,
    given,
    keys: entries.map(({ key }) => key),
    inner: type === 'mapValue' ? entries.map((entry) => entry.value) : values,
  }
}

const AS_IT_IS: readonly string[] = ['nullValue', 'boolValue', 'stringValue']
const WHOLE: readonly string[] = ['int64Value', 'uint64Value']

/** What a value is in JSON, if it is anything there. */
function toJson(value: Value): Json | typeof NO_JSON {
  const { type, given, keys, inner } = takeApart(value)
  if (type === 'nullValue') return null
  if (AS_IT_IS.includes(type)) return given as Json
  if (WHOLE.includes(type)) return Number.isSafeInteger(Number(given)) ? Number(given) : NO_JSON
  if (type === 'doubleValue') return typeof given === 'number' ? given + 0 : NO_JSON
  if (type !== 'listValue' && type !== 'mapValue') return NO_JSON
  const values = inner.map(toJson)
  if (values.includes(NO_JSON)) return NO_JSON
  if (type === 'listValue') return values as Json[]
  return Object.fromEntries(keys.map((key, index) => [String(Object.values(key)[0]), values[index] as Json]))
}

/** Whether an expression of a document can read a value as what it is. */
function isReadable(value: Value): boolean {
  const { type, given, keys, inner } = takeApart(value)
  if (AS_IT_IS.includes(type)) return true
  if (type === 'int64Value') return Number.isSafeInteger(Number(given))
  // JSON writes 1.0 and 1 alike, and both are read as whole numbers.
  if (type === 'doubleValue') return typeof given === 'number' && !Number.isInteger(given)
  if (type !== 'listValue' && type !== 'mapValue') return false
  return keys.every((key) => 'stringValue' in key) && inner.every(isReadable)
}

/** What documents have not, by what the compiler says of it. */
const REFUSALS: readonly (readonly [rule: ProblemRule, text: RegExp, why: string])[] = [
  ['expression-name', /makes a "/, 'makes a message of a type'],
  ['expression-name', /calls "[^"]+", which is no function/, 'calls a function of an extension, or one that does not exist'],
  ['expression-syntax', /optional|\?|`|cel\.block/, 'uses the syntax of optional values or of quoted names'],
  // The specification has these with its checker switched off; documents have no such switch.
  ['expression-type', /cannot be used with|needs true or false/, 'does not pass the check of types'],
  ['expression-limit', /the limit is|nested deeper|a pattern that is computed/, 'is past a limit'],
]

const cel = await loadCel()

/** What a case comes to: one of the good ends, a reason to pass it over, or a difference. */
function outcome(given: Case): string {
  if (given.checkOnly === true) return 'skipped: is about the types of the specification alone'
  if (given.disableMacros === true) return 'skipped: switches macros off'
  if (given.container !== undefined) return 'skipped: is about the namespaces of messages'
  const bindings = Object.entries(given.bindings ?? {}).map(([name, { value }]) => [name, value ?? {}] as const)
  if (bindings.some(([name]) => name.includes('.'))) return 'skipped: binds a name with dots'
  if (!bindings.every(([, value]) => isReadable(value))) return 'skipped: reads what is not in JSON'
  return evaluated(given, new Map(bindings.map(([name, value]) => [name, toJson(value) as Json])))
}

type Scoped = ReadonlyMap<string, Json>

function compile(text: string, refuse: (rule: ProblemRule, message: string) => void): ReturnType<ExpressionCompiler['compile']> {
  return new ExpressionCompiler(cel).compile(text, { resolve: () => ANY }, refuse)
}

function evaluated(given: Case, scope: Scoped): string {
  const { expr, evalError, anyEvalErrors } = given
  let refusal: string | undefined
  const expression = compile(expr, (rule, message) => (refusal ??= whyRefused(rule, message, expr)))
  if (expression === undefined) return refusal ?? 'different: refused without a reason'
  const mustFail = evalError !== undefined || anyEvalErrors !== undefined
  let result: Json
  try {
    result = expression.evaluate({ read: (root) => scope.get(root), task: () => undefined })
  } catch (error) {
    if (mustFail) return 'fails as it must'
    return toJson(valueOf(given)) === NO_JSON ? 'refuses to give what is no JSON' : `different: ${(error as Error).message}`
  }
  return mustFail ? `different: it gives ${JSON.stringify(result)}` : compared(given, scope, result)
}

function whyRefused(rule: ProblemRule, message: string, expr: string): string {
  const known = REFUSALS.find(([one, text]) => one === rule && text.test(rule === 'expression-syntax' ? expr : message))
  return known === undefined ? `different: refused, ${message}` : `skipped: ${known[2]}`
}

function valueOf({ value, typedResult }: Case): Value {
  return value ?? typedResult?.result ?? { boolValue: true }
}

function compared(given: Case, scope: Scoped, result: Json): string {
  const expected = toJson(valueOf(given))
  if (expected === NO_JSON || JSON.stringify(sorted(expected)) !== JSON.stringify(sorted(result)))
    return `different: it gives ${JSON.stringify(result)}`
  if (isReadable(valueOf(given)) && !isReadAlike(given.expr, expected, scope))
    return 'different: its value is not the same when it is read'
  return 'gives what it must'
}

/** The value of the specification, read as an input, is the same to CEL, of the same type too. */
function isReadAlike(expr: string, expected: Json, scope: Scoped): boolean {
  const text = `type(expected__) == type(${expr}\n) && expected__ == (${expr}\n)`
  const expression = compile(text, (rule, message) => {
    throw new Error(`${rule}: ${message}`)
  })
  return (
    expression?.evaluate({ read: (root) => (root === 'expected__' ? expected : scope.get(root)), task: () => undefined }) === true
  )
}

function sorted(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => sorted(item as Json))
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  )
}

function casesOf(suite: Suite): readonly Case[] {
  return [...(suite.tests ?? []).map(({ original }) => original as Case), ...(suite.suites ?? []).flatMap(casesOf)]
}

/** Known not to hold: the library takes 0 and 0u for two keys of a map, and the specification for one that is there twice. */
const KNOWN: readonly string[] = ['{0: 1, 0u: 2}[0.0]']

/** Sections that are about plain CEL, and how many of their cases must be carried out. */
const SECTIONS: Readonly<Record<string, number>> = {
  basic: 41,
  comparisons: 315,
  conversions: 109,
  fields: 48,
  fp_math: 30,
  integer_math: 64,
  lists: 39,
  logic: 22,
  macros: 44,
  parse: 176,
  plumbing: 5,
  string: 51,
  timestamps: 75,
  type_deductions: 12,
}

describe("CEL's own conformance tests", () => {
  const sections = (specification as Suite).suites ?? []

  test.each(sections.map((section) => [section.name, section] as const))('%s', (name, section) => {
    const outcomes = casesOf(section).map((given) => [given.expr, outcome(given)] as const)
    const different = outcomes.filter(([expr, end]) => end.startsWith('different') && !KNOWN.includes(expr))
    expect(different).toEqual([])
    const carriedOut = outcomes.filter(([, end]) => !end.startsWith('skipped') && !end.startsWith('different'))
    expect(carriedOut.length).toBe(SECTIONS[name] ?? 0)
  })

  test('what is passed over is passed over for these reasons', () => {
    const counts: Record<string, number> = {}
    for (const given of sections.flatMap(casesOf)) {
      const end = outcome(given)
      if (end.startsWith('skipped')) counts[end.slice('skipped: '.length)] = (counts[end.slice('skipped: '.length)] ?? 0) + 1
    }
    expect(counts).toEqual({
      'binds a name with dots': 6,
      'calls a function of an extension, or one that does not exist': 529,
      'does not pass the check of types': 25,
      'is about the namespaces of messages': 515,
      'is about the types of the specification alone': 25,
      'is past a limit': 1,
      'makes a message of a type': 91,
      'reads what is not in JSON': 78,
      'uses the syntax of optional values or of quoted names': 42,
    })
  })
})
