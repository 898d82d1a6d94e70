import { type Agent, foldHistory, OpspawnError, type RunEvent, type RunView } from '../../core/index.ts'
import type { Graph, GraphTask } from './graph.ts'
import { effectKey } from './keys.ts'
import { positionOf, type GraphPlanner } from './planner.ts'
import type { TaskState, TaskStatus } from './task-state.ts'

/** What a run has done: its view, or its events from the first on. */
export type RunSoFar = RunView | readonly RunEvent[]

/** A task in a run, for people. */
export interface LiveTask {
  /** As in the document. */
  readonly name: string
  /** `running` while anything of it is under way, `waiting` while all that is open waits for a person, a signal or time. */
  readonly status: TaskStatus
  /** Why it was skipped, or what it failed with. */
  readonly reason?: string
}

/** Where the tasks of a workflow stand in a run, in the order of the document. Computed from the history, so also of a run that has ended. */
export function taskStates(workflow: Agent, run: RunSoFar): readonly LiveTask[] {
  const graph = graphOf(workflow)
  const view = viewOf(run)
  return positionOf(graph, view).states.map((state) => {
    const { task, reason, failure } = state
    const why = reason ?? failure?.message
    return { name: task.name, status: statusOf(state, view), ...(why === undefined ? undefined : { reason: why }) }
  })
}

/** The graph of a workflow. @throws OpspawnError `OPTIONS_INVALID` for an agent that is none */
export function graphOf(workflow: Agent): Graph {
  const planner = workflow.planner as Partial<GraphPlanner> | undefined
  if (planner?.graph !== undefined) return planner.graph
  throw new OpspawnError('OPTIONS_INVALID', `agent "${workflow.name}" is no workflow of a document: only those have a graph`)
}

function viewOf(run: RunSoFar): RunView {
  return 'effects' in run ? run : foldHistory({ tools: [], models: [], memories: [] }, run)
}

function statusOf(state: TaskState, view: RunView): TaskStatus {
  if (state.status !== 'running') return state.status
  const asked = effectsOf(state.task, state.fan?.effects.length, view)
  if (asked.length === 0) return view.outcome === undefined ? 'pending' : 'cancelled'
  if (view.outcome !== undefined) return 'cancelled'
  const open = asked.filter(({ outcome }) => outcome === undefined)
  return open.length > 0 && open.every(({ effect, approval }) => effect.kind === 'wait' || approval === 'requested')
    ? 'waiting'
    : 'running'
}

function effectsOf(
  task: GraphTask,
  size: number | undefined,
  view: RunView,
): NonNullable<ReturnType<RunView['effects']['get']>>[] {
  const items = size === undefined ? [undefined] : Array.from({ length: size }, (_, index) => index)
  const found = items.flatMap((item) => {
    const attempts = Array.from({ length: task.retry.attempts }, (_, index) => index + 1)
    return attempts.flatMap((attempt) => [
      view.effects.get(effectKey(task.name, item, attempt)),
      attempt === 1 ? undefined : view.effects.get(effectKey(task.name, item, attempt, true)),
    ])
  })
  return found.filter((record) => record !== undefined)
}
