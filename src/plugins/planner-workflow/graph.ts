import type { TaskRule } from '../../core/index.ts'
import type { WorkflowDocument, TaskKind } from './document.ts'
import type { Expression } from './expression.ts'
import type { Template } from './template.ts'

/** A task made ready: everything that is computed once, when a document is loaded. */
export interface GraphTask {
  readonly index: number
  readonly name: string
  readonly kind: TaskKind
  /** The tool or agent that it uses, or the signal. */
  readonly target: string
  readonly input: Template | undefined
  readonly needs: readonly number[]
  readonly dependents: readonly number[]
  readonly join: 'all' | 'any' | 'settled'
  readonly condition: Expression | undefined
  readonly forEach: Template | undefined
  readonly concurrency: number
  readonly retry: GraphRetry
  /** A duration: the time limit of a call, the deadline of a wait, the length of a sleep. */
  readonly duration: Template | undefined
  /** The same in milliseconds, where no expression is in it. */
  readonly fixedMs: number | undefined
  readonly question: Template | undefined
  readonly details: Template | undefined
  readonly failure: 'fail' | 'skip' | 'continue'
  /** With names. */
  readonly rules: readonly TaskRule[] | undefined
  readonly onFailure: readonly number[]
  /** It runs only when another task, or the workflow, has failed. */
  readonly isCompensation: boolean
}

/** How a task is tried again. */
export interface GraphRetry {
  /** 1 where the document says nothing: a tool's own policy holds then. */
  readonly attempts: number
  readonly isGiven: boolean
  readonly baseMs: number
  readonly maxMs: number
}

/** A document made ready. */
export interface Graph {
  readonly document: WorkflowDocument
  readonly tasks: readonly GraphTask[]
  readonly byName: ReadonlyMap<string, GraphTask>
  /** Tasks of the ordinary course, each behind those that it needs. */
  readonly sorted: readonly number[]
  /** Tasks of the ordinary course that no other one needs. */
  readonly leaves: readonly number[]
  readonly output: Template | undefined
  readonly onFailure: readonly number[]
}
