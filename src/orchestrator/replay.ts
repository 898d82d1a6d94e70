import {
  type Agent,
  applyEvent,
  createView,
  type Decision,
  type Failure,
  type Json,
  type JsonObject,
  OpspawnError,
  type Planner,
  type Plugin,
  pointer,
  type Policy,
  type RunEvent,
  type RunOutcome,
  type RunView,
  toFailure,
  toJson,
} from '../core/index.ts'
import { requireShape } from './checks/shape.ts'
import { askCompensation } from './compensating.ts'
import { composeAgents } from './composition.ts'
import { decide } from './decision.ts'
import type { ReadyAgent } from './definition.ts'

/** What the agent needs beside itself to be made ready: as for `createOrchestrator`. Extensions are not set up. */
export interface ReplayOptions {
  /** Agents that it may call. */
  readonly agents?: readonly Agent[]
  /** Tools and memories that it names. */
  readonly plugins?: readonly Plugin[]
  /** For an agent that names none. */
  readonly planner?: Planner
  /** Tools that it forbids are not shown to planners. */
  readonly policy?: Policy
}

/**
 * What a replay came to: all decisions are the same, or the first one that is not.
 *
 * @property same Whether the planner decides now as it did then.
 * @property decisions How many were compared, the end included.
 * @property seq Of the event that the planner would not cause any more.
 * @property path JSON Pointer to the first difference.
 * @property recorded The decision as it stands in the history.
 * @property present The decision as it is now; `fail` also where the planner throws.
 */
export type ReplayResult =
  | { readonly same: true; readonly decisions: number }
  | { readonly same: false; readonly seq: number; readonly path: string; readonly recorded: Json; readonly present: Json }

/**
 * Asks a planner of today at every point at which a recorded run decided something, and compares. Only the planner runs:
 * nothing is performed and nothing is written. Shows whether runs that are under way go on well with a changed planner,
 * agent or workflow. Points at which the planner found nothing to do are not on record, and not looked at. Of a run that was
 * cancelled or out of time it is compared whether anything is to be made good; with what stands in the compensating run's
 * history, which is replayed like any other.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for what is no history, and what `createOrchestrator` throws about an agent
 */
export async function replay(events: readonly RunEvent[], agent: Agent, options: ReplayOptions = {}): Promise<ReplayResult> {
  requireShape('replay', options, { agents: 'list?', plugins: 'list?', planner: 'object?', policy: 'object?' })
  const first = Array.isArray(events) ? (events[0] as RunEvent | undefined) : undefined
  if (first?.type !== 'run-start') throw new OpspawnError('OPTIONS_INVALID', 'replay: a history begins with a run-start event')
  const agents = await composeAgents({ ...options, agents: [agent, ...(options.agents ?? [])] })
  const ready = agents.get(agent.name) as ReadyAgent
  return compareAll(events, ready, createView(ready.definitionFor(first.origin), first.origin))
}

async function compareAll(events: readonly RunEvent[], ready: ReadyAgent, view: RunView): Promise<ReplayResult> {
  let decisions = 0
  /** What the planner said where it left its state behind; what it said it with comes next. */
  let said: JsonObject | undefined
  let state: Json | undefined
  for (const event of events) {
    if (event.type === 'decision' && event.effects.length === 0) {
      said = await ask(ready, view)
      state = event.state
    } else if (event.type === 'run-end' && view.cancelReason !== undefined) {
      const compared = compareCompensation(ready, view, event.seq, event.outcome)
      if (typeof compared !== 'number') return compared
      decisions += compared
    } else {
      const recorded = recordedDecision(event, state)
      if (recorded !== undefined) {
        const present = await fitted(ready, event, said ?? (await ask(ready, view)), view.compensates !== undefined)
        const path = firstDifference(recorded, present)
        if (path !== undefined) return { same: false, seq: event.seq, path: pointer(path), recorded, present }
        decisions += 1
        said = undefined
        state = undefined
      }
    }
    applyEvent(view, event)
  }
  return { same: true, decisions }
}

/** Gives how many words of the planner were compared, or how they differ. */
function compareCompensation(ready: ReadyAgent, view: RunView, seq: number, outcome: RunOutcome): number | ReplayResult {
  const recorded = recordedCompensation(outcome)
  if (recorded === undefined) return 0
  const present = presentCompensation(ready, view)
  const path = firstDifference(recorded, present)
  if (path !== undefined) return { same: false, seq, path: pointer(path), recorded, present }
  return recorded['type'] === 'nothing' ? 0 : 1
}

