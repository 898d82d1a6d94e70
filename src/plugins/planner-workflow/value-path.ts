import type { Json, JsonObject } from '../../core/index.ts'

/** A name and the steps that lead from it to a value: `tasks.search.output.hits[0]`. */
export interface ValuePath {
  readonly root: string
  readonly steps: readonly (string | number)[]
}

/** What expressions can read; `undefined` for a name that is not there. */
export interface Scope {
  /** A variable. */
  read(root: string): Json | undefined
  /** What is known of a task. */
  task(name: string): TaskResult | undefined
}

/** A task as expressions see it. */
export type TaskResult = {
  readonly status: 'pending' | 'completed' | 'failed' | 'skipped'
  /** `null` unless it has completed. */
  readonly output: Json
  /** `null` unless it has failed. */
  readonly error: { readonly code: string; readonly message: string } | null
}

/** Words of CEL that cannot be names. */
const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

/**
 * Reads the commonest of all expressions, a name with steps, without any library; `undefined` for everything else.
 * What it takes means the same in CEL.
 */
export function scanPath(text: string): ValuePath | undefined {
  const source = text.trim()
  const word = /[A-Za-z_][A-Za-z0-9_]*/y
  const root = word.exec(source)?.[0]
  if (root === undefined || RESERVED.has(root)) return undefined
  const steps: (string | number)[] = []
  const step = /\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d{1,6})\]|\["([^"\\\n]*)"\]|\['([^'\\\n]*)'\]/y
  step.lastIndex = root.length
  while (step.lastIndex < source.length) {
    const match = step.exec(source)
    if (match === null || RESERVED.has(match[1] ?? '')) return undefined
    steps.push(match[2] === undefined ? (match[1] ?? match[3] ?? match[4] ?? '') : Number(match[2]))
  }
  return { root, steps }
}

/** Writes a path as it stands in expressions. */
export function pathText({ root, steps }: ValuePath): string {
  return root + stepsText(steps)
}

/** Writes steps as they stand in expressions. */
export function stepsText(steps: readonly (string | number)[]): string {
  return steps.map(stepText).join('')
}

function stepText(step: string | number): string {
  return typeof step === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
}

/** What stands at a path, and how many steps lead there: fewer than all where a step leads nowhere. */
export interface Found {
  readonly value: Json | undefined
  readonly steps: number
}

/** Follows a path, by own properties alone. */
export function followPath(scope: Scope, { root, steps }: ValuePath): Found {
  let value: Json | undefined
  let index = 0
  if (root === 'tasks' && typeof steps[0] === 'string') {
    value = scope.task(steps[0])
    index = 1
    if (value === undefined) return { value: undefined, steps: 0 }
  } else {
    value = scope.read(root)
    if (value === undefined) return { value, steps: -1 }
  }
  for (; index < steps.length; index += 1) {
    const next = member(value, steps[index] as string | number)
    if (next === undefined) return { value, steps: index }
    value = next
  }
  return { value, steps: index }
}

function member(value: Json, step: string | number): Json | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return typeof step === 'number' ? (value[step] as Json | undefined) : undefined
  return typeof step === 'string' && Object.hasOwn(value, step) ? (value as JsonObject)[step] : undefined
}
