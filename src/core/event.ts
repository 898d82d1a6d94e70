import type { Amounts } from './budget.ts'
import type { Effect, Outcome } from './effect.ts'
import type { Failure } from './failure.ts'
import type { Json } from './json.ts'
import type { Message } from './message.ts'
import type { Issue } from './schema.ts'
import type { RunOrigin, RunOutcome, SessionRun } from './run.ts'

/**
 * @property version Of this event's form.
 * @property seq Position in the run's history, from 1, without gaps.
 * @property at Epoch milliseconds, by the worker's reading of the store's clock.
 */
type Recorded = { readonly version: 1; readonly seq: number; readonly at: number }

/**
 * What happened in a run, without its position: what the engine writes. `RunEvent` is the same as read back.
 *
 * @property type What happened.
 * @property origin What is fixed about the run.
 * @property epoch The run's from this claim on.
 * @property worker Id of the worker.
 * @property messages Transcripts of the session's latest completed runs, oldest first.
 * @property labels Labels of data that came into the run; absent: none.
 * @property runs Whose messages these are, in the same order; for agents with a memory.
 * @property effects What the planner asked for.
 * @property state Replaces the planner's state; absent: it stays.
 * @property reserved For each model call, by key; absent where neither tokens nor cost are limited.
 * @property key The effect's.
 * @property tool Name of the tool that the call is meant for.
 * @property verdict `ask`: a person is asked; `deny`: the call is refused.
 * @property rule Name of the rule: the policy's own, `otherwise`, `data-flow`, or `tool <name>` for a tool that always
 * wants an approval.
 * @property reason In the words of the rule, the person or the caller; empty or absent where none was given.
 * @property dryRun Present where the rules are tried only: the verdict did not hold.
 * @property hash Of the tool's name and its arguments as the body gets them; for a wait, the effect's key; of a route, of
 * the tool's name and its arguments as the front tool gave them.
 * @property input The arguments as the body gets them; absent where they are those of the effect.
 * @property question What the person is asked.
 * @property expiresAt Epoch milliseconds from which nobody can answer any more.
 * @property approved `false`: refused.
 * @property by Who answered.
 * @property attempt Number of the execution that starts, or that failed; from 1.
 * @property error Why the execution failed.
 * @property dueAt Epoch milliseconds before which it is not made again.
 * @property outcome How the effect or the run ended.
 * @property durationMs Of the last execution, in milliseconds; 0 where there was none here: waits, refusals, child runs.
 * @property id Of the signal; unique in the run.
 * @property name Of the signal.
 * @property payload What the signal carries; null where the sender gave nothing.
 * @property timeout Present when the run's own time was up.
 * @property output What the planner finished with.
 * @property issues Why it did not fit.
 * @property successor Id of the run that goes on in the place of this one.
 */
export type RunEventBody = Readonly<
  /** The run was accepted. Always the first event. */
  | { type: 'run-start'; origin: RunOrigin }
  /** A worker took the run over. */
  | { type: 'run-claim'; epoch: number; worker: string }
  /** Messages of earlier runs of the session, as they were when this run began; `labels` are those of the data in them. */
  | { type: 'session-load'; messages: readonly Message[]; labels?: readonly string[]; runs?: readonly SessionRun[] }
  /** The planner asked for effects. `reserved` was set aside for model calls under a token or cost limit. */
  | { type: 'decision'; effects: readonly Effect[]; state?: Json; reserved?: readonly Reserved[] }
  /** A call of a front tool is meant for another tool, and is judged and made as a call of that. */
  | { type: 'effect-route'; key: string; tool: string; hash: string }
  /** A policy rule asked for an approval of a call, or forbade it. What is allowed without more ado is not noted. */
  | { type: 'policy-verdict'; key: string; verdict: 'ask' | 'deny'; rule: string; reason?: string; dryRun?: true }
  /** A call waits for a person. `hash` binds the answer to these arguments. */
  | { type: 'approval-request'; key: string; hash: string; question: string; expiresAt?: number; input?: Json }
  /** A person answered, once and for all. */
  | { type: 'approval-response'; key: string; approved: boolean; by: string; reason?: string }
  /** An unsafe call is about to be made. Without an `effect-end` after a crash its outcome is unknown. */
  | { type: 'effect-start'; key: string; attempt: number }
  /** An execution failed and will be made again at `dueAt`. */
  | { type: 'effect-retry'; key: string; attempt: number; error: Failure; dueAt: number }
  /** An effect settled. `durationMs` is of the last execution, `labels` are those of the data that it brought into the run. */
  | { type: 'effect-end'; key: string; outcome: Outcome; durationMs: number; labels?: readonly string[] }
  /** A signal reached the run; it is kept until a wait consumes it. */
  | { type: 'signal'; id: string; name: string; payload: Json }
  /** Somebody asked for the run's end, or its time was up. */
  | { type: 'cancel-request'; reason: string; timeout?: true }
  /** The planner's output did not fit the schema; the planner is asked once more. */
  | { type: 'output-reject'; output: Json; issues: readonly Issue[] }
  /** The run ended. Always the last event. With a `successor`, that run goes on in its place. */
  | { type: 'run-end'; outcome: RunOutcome; successor?: string }
>

type Reserved = { readonly key: string; readonly amounts: Amounts }

/** One line of a run's history. The union is open: a newer version may add types, and readers pass over what they do not know. */
export type RunEvent = RunEventBody & Recorded

/** The types of recorded events. */
export type RunEventType = RunEvent['type']

/**
 * Something to watch while it happens; never recorded, and lost when nobody looks. `key` names the effect.
 *
 * @property type What is happening.
 * @property key The effect's.
 * @property delta The next piece of text.
 * @property callId Of the tool call that is being written.
 * @property toolName As the model names it; empty where the model did not say.
 * @property value What the tool told by `progress`.
 * @property message What the tool told by `log`.
 * @property data What it gave beside the message.
 * @property dropped How many were lost.
 */
export type LiveEvent = Readonly<
  | { type: 'text-delta'; key: string; delta: string }
  | { type: 'reasoning-delta'; key: string; delta: string }
  | { type: 'tool-input-delta'; key: string; callId: string; toolName: string; delta: string }
  | { type: 'tool-progress'; key: string; value: Json }
  | { type: 'tool-log'; key: string; message: string; data?: Json }
  /** A failed model call is made again: what its deltas said is void. */
  | { type: 'delta-reset'; key: string }
  /** The listener was too slow: this many live events were dropped. The history is complete. */
  | { type: 'lag'; dropped: number }
>

/** What a run's handle yields. A recorded event has a `seq`, a live one has not. */
export type RunStreamEvent = RunEvent | LiveEvent

/** Tells recorded events from live ones. */
export const isRecorded = (event: RunStreamEvent): event is RunEvent => 'seq' in event
