import {
  type Agent,
  type Amounts,
  DEFAULT_LIMITS,
  type ModelEffect,
  type RunLimits,
  type RunView,
  promptOf,
  type Message,
  type ModelAnswer,
  OpspawnError,
  type SpendingChange,
  type TokenUsage,
} from '../core/index.ts'

/** What one model call cost, by model: price of one million tokens in the unit of `RunLimits.cost`. */
export interface ModelPrice {
  /** Of prompt tokens. */
  readonly input: number
  /** Of answer tokens, reasoning included. */
  readonly output: number
  /** Of prompt tokens that were read from a cache. @default input */
  readonly cacheRead?: number
}

/** Computes the cost of a call; `undefined` when the usage is not known. */
export function costOf(usage: TokenUsage, price: ModelPrice): number | undefined {
  if (usage.input === undefined || usage.output === undefined) return undefined
  const cached = Math.min(usage.cacheRead ?? 0, usage.input)
  return (
    ((usage.input - cached) * price.input + cached * (price.cacheRead ?? price.input) + usage.output * price.output) / 1_000_000
  )
}

/** Prices by `provider/modelId`, `modelId`, or `*`. */
export type PriceTable = Readonly<Record<string, ModelPrice>>

/** Finds a model's price. */
export function priceOf(prices: PriceTable, provider: string, modelId: string): ModelPrice | undefined {
  for (const name of [`${provider}/${modelId}`, modelId, '*']) if (Object.hasOwn(prices, name)) return prices[name]
  return undefined
}

/** One model call and nothing else: what a call costs where neither tokens nor money are limited. */
export const ONE_STEP: Amounts = { steps: 1, tokens: 0, cost: 0 }

/**
 * What to set aside for a call: its prompt, estimated from its length, and the most that it may answer. The estimate of
 * four characters a token (OpenAI's rule of thumb for English) is only for the time of the call; what is used is counted
 * from the provider's report.
 */
export function estimateCall(
  run: RunView,
  effect: ModelEffect,
  limits: RunLimits,
  toolsLength: number,
  maxOutputTokens: number,
  price: ModelPrice | undefined,
): Amounts {
  if (limits.tokens === undefined && limits.cost === undefined) return ONE_STEP
  const input = Math.ceil((promptLength(promptOf(run, effect)) + toolsLength) / 4)
  const cost = price === undefined ? 0 : costOf({ input, output: maxOutputTokens }, price)
  return { steps: 1, tokens: input + maxOutputTokens, cost: cost ?? 0 }
}

function promptLength(prompt: readonly Message[]): number {
  let length = 0
  for (const message of prompt)
    length += typeof message.content === 'string' ? message.content.length : JSON.stringify(message.content).length
  return length
}

/** What became of a call, for its budget: it was refused or stopped before any work, or may have been worked on. */
export type CallEnd = 'refused' | 'made'

/**
 * What a finished call changes: the reservation goes back, the reported usage is taken. Where nothing was reported though
 * the provider may have worked (no usage, a time-out, a torn stream), the whole reservation counts as used: unknown is
 * never zero.
 */
export function settleCall(
  reserved: Amounts,
  end: CallEnd,
  answer: ModelAnswer | undefined,
  price: ModelPrice | undefined,
): SpendingChange {
  if (end === 'refused') return { release: reserved, use: ONE_STEP }
  const { input, output }: TokenUsage = answer?.usage ?? {}
  if (input === undefined || output === undefined) return { release: reserved, use: reserved, unreported: 1 }
  const cost = price === undefined ? 0 : (costOf(answer?.usage ?? {}, price) ?? 0)
  return { release: reserved, use: { steps: 1, tokens: input + output, cost } }
}

/** Adds two changes of the same transaction. */
export function mergeSpending(left: SpendingChange | undefined, right: SpendingChange): SpendingChange {
  if (left === undefined) return right
  const merged: { -readonly [K in keyof SpendingChange]: SpendingChange[K] } = { ...left }
  for (const part of ['reserve', 'release', 'use'] as const) {
    const amounts = right[part]
    const before = left[part]
    if (amounts === undefined) continue
    merged[part] =
      before === undefined
        ? amounts
        : { steps: before.steps + amounts.steps, tokens: before.tokens + amounts.tokens, cost: before.cost + amounts.cost }
  }
  if (right.unreported !== undefined) merged.unreported = (left.unreported ?? 0) + right.unreported
  return merged
}

/** Cuts wished limits to those that hold anyway, be it by default, and makes them such as a history can hold. */
export function tightenLimits(held: RunLimits, wished: RunLimits): RunLimits {
  const defaults: RunLimits = DEFAULT_LIMITS
  const limits: { -readonly [K in keyof RunLimits]: RunLimits[K] } = { ...held }
  for (const [name, value] of Object.entries(wished) as [keyof RunLimits, number | undefined][]) {
    // Histories of older versions may have null in the place of Infinity.
    if (typeof value !== 'number') continue
    const present = limits[name] ?? defaults[name]
    limits[name] = present === undefined ? value : Math.min(present, value)
  }
  // JSON has no Infinity: it is no limit at all, or, where none would be the default, the largest number.
  for (const name of Object.keys(limits) as (keyof RunLimits)[]) {
    if (limits[name] !== Infinity) continue
    if (defaults[name] === undefined) delete limits[name]
    else limits[name] = Number.MAX_SAFE_INTEGER
  }
  return limits
}

/** The limits of a child run: its agent's own, and under its parent's tokens, cost and time, since those are shared. */
export function childLimits(own: RunLimits, parent: RunLimits, elapsedMs: number, timeoutMs: number = Infinity): RunLimits {
  const shared: { -readonly [K in keyof RunLimits]: RunLimits[K] } = {}
  if (parent.tokens !== undefined) shared.tokens = parent.tokens
  if (parent.cost !== undefined) shared.cost = parent.cost
  const leftMs = Math.min(timeoutMs, Math.max(1, (parent.durationMs ?? Infinity) - elapsedMs))
  if (leftMs < Infinity) shared.durationMs = leftMs
  shared.depth = (parent.depth ?? DEFAULT_LIMITS.depth) - 1
  return tightenLimits(own, shared)
}

/**
 * Refuses a cost limit that cannot be kept: every model of the agent, and of all agents that it may call, needs a price.
 *
 * @throws OpspawnError `BUDGET_PRICE_UNKNOWN`
 */
export function requirePrices(where: string, limits: RunLimits, agents: readonly Agent[], prices: PriceTable): void {
  if (limits.cost === undefined) return
  for (const agent of agents) {
    for (const { provider, modelId } of Object.values(agent.models)) {
      if (priceOf(prices, provider, modelId) !== undefined) continue
      const model = `${provider}/${modelId}`
      throw new OpspawnError(
        'BUDGET_PRICE_UNKNOWN',
        `${where} has a cost limit, but the price table has no row for "${model}" of agent "${agent.name}"; add one to createOrchestrator({ prices })`,
        { details: { model } },
      )
    }
  }
}

/** An agent with all agents that it may call, directly or through others. */
export function agentsBelow(agent: Agent, agents: ReadonlyMap<string, { readonly agent: Agent }>): readonly Agent[] {
  const found = new Set([agent])
  for (const member of found) {
    for (const delegate of member.delegates) {
      const target = agents.get(delegate.agent)?.agent
      if (target !== undefined) found.add(target)
    }
  }
  return [...found]
}
