import { OpspawnError } from './errors.ts'

/**
 * What a run with all its children may use. Every limit is a number above 0 (`repairs` and `depth` may be 0); an absent
 * one has the default that stands here, and where none stands there is no limit.
 */
export interface RunLimits {
  /** Model calls that planners ask for; that a failed one is tried again does not count. @default 50 */
  readonly steps?: number
  /** Input and output tokens together. */
  readonly tokens?: number
  /** Money, in the unit of the price table. Needs a price for every model. */
  readonly cost?: number
  /** Milliseconds from acceptance to the end. */
  readonly durationMs?: number
  /** Decisions of the planner in one run. @default 1000 */
  readonly decisions?: number
  /** Effects performed at once in one run. @default 16 */
  readonly parallel?: number
  /** Effects in one decision. @default 1000 */
  readonly effects?: number
  /** Generations of child runs below this one. @default 8 */
  readonly depth?: number
  /** Turns given to a planner to mend an output that does not fit the schema. @default 1 */
  readonly repairs?: number
  /** Largest recorded value in characters of JSON. @default 2_097_152 */
  readonly payload?: number
}

/** The limits that hold where none are given. */
export const DEFAULT_LIMITS: Required<Omit<RunLimits, 'tokens' | 'cost' | 'durationMs'>> = {
  steps: 50,
  decisions: 1000,
  parallel: 16,
  effects: 1000,
  depth: 8,
  repairs: 1,
  payload: 2_097_152,
}

/**
 * Amounts of what budgets count.
 *
 * @property steps Model calls.
 * @property tokens Input and output tokens together.
 * @property cost Money, in the unit of the price table; 0 for a model without a price.
 */
export type Amounts = { readonly steps: number; readonly tokens: number; readonly cost: number }

/**
 * What a run with all its children has used, and what is set aside for calls under way.
 *
 * @property used Taken for good.
 * @property reserved Set aside for model calls that have not settled.
 * @property unreported Finished calls whose usage the provider did not report: what was reserved for them stays used.
 */
export type Spending = { readonly used: Amounts; readonly reserved: Amounts; readonly unreported: number }

const NO_AMOUNTS: Amounts = { steps: 0, tokens: 0, cost: 0 }

/** Nothing used, nothing reserved. */
export const NO_SPENDING: Spending = { used: NO_AMOUNTS, reserved: NO_AMOUNTS, unreported: 0 }

/**
 * A change of spending, made in the same transaction as the events that it belongs to. It applies to the run and to each
 * of its ancestors, so that every run's limits hold for its whole subtree.
 *
 * @property reserve Set aside before a call; refused with `BUDGET_EXCEEDED` when used and reserved together would pass a limit of any of them.
 * @property release Given back after it: what had been reserved.
 * @property use Taken for good.
 */
export interface SpendingChange extends Readonly<Partial<Record<'reserve' | 'release' | 'use', Amounts>>> {
  /** How many more finished calls reported no usage. @default 0 */
  readonly unreported?: number
}

/** Applies a change under one run's limits; gives the name of the limit that it would pass. Every store uses this, so that all count alike. */
export function applySpending(spending: Spending, change: SpendingChange, limits: RunLimits): Spending | keyof Amounts {
  const { reserve, release, use, unreported = 0 } = change
  const used = sum(spending.used, use, 1)
  const reserved = sum(sum(spending.reserved, release, -1), reserve, 1)
  if (reserve !== undefined) {
    if (used.steps + reserved.steps > (limits.steps ?? DEFAULT_LIMITS.steps)) return 'steps'
    if (used.tokens + reserved.tokens > (limits.tokens ?? Infinity)) return 'tokens'
    if (used.cost + reserved.cost > (limits.cost ?? Infinity)) return 'cost'
  }
  return { used, reserved, unreported: spending.unreported + unreported }
}

/**
 * As {@link applySpending}, for stores: refuses with what is bounded, what is gone of it and what to do.
 *
 * @throws OpspawnError `BUDGET_EXCEEDED` with the name of the limit and the id of the run whose limit it is.
 */
export function requireSpending(runId: string, spending: Spending, change: SpendingChange, limits: RunLimits): Spending {
  const limit = applySpending(spending, change, limits)
  if (typeof limit !== 'string') return limit
  const { reserve, ...rest } = change
  const { used, reserved } = applySpending(spending, rest, limits) as Spending
  const text = `run ${runId} with its children may use ${limits[limit] ?? DEFAULT_LIMITS.steps} ${limit}: ${used[limit]} used, ${reserved[limit]} set aside, up to ${reserve?.[limit]} asked for; raise limits.${limit}, or ask for less`
  throw new OpspawnError('BUDGET_EXCEEDED', text, { details: { limit, runId } })
}

function sum(left: Amounts, right: Amounts | undefined, sign: 1 | -1): Amounts {
  if (right === undefined) return left
  const { steps, tokens, cost } = right
  return { steps: left.steps + sign * steps, tokens: left.tokens + sign * tokens, cost: left.cost + sign * cost }
}

/**
 * What one run used, without its children.
 *
 * @property modelCalls Model effects that settled, however they ended, but for those without budget; one that was tried again counts once.
 * @property toolCalls Tool effects that settled, however they ended, refused ones too. Child runs do not count.
 * @property inputTokens Sum of what was reported.
 * @property outputTokens Sum of what was reported.
 * @property unreported Model calls that reported no usage: with any, the sums are lower bounds.
 */
export interface RunUsage extends Readonly<Record<UsageCount, number>> {}

type UsageCount = 'modelCalls' | 'toolCalls' | 'inputTokens' | 'outputTokens' | 'unreported'
