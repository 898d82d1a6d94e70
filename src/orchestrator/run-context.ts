import type { Fence, RunOrigin, RunView } from '../core/index.ts'
import type { ReadyAgent } from './definition.ts'
import type { Engine } from './engine.ts'
import type { PromptCache } from './prompt.ts'

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
}
