import type { Amounts } from './budget.ts'
import type { Failure } from './failure.ts'
import type { Json } from './json.ts'
import type { MemoryEntry } from './memory.ts'
import type { Message } from './message.ts'
import type { ModelAnswer, ModelSettings, ResponseFormat, ToolChoice } from './model.ts'

/** `key` is unique in the run and the same whenever the planner sees the same history: it names the effect in the history. */
type Keyed = { readonly key: string }

/**
 * Call a model. The prompt is written down only once in a history: `continues` takes over the whole prompt of an
 * earlier model effect together with its answer, `results` adds the outcomes of tool and run effects that this answer
 * asked for, `messages` adds the rest. Without `continues`, `messages` is the whole prompt.
 */
export interface ModelEffect extends Keyed {
  readonly kind: 'model'
  /** One of the agent's models. @default 'default' */
  readonly model?: string
  readonly continues?: string
  readonly results?: readonly string[]
  readonly messages?: readonly Message[]
  /** Names of the offered tools to show. @default none */
  readonly tools?: 'all' | readonly string[]
  readonly toolChoice?: ToolChoice
  readonly responseFormat?: ResponseFormat
  readonly settings?: ModelSettings
}

/** Run a tool. */
export interface ToolEffect extends Keyed {
  readonly kind: 'tool'
  readonly tool: string
  readonly input: Json
  /** The id of the model's tool call that asked for it. */
  readonly callId?: string
  /** Longest execution in milliseconds. @default the tool's own */
  readonly timeoutMs?: number
  /** Executions in all, the first included. @default by the tool's own policy */
  readonly attempts?: number
}

/** Run another agent or a workflow as a child of this run: same budget, same cancellation, same trace. */
export interface RunEffect extends Keyed {
  readonly kind: 'run'
  readonly agent: string
  readonly input: Json
  /** A model effect whose prompt and answer the child gets as its conversation, system messages left out. */
  readonly continues?: string
  /** The id of the model's tool call that asked for it, and the tool name that it used. */
  readonly callId?: string
  readonly tool?: string
  /** Longest life of the child in milliseconds: one of its limits. */
  readonly timeoutMs?: number
}

/** Ask a memory. */
export interface RecallEffect extends Keyed {
  readonly kind: 'recall'
  /** @default the agent's memory */
  readonly memory?: string
  readonly query: string
  /** Upper bounds of what comes back. */
  readonly budget?: { readonly tokens?: number; readonly items?: number }
}

/** Write to a memory. */
export interface RememberEffect extends Keyed {
  readonly kind: 'remember'
  readonly memory?: string
  readonly entries: readonly MemoryEntry[]
}

/** Wait for time to pass, for a signal of a name, or for a person's approval. */
export interface WaitEffect extends Keyed {
  readonly kind: 'wait'
  readonly for:
    | { readonly type: 'time'; readonly ms: number }
    | { readonly type: 'signal'; readonly name: string; readonly deadlineMs?: number }
    | { readonly type: 'approval'; readonly question: string; readonly details?: Json; readonly deadlineMs?: number }
}

/** What a planner may ask for. The kinds are closed: a tool is the way to add anything else. */
export type Effect = ModelEffect | ToolEffect | RunEffect | RecallEffect | RememberEffect | WaitEffect

/** The kinds of effects. */
export type EffectKind = Effect['kind']

/** What performing an effect came to. A run ends with one of the first three too. */
export type Outcome<Value = Json> =
  | { readonly status: 'completed'; readonly value: Value }
  | { readonly status: 'failed'; readonly error: Failure }
  | { readonly status: 'cancelled'; readonly error: Failure }
  /** Policy or a person refused; the body was not entered. */
  | { readonly status: 'denied'; readonly error: Failure }
  /** An unsafe call was interrupted and nobody knows whether it happened. */
  | { readonly status: 'unknown'; readonly error: Failure }

/** An effect with what is known of it. */
export interface EffectRecord {
  readonly effect: Effect
  /** Absent while the effect is open. A model effect's value is a {@link ModelAnswer}. */
  readonly outcome?: Outcome | undefined
  /** Executions begun so far that failed. */
  readonly failures: number
  /** An unsafe call's body was about to be entered. */
  readonly started: boolean
  /** A person's answer to the approval that the call waited for. */
  readonly approval?: 'requested' | 'approved' | undefined
  /** Epoch milliseconds before which nothing happens: a retry's time, a wait's end or an approval's deadline. */
  readonly dueAt?: number | undefined
  /** Set aside for a model call under a token or cost limit. */
  readonly reserved?: Amounts | undefined
  /** Hash of what an approval binds to. */
  readonly argumentsHash?: string | undefined
}

/** Around the performing of an effect. */
export interface EffectContext {
  readonly runId: string
  readonly agent: string
  readonly tenant: string
  readonly session: string | undefined
  /** 1 for the first execution; middleware runs anew for each. */
  readonly attempt: number
  /** Fires on cancellation, time-out and loss of the run. A body that ignores it is abandoned, not stopped. */
  readonly signal: AbortSignal
}

/** The answer of a settled model effect, or `undefined` when it failed. */
export function modelAnswer({ effect, outcome }: EffectRecord): ModelAnswer | undefined {
  return effect.kind === 'model' && outcome?.status === 'completed' ? (outcome.value as unknown as ModelAnswer) : undefined
}
