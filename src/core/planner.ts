import type { Effect } from './effect.ts'
import type { Failure } from './failure.ts'
import type { Json } from './json.ts'
import type { Message } from './message.ts'
import type { RunView } from './view.ts'

/**
 * What happens next in a run:
 * - `act`: perform these effects; `state` replaces the planner's own state in the history;
 * - `idle`: nothing new until an open effect settles;
 * - `finish`: the run is done. `messages` is what later runs of the session see of it;
 *   without it they see the input and the output;
 * - `fail`: the run cannot be done;
 * - `continue`: the run ends, and a new one of the same agent goes on in its place, with this input and an empty history.
 *
 * @property type What happens next.
 * @property effects At least one and at most `limits.effects`, each under a new key.
 * @property state Absent: the state stays as it is. Of `finish` and `fail`, it stands in a decision without effects.
 * @property output Checked against the agent's schema, if it has one; the run's output is what the schema makes of it.
 * @property messages Kept as the transcript of a root run in a session.
 * @property error The run's outcome is `failed` with it.
 * @property input Of the run that goes on; checked against the agent's schema.
 */
export type Decision =
  | { readonly type: 'act'; readonly effects: readonly Effect[]; readonly state?: Json }
  | { readonly type: 'idle' }
  | { readonly type: 'finish'; readonly output: Json; readonly messages?: readonly Message[]; readonly state?: Json }
  | { readonly type: 'fail'; readonly error: Failure; readonly state?: Json }
  | { readonly type: 'continue'; readonly input: Json }

/**
 * Decides what a run does next. An LLM agent is a planner that asks for model and tool calls; a workflow is a planner
 * too.
 *
 * `decide` MUST be pure: the same view gives the same decision; no I/O, no clock, no randomness, no state kept outside
 * the history (a cache that could be thrown away is fine). It may return a promise only so that recorded code can be
 * replayed. `plannerConformance` of `opspawn/testing` checks this.
 */
export interface Planner {
  /** Marks a planner, and the version of its contract. */
  readonly spec: 'planner/1'
  /** How errors call it; part of the definition's hash. */
  readonly name: string
  /** Part of the definition's hash; raise it when the same view may give another decision than before. @default '1' */
  readonly version?: string | undefined
  /** Ask again whenever one effect settles, instead of when all have. */
  readonly reactive?: boolean | undefined
  /** What an agent must have for this planner to work; checked at registration. */
  readonly requires?: readonly ('model' | 'memory')[] | undefined
  /** Looks at a run and says what to do next. Must depend on the view alone: it is called again after a crash. What it throws fails the run with `PLANNER_FAILED`. */
  decide(run: RunView): Decision | Promise<Decision>
  /**
   * What is to be made good when a run has been cancelled or was out of time, and nothing of it is open any more: the input
   * of a compensating run, or `undefined` when there is nothing. That run is a new one of the same definition, with limits of
   * its own, in whose view `compensates` is set; `decide` carries it out. A tool call in it under a key that the first run
   * used gets the same idempotency key: it is that call again. However the compensating run ends, it is not made good itself.
   * Must be pure, and depend on neither `now` nor `seq`: after a crash it is asked again. What it throws, and what is not
   * JSON, ends the run as failed with `PLANNER_FAILED`.
   */
  compensate?(run: RunView): Json | undefined
}
