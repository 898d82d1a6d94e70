import {
  type Decision,
  type Effect,
  type Failure,
  type Json,
  OpspawnError,
  type Planner,
  type RunView,
  toFailure,
} from '../../core/index.ts'
import type { WorkflowDocument } from './document.ts'
import type { Graph, GraphTask } from './graph.ts'
import { readKey } from './keys.ts'
import { Position } from './position.ts'
import { expressionFailure } from './starting.ts'
import type { TaskState, WorkflowState } from './task-state.ts'
import { fillTemplate } from './template.ts'
import { undoOf } from './undo.ts'

/** A planner that goes through a graph of tasks. */
export interface WorkflowPlanner extends Planner {
  readonly name: 'workflow'
  /** The document that it was made of. */
  readonly document: WorkflowDocument
}

/** The same, as diagrams see it. */
export interface GraphPlanner extends WorkflowPlanner {
  readonly graph: Graph
}

/** A position with the decision that was made at it. */
interface Place {
  readonly position: Position
  decisions: number
  settled: number
  decision: Decision
}

/** Makes the planner of a graph: pure, no model in it. */
export function graphPlanner(graph: Graph, version: string): GraphPlanner {
  // A cache: where a view is new, or is not where it was left, the position is folded anew from it.
  const places = new WeakMap<RunView, Place>()
  return {
    spec: 'planner/1',
    name: 'workflow',
    version,
    reactive: true,
    document: graph.document,
    graph,
    decide(run) {
      if (run.rejectedNow) return rejected(run)
      const place = places.get(run)
      if (place === undefined || !isNext(place, run)) return remember(places, run, positionOf(graph, run))
      if (place.decisions === run.decisions && place.settled === run.settled.length) return place.decision
      place.position.fold()
      place.decisions = run.decisions
      place.settled = run.settled.length
      place.decision = decideAt(place.position, run)
      return place.decision
    },
    compensate(run) {
      return undoOf(positionOf(graph, run), run) as Json | undefined
    },
  }
}

/** Where a run stands, folded from its history. */
export function positionOf(graph: Graph, run: RunView): Position {
  const position = new Position(graph, run)
  position.fold()
  position.findAsked()
  return position
}

function remember(places: WeakMap<RunView, Place>, run: RunView, position: Position): Decision {
  const decision = decideAt(position, run)
  places.set(run, { position, decisions: run.decisions, settled: run.settled.length, decision })
  return decision
}

/** Whether a view has gone on from where it was left: with the decision on record if it asked for anything. */
function isNext({ decisions, settled, decision }: Place, run: RunView): boolean {
  if (run.decisions === decisions && run.settled.length === settled) return true
  return run.decisions === decisions + (decision.type === 'act' ? 1 : 0) && run.settled.length >= settled
}

function decideAt(position: Position, run: RunView): Decision {
  if (position.failing !== undefined) return wind(position, run)
  const effects = takeEffects(position, run)
  if (position.failing === undefined && effects.length > 0) return { type: 'act', effects, ...news(position, run) }
  if (position.left === 0 && position.underWay === 0) return finish(position, run)
  return { type: 'idle' }
}

/** Takes what may be asked for now, as much as one decision may hold. */
function takeEffects(position: Position, run: RunView): Effect[] {
  const most = run.limits.effects
  const effects = position.urgent.splice(0, most)
  effects.push(...position.ready.splice(0, most - effects.length))
  for (const { fan, task } of position.fans) {
    if (fan === undefined) continue
    while (
      effects.length < most &&
      fan.next < fan.effects.length &&
      !fan.isStopped &&
      fan.asked - fan.settled < task.concurrency
    ) {
      const effect = fan.effects[fan.next]
      fan.next += 1
      if (effect === undefined) continue
      fan.asked += 1
      effects.push(effect)
    }
  }
  return effects
}

/** What was noted since the last decision that is on record. */
function news({ notes }: Position, run: RunView): { readonly state?: Json } {
  const recorded = (run.state as WorkflowState | undefined)?.upTo ?? 0
  if (notes.length <= recorded) return {}
  return { state: { upTo: notes.length, notes: notes.slice(recorded) } satisfies WorkflowState as unknown as Json }
}

