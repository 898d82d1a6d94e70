import type { Failure, Json } from '../../core/index.ts'

/** The input of a compensating run of a workflow. */
export type Undo = {
  /** Of the run that is made good. */
  readonly input: Json
  /** Compensations to run, in their order. */
  readonly compensations: readonly string[]
  /** Why: `RUN_CANCELLED` or `RUN_TIMEOUT`. */
  readonly failure: Failure
  /** Where its tasks stood; the outputs of those that compensations read. */
  readonly tasks: readonly UndoTask[]
}

/** A task of the run that is made good. */
export type UndoTask = {
  readonly name: string
  readonly status: 'completed' | 'failed' | 'skipped'
  readonly output?: Json
  readonly failure?: Failure
}
