import { type Amounts, type Effect, type Failure, type ModelAnswer, type Outcome, toFailure } from '../core/index.ts'
import type { Execution } from './execution.ts'
import type { Verdict } from './policy.ts'
import type { RunContext } from './run-context.ts'
import type { RunLog } from './run-log.ts'
import { ONE_STEP, priceOf, settleCall } from './spending.ts'

/** Why an open call may not be begun. */
export type Refusal = { readonly verdict: Verdict } | { readonly error: unknown }

/** Where a driver stands with its run, beside the history: nothing here is needed to go on after a crash. */
export interface Progress {
  readonly context: RunContext
  readonly log: RunLog
  /** Where a write takes time; a store that keeps nothing answers at once. A run that was interrupted goes carefully. */
  readonly goesAhead: boolean
  /** A list, not a map: it is short, and maps grow garbage when entries come and go. */
  readonly inFlight: Execution[]
  /** Keys of effects that may be performed and are not yet. */
  startable: string[]
  /** Open effects with a `dueAt`, by key: when it comes, by {@link RunLog.steady}. */
  readonly timed: Map<string, number>
  /** Executions that are over and not yet recorded. */
  readonly over: Execution[]
  /** Something happened that the planner has not seen. */
  askPlanner: boolean
  /** Set aside by a person: nothing new is begun, and no timer fires. */
  paused: boolean
  cancelling: boolean
  /** Calls that were let in, and that the rules of today deny, by their keys. */
  readonly forbidden: Map<string, Refusal>
  /** Keys of run effects whose child has been asked to end. */
  readonly toldChildren: Set<string>
  /** Keys of model calls for which something is set aside with the next write. */
  readonly reserving: string[]
  /** Keys of calls that another worker may have made before this one took over. */
  readonly inherited: Set<string>
  /** Keys of model calls that found no budget. */
  readonly unreserved: Set<string>
  /** Raised when a decision that is still being made does not count any more. */
  turn: number
  /** When a cancelled run ends even if its children have not, by {@link RunLog.steady}. */
  cancelBy: number | undefined
  /** Resolves when the acceptance of a successor, once begun, has ended in one way or the other. */
  continuing: Promise<unknown> | undefined
  /** Somebody was told that the history grows too long. */
  hasWarned: boolean
}

/** A driver's state at the start. */
export function createProgress(context: RunContext, log: RunLog, goesAhead: boolean): Progress {
  return {
    context,
    log,
    goesAhead,
    inFlight: [],
    startable: [],
    timed: new Map(),
    over: [],
    askPlanner: true,
    paused: false,
    cancelling: false,
    forbidden: new Map(),
    toldChildren: new Set(),
    inherited: new Set(),
    reserving: [],
    unreserved: new Set(),
    turn: 0,
    cancelBy: undefined,
    continuing: undefined,
    hasWarned: false,
  }
}

/** Empties a list that is filled again with every step: item by item, which leaves it its room, where a length of 0 gives it back. */
export function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}

/** Has an open effect looked at when its time comes (store's clock). */
export function watchTime({ timed, log }: Progress, key: string, dueAt: number): void {
  timed.set(key, log.toSteady(dueAt))
}

/** Records an effect's outcome and whatever belongs to it; once only. */
export function endEffect(
  progress: Progress,
  key: string,
  outcome: Outcome,
  execution?: Execution,
  labels?: readonly string[],
): void {
  const { log } = progress
  const record = log.view.effects.get(key)
  if (record === undefined || record.outcome !== undefined) return
  const durationMs = execution === undefined ? 0 : log.now() - execution.startedAt
  log.record(
    labels === undefined
      ? { type: 'effect-end', key, outcome, durationMs }
      : { type: 'effect-end', key, outcome, durationMs, labels },
  )
  if (progress.timed.size > 0) progress.timed.delete(key)
  progress.context.routes?.delete(key)
  progress.askPlanner = true
  if (record.effect.kind === 'model') settleSpending(progress, record.effect, record.reserved, outcome, execution !== undefined)
}

function settleSpending(
  progress: Progress,
  effect: Effect & { kind: 'model' },
  reserved: Amounts | undefined,
  outcome: Outcome,
  wasMade: boolean,
): void {
  // A call that found no budget had nothing set aside.
  if (progress.unreserved.has(effect.key)) return
  const { engine, ready } = progress.context
  const answer = outcome.status === 'completed' ? (outcome.value as unknown as ModelAnswer) : undefined
  const model = reserved === undefined ? undefined : ready.agent.models[effect.model ?? 'default']
  const price = model === undefined ? undefined : priceOf(engine.prices, model.provider, model.modelId)
  const end =
    (!wasMade && !progress.inherited.has(effect.key)) || (outcome.status === 'failed' && wasRefused(outcome.error))
      ? 'refused'
      : 'made'
  progress.log.spend(settleCall(reserved ?? ONE_STEP, end, answer, price))
}

/** The provider turned the request down (4xx), or it never went out: no tokens were worked on. */
function wasRefused({ code, details }: Failure): boolean {
  if (code === 'MODEL_UNKNOWN') return true
  const status = typeof details === 'object' && details !== null && 'status' in details ? details.status : undefined
  return typeof status === 'number' && status >= 400 && status < 500 && status !== 408
}

/** Ends an effect with an error. */
export function failEffect(
  progress: Progress,
  key: string,
  status: 'failed' | 'denied' | 'cancelled' | 'unknown',
  error: unknown,
): void {
  endEffect(progress, key, { status, error: toFailure(error, 'INTERNAL') })
}