function finish(position: Position, run: RunView): Decision {
  const { graph, states } = position
  if (graph.output === undefined) {
    const output: Record<string, Json> = {}
    for (const index of graph.leaves) {
      const { task, output: value } = states[index] as TaskState
      output[task.name] = value
    }
    return { type: 'finish', output, ...news(position, run) }
  }
  try {
    return { type: 'finish', output: fillTemplate(graph.output, position.scope), ...news(position, run) }
  } catch (error) {
    return { type: 'fail', error: expressionFailure('the output of the workflow', error), ...news(position, run) }
  }
}

/**
 * Brings a failing workflow to its end. Where something is to be made good, calls under way are waited for, since they may
 * need it too; then compensations run one at a time, those of the last task first.
 */
function wind(position: Position, run: RunView): Decision {
  const { states, graph } = position
  const touched = states.some(({ task, status }) => task.onFailure.length > 0 && status !== 'pending' && status !== 'skipped')
  if (touched || graph.onFailure.length > 0 || position.undoing !== undefined) {
    if (hasOpenCall(graph, run)) return { type: 'idle' }
    position.compensate()
  }
  if (position.urgent.length > 0) {
    const effects = position.urgent.splice(0, run.limits.effects)
    return { type: 'act', effects, ...news(position, run) }
  }
  if (position.underWay > 0) return { type: 'idle' }
  if (position.undoing !== undefined) return { ...endOfUndoing(position), ...news(position, run) }
  return { type: 'fail', error: workflowFailure(position), ...news(position, run) }
}

function hasOpenCall(graph: Graph, run: RunView): boolean {
  if (run.open === 0) return false
  for (const { effect, outcome } of run.effects.values()) {
    if (outcome !== undefined || (effect.kind !== 'tool' && effect.kind !== 'run')) continue
    const task: GraphTask | undefined = graph.byName.get(readKey(effect.key)?.task ?? '')
    if (task?.isCompensation !== true) return true
  }
  return false
}

function workflowFailure({ failing, states }: Position): Failure {
  const { task, failure } = failing as NonNullable<Position['failing']>
  const made = states.filter((state) => state.task.isCompensation && state.status !== 'pending')
  return {
    ...failure,
    message: `task "${task}" failed: ${failure.message}`,
    details: {
      task,
      ...(made.length === 0 ? undefined : { compensations: compensated(made) }),
      ...(failure.details === undefined ? undefined : { cause: failure.details }),
    },
  }
}

/** What compensations came to. */
function compensated(made: readonly TaskState[]): readonly { readonly task: string; readonly status: string }[] {
  return made.map(({ task, status, failure }) => ({
    task: task.name,
    status,
    ...(failure === undefined ? undefined : { code: failure.code, message: failure.message }),
  }))
}

/** The end of a run that makes another one good: one compensation that fails does not stop the others, but is no good end. */
function endOfUndoing({ undoing = [], states }: Position): Decision {
  const made = undoing.map((index) => states[index] as TaskState)
  const compensations = compensated(made)
  const failed = made.find(({ status }) => status === 'failed')
  if (failed?.failure === undefined) return { type: 'finish', output: { compensations } }
  const { task, failure } = failed
  const details = { task: task.name, compensations, ...(failure.details === undefined ? undefined : { cause: failure.details }) }
  return { type: 'fail', error: { ...failure, message: `compensation "${task.name}" failed: ${failure.message}`, details } }
}

/** A workflow cannot make its output anew: the same tasks gave it. */
function rejected(run: RunView): Decision {
  const issues = run.rejected.at(-1)?.issues ?? []
  const text = issues.map(({ path, message }) => `${path}: ${message}`).join('; ')
  const error = new OpspawnError('OUTPUT_INVALID', `the output of the workflow does not fit its schema: ${text}`)
  return { type: 'fail', error: toFailure(error, 'OUTPUT_INVALID') }
}
