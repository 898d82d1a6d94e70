import { isDeepStrictEqual } from 'node:util'
import type { ModelCallOptions } from '../core/index.ts'
import { lastToolResults, lastUserText, promptText, systemText } from './prompt-text.ts'

/** A text to find: part of it, or a pattern. */
export type TextPattern = string | RegExp

/**
 * What a call must ask. A function refuses by returning `false` or a sentence, or by throwing, so that assertions of any
 * test runner can stand in it. Of an object every member given must hold.
 */
export type CallExpectation = CallMatcher | PartialExpectation

/** See {@link CallExpectation}. */
export type CallMatcher = (options: ModelCallOptions, index: number) => boolean | string | void

/** See {@link CallExpectation}. */
export interface PartialExpectation {
  /** The last user message: a string is all of it, a pattern must match. */
  readonly lastUserText?: TextPattern
  /** Found in the system messages. */
  readonly system?: TextPattern
  /** Found anywhere in the prompt. */
  readonly promptIncludes?: TextPattern | readonly TextPattern[]
  /** Found nowhere in the prompt. */
  readonly promptExcludes?: TextPattern | readonly TextPattern[]
  /** Results since the last answer, all of them in order: equal values; a pattern is held against the text. */
  readonly toolResults?: readonly unknown[]
  /** Names of the tools on offer, all of them in any order. */
  readonly toolNames?: readonly string[]
  /** How many messages the prompt has. */
  readonly messages?: number
  /** Members of the call options that must be equal, such as `temperature` or `toolChoice`. */
  readonly options?: Readonly<Record<string, unknown>>
}

type Checks = {
  readonly [M in keyof PartialExpectation]-?: (
    wanted: NonNullable<PartialExpectation[M]>,
    options: ModelCallOptions,
  ) => readonly string[]
}

const CHECKS: Checks = {
  lastUserText(wanted, options) {
    const actual = lastUserText(options)
    const met = typeof wanted === 'string' ? actual === wanted : actual !== undefined && matches(wanted, actual)
    return met ? [] : [difference('lastUserText', wanted, actual)]
  },
  system(wanted, options) {
    const actual = systemText(options)
    return matches(wanted, actual) ? [] : [difference('system', wanted, actual)]
  },
  promptIncludes(wanted, options) {
    const actual = promptText(options)
    const unmet = list(wanted).filter((pattern) => !matches(pattern, actual))
    return unmet.map((pattern) => difference('promptIncludes', pattern, actual))
  },
  promptExcludes(wanted, options) {
    const actual = promptText(options)
    const unmet = list(wanted).filter((pattern) => matches(pattern, actual))
    return unmet.map((pattern) => difference('promptExcludes', pattern, actual))
  },
  toolResults(wanted, options) {
    const actual = lastToolResults(options).map((result) => result.value)
    const met = wanted.length === actual.length && wanted.every((value, at) => sameResult(value, actual[at]))
    return met ? [] : [difference('toolResults', wanted, actual)]
  },
  toolNames(wanted, options) {
    const actual = (options.tools ?? []).map((tool) => tool.name).toSorted()
    const sorted = wanted.toSorted()
    return isDeepStrictEqual(sorted, actual) ? [] : [difference('toolNames', sorted, actual)]
  },
  messages(wanted, options) {
    const { length } = options.prompt
    return wanted === length ? [] : [difference('messages', wanted, length)]
  },
  options(wanted, options) {
    const actual = options as unknown as Readonly<Record<string, unknown>>
    const unmet = Object.keys(wanted).filter((member) => !isDeepStrictEqual(wanted[member], actual[member]))
    return unmet.map((member) => difference(`options.${member}`, wanted[member], actual[member]))
  },
}

/** Compares a call with an expectation; gives what differs, one line each. */
export function unmetExpectations(expected: CallExpectation, options: ModelCallOptions, index: number): readonly string[] {
  if (typeof expected === 'function') return unmetFunction(expected, options, index)
  return Object.entries(expected).flatMap(([member, wanted]) => {
    const check = Object.hasOwn(CHECKS, member)
      ? (CHECKS[member as keyof Checks] as (wanted: unknown, options: ModelCallOptions) => readonly string[])
      : undefined
    // A misspelt member would otherwise let every call pass.
    if (check === undefined) return [`${member} is nothing that can be expected; known: ${Object.keys(CHECKS).join(', ')}`]
    return wanted === undefined ? [] : check(wanted, options)
  })
}

function unmetFunction(expected: CallMatcher, options: ModelCallOptions, index: number): readonly string[] {
  try {
    const verdict = expected(options, index)
    if (verdict === false) return [`the matcher ${expected.name === '' ? '' : `${expected.name} `}returned false`]
    return typeof verdict === 'string' ? [verdict] : []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

function list(patterns: TextPattern | readonly TextPattern[]): readonly TextPattern[] {
  return typeof patterns === 'string' || patterns instanceof RegExp ? [patterns] : patterns
}

function matches(pattern: TextPattern, text: string): boolean {
  // A global or sticky pattern remembers where it stopped; `search` does not.
  return typeof pattern === 'string' ? text.includes(pattern) : text.search(pattern) !== -1
}

function sameResult(wanted: unknown, actual: unknown): boolean {
  if (wanted instanceof RegExp) return matches(wanted, typeof actual === 'string' ? actual : JSON.stringify(actual ?? null))
  return isDeepStrictEqual(wanted, actual)
}

function difference(member: string, expected: unknown, actual: unknown): string {
  return `${member}: expected ${show(expected)}, actual ${show(actual)}`
}

/** A value in one line, cut where it is long. */
export function show(value: unknown): string {
  const text = value instanceof RegExp ? String(value) : (JSON.stringify(value, showPatterns) ?? String(value))
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text
}

function showPatterns(_key: string, value: unknown): unknown {
  return value instanceof RegExp ? String(value) : value
}
