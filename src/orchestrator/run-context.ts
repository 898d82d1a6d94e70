import type { Fence, RunOrigin, RunView } from '../core/index.ts'
import type { ReadyAgent } from './definition.ts'
import type { Engine } from './engine.ts'
import type { Execution } from './execution.ts'
import type { PromptCache } from './prompt.ts'

/** A call that waits for its turn to have the run's transaction. */
export interface WaitingCall {
  readonly execution: Execution
  /** Lets it enter its body. */
  readonly enter: (turn: { readonly tx: unknown; readonly done: () => void }) => void
}

/** What the performing of a run's effects needs to know of the run. */
export interface RunContext {
  readonly engine: Engine
  readonly ready: ReadyAgent
  readonly origin: RunOrigin
  readonly view: RunView
  readonly fence: Fence
  readonly prompts: PromptCache
  /** When the run was accepted (store's clock). */
  readonly startedAt: number
  /** Keys of unsafe calls that were under way when their worker died. */
  readonly interrupted: Set<string>
  /** Calls that wait for a transaction of the run, in the order in which they came; absent: none. */
  transactions: WaitingCall[] | undefined
  /** Has the run's driver look what is to be done. */
  readonly wake: () => void
}
