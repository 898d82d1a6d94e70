// What a cancelled run leaves to be made good, as data: the input of the run that does it.
import type { EffectRecord, RunView } from '../../core/index.ts'
import type { Graph, GraphTask } from './graph.ts'
import { effectKey } from './keys.ts'
import type { Position } from './position.ts'
import type { TaskState } from './task-state.ts'
import type { Undo, UndoTask } from './undo-input.ts'

/** What is left to be made good at a position; nothing where nothing was begun, or nothing is declared for it. */
export function undoOf(position: Position, run: RunView): Undo | undefined {
  const { graph, states } = position
  if (run.decisions === 0) return undefined
  // What was broken off came last, and is undone first.
  const broken = states.filter(({ status, task }) => status === 'running' && !task.isCompensation)
  const done = [...broken, ...position.done.toReversed()].filter((state) => wasBegun(state, run))
  const compensations = [...done.flatMap(({ task }) => task.onFailure), ...graph.onFailure]
    .map((index) => states[index] as TaskState)
    .filter((state) => isLeft(state, run))
    .map(({ task }) => task.name)
  if (compensations.length === 0) return undefined
  const wanted = readBy(graph, compensations)
  return {
    input: run.input,
    compensations,
    failure: {
      code: run.timedOut ? 'RUN_TIMEOUT' : 'RUN_CANCELLED',
      message: run.timedOut ? 'the run was out of time' : run.cancelReason || 'the run was cancelled',
      retryable: false,
    },
    tasks: states.flatMap((state) => taskOf(state, wanted)),
  }
}

function taskOf({ task, status, output, failure }: TaskState, wanted: (name: string) => boolean): readonly UndoTask[] {
  if (status === 'pending' || status === 'running' || task.isCompensation) return []
  const { name } = task
  const given = output === null || !wanted(name) ? undefined : { output }
  return [{ name, status, ...given, ...(failure === undefined ? undefined : { failure }) }]
}

/** Which tasks the expressions of compensations may read: each path names its task, but an escaped name is not seen as one. */
function readBy({ document }: Graph, compensations: readonly string[]): (name: string) => boolean {
  const text = JSON.stringify(compensations.map((name) => document.tasks[name]))
  return text.includes('\\') ? () => true : (name) => text.includes(name)
}

/** Everything that was asked for on behalf of a task. */
function recordsOf({ task, fan }: TaskState, run: RunView): readonly EffectRecord[] {
  const items = fan === undefined ? [undefined] : fan.effects.map((_, item) => item)
  return items.flatMap((item) => attemptsOf(task, item, run))
}

function attemptsOf(task: GraphTask, item: number | undefined, run: RunView): readonly EffectRecord[] {
  const records: EffectRecord[] = []
  for (let attempt = 1; attempt <= task.retry.attempts; attempt += 1) {
    const record = run.effects.get(effectKey(task.name, item, attempt))
    if (record === undefined) break
    records.push(record)
  }
  return records
}

/** Whether anything of a task happened, or may have; a task that needed no call, such as a `forEach` over nothing, has nothing to be undone. */
function wasBegun(state: TaskState, run: RunView): boolean {
  return recordsOf(state, run).some((record) => mayHaveHappened(record, run))
}

function mayHaveHappened({ effect, outcome, approval }: EffectRecord, { tools }: RunView): boolean {
  if (outcome?.status !== 'cancelled') return true
  if (effect.kind !== 'tool') return effect.kind === 'run'
  // A call of another kind that was cancelled was not begun, or has left nothing.
  const offered = tools.find(({ name }) => name === effect.tool)?.effect
  return approval !== 'requested' && (offered === 'idempotent' || offered === 'pure')
}

/** Whether a compensation is still to be run: not yet, or it was cancelled. */
function isLeft(state: TaskState, run: RunView): boolean {
  if (state.status === 'pending' || state.status === 'running') return true
  return state.status === 'failed' && attemptsOf(state.task, undefined, run).at(-1)?.outcome?.status === 'cancelled'
}