/**
 * What a cancelled run left to be made good, as its end tells: its planner was asked that, and no decision. The input of the
 * compensating run stands in that run's history. Nothing where it ended for another reason.
 */
function recordedCompensation(outcome: RunOutcome): JsonObject | undefined {
  if (outcome.status === 'completed') return undefined
  const { code, details } = outcome.error
  if (code === 'PLANNER_FAILED') return plain({ type: 'fail', error: shortened(outcome.error) })
  if (code !== 'RUN_CANCELLED' && code !== 'RUN_TIMEOUT') return undefined
  return { type: isObject(details) && 'compensation' in details ? 'compensate' : 'nothing' }
}

function presentCompensation({ planner }: ReadyAgent, view: RunView): JsonObject {
  try {
    return { type: askCompensation(planner, view) === undefined ? 'nothing' : 'compensate' }
  } catch (error) {
    return plain({ type: 'fail', error: shortened(toFailure(error, 'PLANNER_FAILED')) })
  }
}

/** The planner's word that an event is the mark of; nothing for what happened by itself. */
function recordedDecision(event: RunEvent, state: Json | undefined): JsonObject | undefined {
  const left = state === undefined ? undefined : { state }
  if (event.type === 'decision') return plain({ type: 'act', effects: event.effects, state: event.state })
  if (event.type === 'output-reject') return plain({ type: 'finish', output: event.output, ...left })
  if (event.type !== 'run-end') return undefined
  // The input stands in the successor's history.
  if (event.successor !== undefined) return { type: 'continue' }
  const end = plannersWord(event.outcome)
  return end === undefined ? undefined : plain({ ...end, ...left })
}

function plannersWord(outcome: RunOutcome): object | undefined {
  if (outcome.status === 'completed') return { type: 'finish', output: outcome.output }
  const { code, details } = outcome.error
  if (outcome.status === 'cancelled' || BY_ENGINE.includes(code)) return undefined
  if (code === 'OUTPUT_INVALID' && isObject(details) && 'output' in details) return { type: 'finish', output: details['output'] }
  return { type: 'fail', error: shortened(outcome.error) }
}

/** Ends that the planner had no part in. */
const BY_ENGINE: readonly string[] = ['BUDGET_EXCEEDED', 'INTERNAL', 'RUN_TIMEOUT', 'RUN_CANCELLED']

/** The decision as it would stand in the history: a completed run has what its schema made of the output. */
async function fitted(
  { output }: ReadyAgent,
  event: RunEvent,
  present: JsonObject,
  isCompensating: boolean,
): Promise<JsonObject> {
  const isEnd = event.type === 'run-end' && event.outcome.status === 'completed'
  if (!isEnd || isCompensating || output === undefined || present['type'] !== 'finish') return present
  const checked = await output.validate(present['output'])
  return checked.issues === undefined ? plain({ ...present, output: checked.value }) : present
}

async function ask({ planner }: ReadyAgent, view: RunView): Promise<JsonObject> {
  let decision: Decision
  try {
    decision = await decide(planner, view)
  } catch (error) {
    return plain({ type: 'fail', error: shortened(toFailure(error, 'PLANNER_FAILED')) })
  }
  // What later runs of the session see of it is not in this history.
  if (decision.type === 'finish') return plain({ type: 'finish', output: decision.output, state: decision.state })
  if (decision.type === 'continue') return { type: 'continue' }
  return plain(decision.type === 'fail' ? { ...decision, error: shortened(decision.error) } : decision)
}

function shortened({ code, message }: Failure): object {
  return { code, message }
}

function plain(value: object): JsonObject {
  return toJson(value, { maxSize: Infinity }) as JsonObject
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null
}

/** The way to the first place where two values differ. */
function firstDifference(left: Json | undefined, right: Json | undefined): readonly string[] | undefined {
  if (left === right) return undefined
  if (!isObject(left) || !isObject(right) || Array.isArray(left) !== Array.isArray(right)) return []
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const path = firstDifference(left[key], right[key])
    if (path !== undefined) return [key, ...path]
  }
  return undefined
}
