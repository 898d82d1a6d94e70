import { type Effect, type Failure, type Json, OpspawnError, toFailure } from '../../core/index.ts'
import type { GraphTask } from './graph.ts'
import { effectKey } from './keys.ts'
import { WORKFLOW_LIMITS } from './limits.ts'
import type { RunScope } from './run-scope.ts'
import { taskEffect } from './task-effect.ts'
import { brief, type Fan, type WorkflowNote } from './task-state.ts'
import { fillTemplate } from './template.ts'
import { followPath, pathText } from './value-path.ts'

/** Whether a task runs, by its condition, with the note of why. */
export interface Verdict {
  readonly runs: boolean
  readonly note: WorkflowNote | undefined
  readonly failure: Failure | undefined
}

const RUNS: Verdict = { runs: true, note: undefined, failure: undefined }

/** Evaluates a task's condition, and writes down what it read. */
export function judge(task: GraphTask, scope: RunScope): Verdict {
  const { name, condition } = task
  if (condition === undefined) return RUNS
  const inputs: Record<string, Json> = {}
  for (const path of condition.paths) inputs[pathText(path)] = brief(foundValue(scope, path))
  try {
    const verdict = condition.evaluate(scope)
    if (typeof verdict !== 'boolean') throw new Error(`it gives ${JSON.stringify(brief(verdict))}, not true or false`)
    const skipped = verdict ? undefined : { skipped: 'its condition is false' }
    return { runs: verdict, note: { task: name, condition: verdict, inputs, ...skipped }, failure: undefined }
  } catch (error) {
    const failure = expressionFailure(`the condition of task "${name}" (${condition.text})`, error)
    return { runs: false, note: { task: name, inputs, failed: failure.message }, failure }
  }
}

function foundValue(scope: RunScope, path: Parameters<typeof followPath>[1]): Json | undefined {
  const { value, steps } = followPath(scope, path)
  return steps === path.steps.length ? value : undefined
}

/** What an expression that fails makes of its task. */
export function expressionFailure(what: string, error: unknown): Failure {
  const message = `${what} could not be evaluated: ${error instanceof Error ? error.message : String(error)}`
  return toFailure(new OpspawnError('PLANNER_FAILED', message), 'PLANNER_FAILED')
}

/** The effect of a task without `forEach`. @throws Error for an expression that fails */
export function singleEffect(task: GraphTask, scope: RunScope): Effect {
  return taskEffect(task, task.name, inputOf(task, scope, undefined), scope)
}

/** A `forEach` with all its effects made. @throws Error for a list that is none or too long, or an item that cannot be made */
export function openFan(task: GraphTask, scope: RunScope): Fan {
  const items = task.forEach === undefined ? [] : fillTemplate(task.forEach, scope)
  if (!Array.isArray(items)) throw new Error(`forEach needs a list, and it is ${JSON.stringify(brief(items))}`)
  const { fanOut } = WORKFLOW_LIMITS
  if (items.length > fanOut)
    throw new Error(`forEach has ${items.length} items; the limit is ${fanOut}. Hand parts of the list to a workflow of its own`)
  const list = items as readonly Json[]
  const fan: Fan = { effects: [], results: [], next: 0, asked: 0, settled: 0, broken: 0, failure: undefined, isStopped: false }
  const effects = fan.effects as (Effect | undefined)[]
  try {
    for (const [index, item] of list.entries()) {
      scope.item = item
      scope.index = index
      fan.results.push(null)
      try {
        effects.push(taskEffect(task, effectKey(task.name, index), inputOf(task, scope, item), scope))
      } catch (error) {
        // The other items go on where the document says so.
        if (task.failure !== 'continue') throw new Error(`item ${index}: ${(error as Error).message}`, { cause: error })
        fan.failure ??= expressionFailure(`item ${index} of task "${task.name}"`, error)
        fan.broken += 1
        effects.push(undefined)
      }
    }
  } finally {
    scope.item = undefined
    scope.index = undefined
  }
  return fan
}

function inputOf(task: GraphTask, scope: RunScope, item: Json | undefined): Json {
  if (task.input !== undefined) return fillTemplate(task.input, scope)
  if (item !== undefined) return item
  return task.kind === 'tool' ? {} : (scope.read('input') ?? null)
}
