import type { Fence, OfferedTool, OpspawnError, RunOrigin, RunView, ToolEffect } from '../core/index.ts'
import type { ReadyAgent, ReadyTool } from './definition.ts'
import type { Engine } from './engine.ts'
import type { Execution } from './execution.ts'
import type { PromptCache } from './prompt.ts'

/** A call that waits for its turn to have the run's transaction. */
export interface WaitingCall {
  readonly execution: Execution
  /** Lets it enter its body. */
  readonly enter: (turn: { readonly tx: unknown; readonly done: () => void }) => void
}

/** A call of a front tool as it is made. */
export interface RoutedCall {
  /** With the name and the input of the tool behind. */
  readonly effect: ToolEffect
  readonly ready: ReadyTool
  readonly offered: OfferedTool
  /** Of the call: what a later answer of the front tool must come to as well. */
  readonly hash: string
}

/** Where an open call goes; an error where it is not the one any more that was let in. */
export type Route = RoutedCall | { readonly error: OpspawnError }

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
  /** Calls of front tools by their keys, while they are open; absent: none. */
  routes: Map<string, Route> | undefined
  /** Calls that wait for a transaction of the run, in the order in which they came; absent: none. */
  transactions: WaitingCall[] | undefined
  /** Has the run's driver look what is to be done. */
  readonly wake: () => void
}
