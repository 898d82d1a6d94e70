import { type Json, OpspawnError, pointer } from '../../core/index.ts'
import { WORKFLOW_LIMITS } from './limits.ts'

/** What kind of mistake a problem is. */
export type ProblemRule =
  | 'syntax'
  | 'limit'
  | 'forbidden'
  | 'duplicate-key'
  | 'unknown-key'
  | 'missing-key'
  | 'type'
  | 'task-kind'
  | 'needs'
  | 'cycle'
  | 'compensation'
  | 'unknown-tool'
  | 'unknown-agent'
  | 'duration'
  | 'expression-syntax'
  | 'expression-limit'
  | 'expression-name'
  | 'expression-path'
  | 'expression-type'

/** One mistake in a document. */
export interface WorkflowProblem {
  /** The kind of mistake. */
  readonly rule: ProblemRule
  /** What is wrong, the value, and what to do. */
  readonly message: string
  /** JSON Pointer into the document. */
  readonly path: string
  /** From 1; absent where the document was no text. */
  readonly line?: number
  /** In characters, from 1. */
  readonly column?: number
}

/** A place in a document's text. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Keys and indices from the document's root. */
export type Path = readonly (string | number)[]

/** Where the values of a document stand. */
export interface Places {
  /** Of a value; `'key'` for the key in front of it. */
  (path: Path, what?: 'key'): Place | undefined
}

/** Collects problems, in the order of their places at the end. */
export class Report {
  readonly #problems: WorkflowProblem[] = []
  readonly #places: Places
  #left = 0

  constructor(places: Places) {
    this.#places = places
  }

  get isEmpty(): boolean {
    return this.#problems.length === 0
  }

  /** There were more problems than are listed. */
  get isCut(): boolean {
    return this.#left > 0
  }

  /** Notes a problem. `at` overrides the place, or moves it to the right by a number of characters. */
  add(rule: ProblemRule, path: Path, message: string, at?: 'key' | Place): void {
    if (this.#problems.length >= WORKFLOW_LIMITS.problems) {
      this.#left += 1
      return
    }
    const place = typeof at === 'object' ? at : this.#place(path, at)
    this.#problems.push({ rule, message, path: path.length === 0 ? '' : pointer(path), ...place })
  }

  #place(path: Path, what: 'key' | undefined): Place | undefined {
    // A missing member has no place: that of the map around it is the nearest.
    for (let length = path.length; length >= 0; length -= 1) {
      const place = this.#places(path.slice(0, length), what)
      if (place !== undefined) return place
    }
    return undefined
  }

  /** All of them, sorted by place. */
  list(): readonly WorkflowProblem[] {
    const sorted = this.#problems.toSorted(
      (left, right) => (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0),
    )
    if (this.#left === 0) return sorted
    return [...sorted, { rule: 'limit', message: `and ${this.#left} more problems, which are not listed`, path: '' }]
  }
}

/** One line for people: `file.yaml:3:5 unknown key "tol" (/tasks/a/tol)`. */
export function describeProblem({ message, path, line, column }: WorkflowProblem, file?: string): string {
  const place = line === undefined ? '' : `${line}:${column}`
  const where = file === undefined ? place : place === '' ? file : `${file}:${place}`
  return `${where}${where === '' ? '' : ' '}${message}${path === '' ? '' : ` (${path})`}`
}

/** The error that holds all problems of a document. */
export function documentError(problems: readonly WorkflowProblem[], file: string | undefined): OpspawnError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  const lines = problems.map((problem) => `  ${describeProblem(problem, file)}`)
  return new OpspawnError('AGENT_INVALID', `the workflow document has ${count}:\n${lines.join('\n')}`, {
    details: { problems: problems as unknown as Json },
  })
}
