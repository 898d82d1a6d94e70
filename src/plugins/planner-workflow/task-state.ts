import type { Effect, Failure, Json } from '../../core/index.ts'
import type { GraphTask } from './graph.ts'
import type { TaskResult } from './value-path.ts'

/** Where a task stands in a run. */
export type TaskStatus = 'pending' | 'running' | 'waiting' | 'completed' | 'failed' | 'skipped' | 'cancelled'

/** A `forEach` under way. */
export interface Fan {
  /** What carries each item out; `undefined` where its input could not be made. */
  readonly effects: readonly (Effect | undefined)[]
  readonly results: Json[]
  /** The first item that has not been begun. */
  next: number
  /** Items that were asked for, those of them that are over, and those that could not be begun. */
  asked: number
  settled: number
  broken: number
  /** Of the first item that failed. */
  failure: Failure | undefined
  /** No more items are begun. */
  isStopped: boolean
}

/** A task in a run: all of it follows from the history. */
export class TaskState {
  readonly task: GraphTask
  status: 'pending' | 'running' | 'completed' | 'failed' | 'skipped' = 'pending'
  /** Needed tasks that have not settled. */
  missing: number
  /** Needed tasks that went well. */
  good = 0
  output: Json = null
  failure: Failure | undefined
  /** Why it was skipped. */
  reason: string | undefined
  fan: Fan | undefined

  constructor(task: GraphTask) {
    this.task = task
    this.missing = task.needs.length
  }

  get result(): TaskResult {
    const { status, output, failure } = this
    return {
      status: status === 'running' ? 'pending' : status,
      output,
      error: failure === undefined ? null : { code: failure.code, message: failure.message },
    }
  }
}

/** What a condition came to, why a task was skipped, or why it failed before it was begun: for readers of the history. */
export type WorkflowNote = {
  /** The task's name. */
  readonly task: string
  /** The verdict of `if`. */
  readonly condition?: boolean
  /** What the condition read. */
  readonly inputs?: { readonly [path: string]: Json }
  /** Why it was skipped. */
  readonly skipped?: string
  /** Why it could not be begun. */
  readonly failed?: string
}

/** What a workflow keeps in the history with a decision: what was noted since the last one. */
export type WorkflowState = {
  /** Notes so far, these included. */
  readonly upTo: number
  /** In the order in which they were made. */
  readonly notes: readonly WorkflowNote[]
}

/** A value for a note: texts are cut, lists and maps counted. */
export function brief(value: Json | undefined): Json {
  if (value === undefined) return null
  if (typeof value === 'string') return value.length > 100 ? `${value.slice(0, 97)}…` : value
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) ? `a list of ${value.length}` : `a map of ${Object.keys(value).length}`
}
