import { canonicalJson, pointer, type Json, type JsonObject } from '../core/index.ts'

/** One place in which two requests differ; an absent side is `undefined`. */
export interface Difference {
  /** JSON Pointer. */
  readonly path: string
  readonly recorded: Json | undefined
  readonly asked: Json | undefined
}

/** Compares two values member by member, in the order of the recorded one. */
export function differences(
  recorded: Json | undefined,
  asked: Json | undefined,
  path: readonly PropertyKey[] = [],
): readonly Difference[] {
  if (recorded === undefined || asked === undefined) return recorded === asked ? [] : [{ path: pointer(path), recorded, asked }]
  if (Array.isArray(recorded) && Array.isArray(asked)) {
    const longest = Math.max(recorded.length, asked.length)
    return Array.from({ length: longest }, (_, at) => differences(recorded[at] as Json, asked[at] as Json, [...path, at])).flat()
  }
  if (isObject(recorded) && isObject(asked)) {
    const keys = new Set([...Object.keys(recorded), ...Object.keys(asked)])
    return [...keys].flatMap((key) => differences(recorded[key], asked[key], [...path, key]))
  }
  return canonicalJson(recorded) === canonicalJson(asked) ? [] : [{ path: pointer(path), recorded, asked }]
}

/** How far apart two requests are: places, where texts that begin alike count for less than a whole one. */
export function distance(all: readonly Difference[]): number {
  return all.reduce((sum, { recorded, asked }) => {
    if (typeof recorded !== 'string' || typeof asked !== 'string') return sum + 1
    return sum + 1 - sameStart(recorded, asked) / Math.max(recorded.length, asked.length)
  }, 0)
}

function sameStart(left: string, right: string): number {
  let same = 0
  while (same < left.length && left[same] === right[same]) same += 1
  return same
}

/** Writes differences for people: one each line, the first few. */
export function describeDifferences(all: readonly Difference[], most = 5): string {
  const shown = all.slice(0, most).map((one) => `  ${one.path}: ${describe(one)}`)
  return all.length > most ? `${shown.join('\n')}\n  and ${all.length - most} more` : shown.join('\n')
}

function describe({ recorded, asked }: Difference): string {
  if (typeof recorded !== 'string' || typeof asked !== 'string') return `recorded ${brief(recorded)}, asked ${brief(asked)}`
  // Long texts often differ in one word in their middle: show that.
  const start = Math.max(recorded.length, asked.length) > 80 ? Math.max(0, sameStart(recorded, asked) - 30) : 0
  return `recorded ${excerpt(recorded, start)}, asked ${excerpt(asked, start)}`
}

function excerpt(text: string, start: number): string {
  const cut = text.slice(start, start + 80)
  return `${start > 0 ? '…' : ''}${JSON.stringify(cut)}${start + cut.length < text.length ? '…' : ''}`
}

function brief(value: Json | undefined): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
