import type { Json, JsonObject } from '../../core/index.ts'
import { readJson } from '../../planning/index.ts'
import { type Label, readLabel } from './label.ts'

/**
 * What a model wrote in one turn.
 *
 * @property type `malformed`: neither an action nor a final answer could be read.
 * @property action What stands behind `Action:`: the tool, as the model names it.
 * @property input The arguments; `{}` where none were written.
 * @property hasInput Arguments were written.
 * @property cut The model had gone on behind its first action.
 * @property text The final answer, never empty.
 * @property problem What is wrong, as the model can be told.
 */
export type ReactTurn =
  /** `cut` when the model had gone on behind its first action, an observation of its own invention included. */
  | {
      readonly type: 'action'
      readonly action: string
      readonly input: JsonObject
      /** Arguments were written. */
      readonly hasInput: boolean
      readonly cut: boolean
    }
  | { readonly type: 'final'; readonly text: string }
  | { readonly type: 'malformed'; readonly problem: string }

/**
 * Reads a turn of thought, action, action input and final answer. What comes first counts: an action (the rest is cut), or
 * a final answer (which goes on to the end of the text).
 *
 * Tolerated: labels in any case and with Markdown marks around them, prose and code fences around the JSON, an action in
 * quotes or backticks or on the next line, arguments behind the action's name, no arguments at all. Not tolerated, because
 * it would be guessing: text without labels, arguments that are not a JSON object.
 *
 * Works in one pass over the lines, in time proportional to the length of the text.
 */
export function parseReactTurn(text: string): ReactTurn {
  let action: { readonly start: number; end: number } | undefined
  let input: { readonly start: number; end: number } | undefined
  let sawInputFirst = false
  let cut = false
  for (const line of labelledLines(text)) {
    if (action === undefined) {
      if (line.label === 'final answer') return finalTurn(text.slice(line.valueStart))
      if (line.label === 'action') action = { start: line.valueStart, end: text.length }
      if (line.label === 'action input') sawInputFirst = true
      continue
    }
    if (line.label === 'action input' && input === undefined) {
      action.end = line.start
      input = { start: line.valueStart, end: text.length }
      continue
    }
    if (input === undefined) action.end = line.start
    else input.end = line.start
    cut = true
    break
  }
  if (action === undefined) {
    return malformed(
      sawInputFirst
        ? 'there is an "Action Input:" without an "Action:" before it'
        : 'there is neither an "Action:" nor a "Final Answer:"',
    )
  }
  return actionTurn(
    text.slice(action.start, action.end),
    input === undefined ? undefined : text.slice(input.start, input.end),
    cut,
  )
}

interface LabelledLine {
  readonly label: Label
  readonly start: number
  readonly valueStart: number
}

function* labelledLines(text: string): Generator<LabelledLine> {
  let start = 0
  while (start <= text.length) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    const found = readLabel(text, start, end)
    if (found !== undefined) yield { start, ...found }
    start = end + 1
  }
}

function malformed(problem: string): ReactTurn {
  return { type: 'malformed', problem }
}

function finalTurn(region: string): ReactTurn {
  let text = region.trim()
  // The closing fence of a turn that stands in a fence as a whole.
  if (text.endsWith('```') && text.split('```').length % 2 === 0) text = text.slice(0, -3).trim()
  return text === '' ? malformed('there is nothing behind "Final Answer:"') : { type: 'final', text }
}

function actionTurn(region: string, inputRegion: string | undefined, cut: boolean): ReactTurn {
  const named = readName(region)
  if (named === undefined) return malformed('there is no tool name behind "Action:"')
  const inline = inputRegion === undefined && /[{[]/.test(named.rest)
  const written = withoutFences(inline ? named.rest : (inputRegion ?? ''))
  if (written === '') return { type: 'action', action: named.name, input: {}, hasInput: false, cut }
  const input = readJson(written, isObject)
  if (input === undefined) return malformed(`the Action Input of "${named.name}" is not a JSON object such as {"name": "value"}`)
  return { type: 'action', action: named.name, input: input as JsonObject, hasInput: true, cut }
}

function withoutFences(region: string): string {
  const text = region.trim()
  return /^`{3,}\w*$/.test(text) ? '' : text
}

function isObject(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const WRAPPERS = '"\'`*'
const NAME_END = ' \t\r({[,"\'`*:'

/** A tool's name and what follows it: the first line that says anything, without the quotes around it. */
function readName(region: string): { readonly name: string; readonly rest: string } | undefined {
  const text = region.trimStart()
  let start = 0
  if (text.startsWith('```')) {
    const newline = text.indexOf('\n')
    if (newline < 0) return undefined
    start = newline + 1
  }
  while (start < text.length && (WRAPPERS.includes(text.charAt(start)) || text.charAt(start).trim() === '')) start += 1
  let end = start
  while (end < text.length && text.charAt(end) !== '\n' && !NAME_END.includes(text.charAt(end))) end += 1
  return end === start ? undefined : { name: text.slice(start, end), rest: text.slice(end) }
}
