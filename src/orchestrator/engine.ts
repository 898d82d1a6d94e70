import type { Clock, EffectMiddleware, Scheduler, Store, TaskRef, Tool } from '../core/index.ts'
import type { AgentBoard } from './agent-board.ts'
import type { ReadyAgent, RoutedTool } from './definition.ts'
import type { Hub } from './hub.ts'
import type { CompiledPolicy } from './policy.ts'
import type { Conversations } from './conversation.ts'
import type { Rounds } from './rounds.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { PriceTable } from './spending.ts'

/** What every part of one orchestrator shares. There is nothing global: two orchestrators share nothing. */
export interface Engine {
  readonly store: Store
  readonly scheduler: Scheduler
  readonly agents: ReadonlyMap<string, ReadyAgent>
  readonly hub: Hub
  readonly board: AgentBoard
  readonly policy: CompiledPolicy
  /** Makes a tool ready that a front tool stands before; once for each. */
  readonly prepareRouted: (tool: Tool) => RoutedTool
  readonly prices: PriceTable
  readonly middleware: readonly EffectMiddleware[]
  readonly clock: Clock
  /** Milliseconds of this process, which no setting of the clock moves. */
  readonly elapsed: () => number
  readonly random: () => number
  readonly retryBudget: RetryBudget
  readonly workerId: string
  readonly timing: Timing
  /** Conversations that callers passed: most are passed again with the next run, grown. */
  readonly conversations: Conversations
  /** Looks at runs that are awaited here and worked on elsewhere. */
  readonly rounds: Rounds
  /** Hands tasks to the scheduler; a failure is a fault and the sweep makes up for it. */
  publish(tasks: readonly TaskRef[]): void
  /** Has the store swept for due runs at that time (store's clock). */
  wakeAt(at: number): void
  /** Has a run worked on in this process look into its inbox now. */
  poke(runId: string): void
  /** Has a run that is to end taken up at once, without waiting for a place. */
  hurry(runId: string): void
}

/** The engine's times, in milliseconds. */
export interface Timing {
  /** A claim lasts so long without a heartbeat. @default 15_000 */
  readonly leaseMs: number
  /** At most half of `leaseMs`. @default 5_000 */
  readonly heartbeatMs: number
  /** The longest between two looks for due and forgotten runs. @default 1_000 */
  readonly sweepMs: number
  /** A run that has nothing to do for longer is given back to the store. @default 1_000 */
  readonly parkMs: number
  /** A cancelled run waits so long for its children to end. @default 5_000 */
  readonly cancelMs: number
  /** Longest decision of a planner, and longest check of an output. @default 60_000 */
  readonly decideMs: number
  /** Longest tool call where the tool says nothing, and longest memory call. @default 120_000 */
  readonly toolMs: number
  /** Longest model call where the agent says nothing. @default 300_000 */
  readonly modelMs: number
}

/** The default times. */
export const DEFAULT_TIMING: Timing = {
  leaseMs: 15_000,
  heartbeatMs: 5_000,
  sweepMs: 1_000,
  parkMs: 1_000,
  cancelMs: 5_000,
  decideMs: 60_000,
  toolMs: 120_000,
  modelMs: 300_000,
}

/** Signals of the engine's own. */
export const CANCEL = 'opspawn.cancel'
export const APPROVAL = 'opspawn.approval'
export const CHILD_END = 'opspawn.child-end'
export const RESOLVE = 'opspawn.resolve'
export const PAUSE = 'opspawn.pause'
export const RESUME = 'opspawn.resume'

/** Claims that a run may cost before it is set aside (S6). */
export const MAX_DELIVERIES = 10
