import type { Amounts } from './budget.ts'
import type { Effect, Outcome } from './effect.ts'
import type { Failure } from './errors.ts'
import type { Json } from './json.ts'
import type { Message } from './message.ts'
import type { Issue } from './schema.ts'
import type { RunOrigin, RunOutcome } from './run.ts'

interface Recorded {
  /** Version of this event's form. */
  readonly version: 1
  /** Position in the run's history, from 1, without gaps. */
  readonly seq: number
  /** Epoch milliseconds, by the worker's reading of the store's clock. */
  readonly at: number
}

/** What happened in a run, without its position: what the engine writes. `RunEvent` is the same as read back. */
export type RunEventBody =
  /** The run was accepted. Always the first event. */
  | { readonly type: 'run-start'; readonly origin: RunOrigin }
  /** A worker took the run over. */
  | { readonly type: 'run-claim'; readonly epoch: number; readonly worker: string }
  /** Messages of earlier runs of the session, as they were when this run began. */
  | { readonly type: 'session-load'; readonly messages: readonly Message[]; readonly labels?: readonly string[] }
  /** The planner asked for effects. */
  | {
      readonly type: 'decision'
      readonly effects: readonly Effect[]
      readonly state?: Json
      /** What was set aside for model calls under a token or cost limit. */
      readonly reserved?: readonly { readonly key: string; readonly amounts: Amounts }[]
    }
  /** A policy rule asked for an approval of a call, or forbade it. What is allowed without more ado is not noted. */
  | {
      readonly type: 'policy-verdict'
      readonly key: string
      readonly verdict: 'ask' | 'deny'
      readonly rule: string
      readonly reason?: string
    }
  /** A call waits for a person. `hash` binds the answer to these arguments. */
  | {
      readonly type: 'approval-request'
      readonly key: string
      readonly hash: string
      readonly question: string
      readonly expiresAt?: number
    }
  /** A person answered, once and for all. */
  | {
      readonly type: 'approval-response'
      readonly key: string
      readonly approved: boolean
      readonly by: string
      readonly reason?: string
    }
  /** An unsafe call is about to be made. Without an `effect-end` after a crash its outcome is unknown. */
  | { readonly type: 'effect-start'; readonly key: string; readonly attempt: number }
  /** An execution failed and will be made again at `dueAt`. */
  | {
      readonly type: 'effect-retry'
      readonly key: string
      readonly attempt: number
      readonly error: Failure
      readonly dueAt: number
    }
  /** An effect settled. `labels` are those of the data that it brought into the run. */
  | {
      readonly type: 'effect-end'
      readonly key: string
      readonly outcome: Outcome
      /** Of the last execution, in milliseconds. */
      readonly durationMs: number
      readonly labels?: readonly string[]
    }
  /** A signal reached the run; it is kept until a wait consumes it. */
  | { readonly type: 'signal'; readonly id: string; readonly name: string; readonly payload: Json }
  /** Somebody asked for the run's end, or its time was up. */
  | { readonly type: 'cancel-request'; readonly reason: string; readonly timeout?: true }
  /** The planner's output did not fit the schema; the planner is asked once more. */
  | { readonly type: 'output-reject'; readonly output: Json; readonly issues: readonly Issue[] }
  /** The run ended. Always the last event. */
  | { readonly type: 'run-end'; readonly outcome: RunOutcome }

/** One line of a run's history. The union is open: a newer version may add types, and readers pass over what they do not know. */
export type RunEvent = RunEventBody & Recorded

/** The types of recorded events. */
export type RunEventType = RunEvent['type']

/** Something to watch while it happens; never recorded, and lost when nobody looks. `key` names the effect. */
export type LiveEvent =
  | { readonly type: 'text-delta'; readonly key: string; readonly delta: string }
  | { readonly type: 'reasoning-delta'; readonly key: string; readonly delta: string }
  | {
      readonly type: 'tool-input-delta'
      readonly key: string
      readonly callId: string
      readonly toolName: string
      readonly delta: string
    }
  | { readonly type: 'tool-progress'; readonly key: string; readonly value: Json }
  | { readonly type: 'tool-log'; readonly key: string; readonly message: string; readonly data?: Json }
  /** A failed model call is made again: what its deltas said is void. */
  | { readonly type: 'delta-reset'; readonly key: string }
  /** The listener was too slow: this many live events were dropped. The history is complete. */
  | { readonly type: 'lag'; readonly dropped: number }

/** What a run's handle yields. A recorded event has a `seq`, a live one has not. */
export type RunStreamEvent = RunEvent | LiveEvent

/** Tells recorded events from live ones. */
export function isRecorded(event: RunStreamEvent): event is RunEvent {
  return 'seq' in event
}
