import type { Amounts } from './budget.ts'
import type { Failure } from './failure.ts'
import type { Json } from './json.ts'
import type { MemoryEntry, RecallOptions } from './memory.ts'
import type { Message } from './message.ts'
import type { ModelAnswer, ModelSettings, ResponseFormat, ToolChoice } from './model.ts'
import type { TaskRule } from './policy.ts'
import type { Caller } from './run.ts'

interface Keyed {
  /** Unique in the run and the same whenever the planner sees the same history: it names the effect in the history. */
  readonly key: string
}

/**
 * Call a model. The prompt is written down only once in a history: `continues` takes over the whole prompt of an
 * earlier model effect together with its answer, `results` adds the outcomes of tool and run effects that this answer
 * asked for, `messages` adds the rest. Without `continues`, `messages` is the whole prompt.
 */
export interface ModelEffect extends Keyed {
  /** Marks a model call. */
  readonly kind: 'model'
  /** One of the agent's models. @default 'default' */
  readonly model?: string
  /**
   * Key of an earlier model effect that has an answer: its whole prompt and the answer come first. Absent: `messages`
   * is the whole prompt.
   */
  readonly continues?: string
  /** Keys of settled tool and run effects that have a `callId`: one tool message tells their outcomes, in this order. */
  readonly results?: readonly string[]
  /** What comes last. Without `continues` there must be at least one. */
  readonly messages?: readonly Message[]
  /** Names of the offered tools to show. @default none */
  readonly tools?: 'all' | readonly string[]
  /** Whether and which tool must be called; left out of a call that shows no tools. @default the provider's */
  readonly toolChoice?: ToolChoice
  /** The form of the answer, passed on as it is. @default the provider's: text */
  readonly responseFormat?: ResponseFormat
  /** Take the place of the agent's settings, member by member. */
  readonly settings?: ModelSettings
}

/** What a call of a tool and one of another agent have in common. */
interface Asked extends Keyed {
  /** The arguments, or what the child is started with: checked against the schema of the tool or agent before anything is begun. */
  readonly input: Json
  /** The id of the model's tool call that asked for it. */
  readonly callId?: string
  /** Longest execution of a tool in milliseconds, else the tool's own; of a child its longest life: one of its limits. */
  readonly timeoutMs?: number
  /** The task of a workflow that it carries out: for the audit, and for the names of its rules. */
  readonly task?: string
  /** Hold for it besides the policy, and for everything that a child run does, with all below that. They can only make it stricter. */
  readonly rules?: readonly TaskRule[]
}

/** Run a tool. */
export interface ToolEffect extends Asked {
  /** Marks a tool call. */
  readonly kind: 'tool'
  /** Registered name, not the alias that models see. */
  readonly tool: string
  /** Executions in all, the first included. @default by the tool's own policy */
  readonly attempts?: number
}

/** Run another agent or a workflow as a child of this run: same budget, same cancellation, same trace. */
export interface RunEffect extends Asked {
  /** Marks a child run. */
  readonly kind: 'run'
  /** Name of one of the agent's delegates. */
  readonly agent: string
  /** A model effect whose prompt and answer the child gets as its conversation, system messages left out. */
  readonly continues?: string
  /** The alias by which that call named the delegate; it tells calling from handing over where an agent is offered both ways. */
  readonly tool?: string
}

/**
 * Ask a memory, in the scope of the run: its tenant, agent and session. `across` may name `session` alone: what other
 * sessions of the same agent have left, and what was kept outside of any. The value is a `Recall`; its labels are those of
 * the records, see {@link RememberEffect}.
 */
export interface RecallEffect extends Keyed, Pick<RecallOptions, 'across' | 'budget' | 'context' | 'filter'> {
  /** Marks a question to a memory. */
  readonly kind: 'recall'
  /** @default the agent's memory */
  readonly memory?: string
  /** What to look for, in words. */
  readonly query: string
}

/**
 * Write to a memory, in the scope of the run. The engine notes the labels of the data that the run had seen in the metadata
 * field `opspawn.labels` of each entry, a text with blanks between them; a record without that field counts as private and
 * untrusted when it is recalled.
 */
export interface RememberEffect extends Keyed {
  /** Marks a write to a memory. */
  readonly kind: 'remember'
  /** @default the agent's memory */
  readonly memory?: string
  /** One without an id gets one made of run, key and position, so that trying again writes nothing twice. */
  readonly entries: readonly MemoryEntry[]
}

/** Wait for time to pass, for a signal of a name, or for a person's approval. */
export interface WaitEffect extends Keyed {
  /** Marks a wait. */
  readonly kind: 'wait'
  /**
   * What ends the wait.
   *
   * @property type `time` completes with null, `signal` with the payload, `approval` with `{ approved, by, reason }`,
   * given or refused.
   * @property ms Milliseconds from the decision.
   * @property name Of the signal; the oldest unconsumed one counts, even if it came before. Not one that begins with
   * `opspawn.`.
   * @property deadlineMs Milliseconds from the decision. Past it a signal fails with `WAIT_EXPIRED`, an approval is
   * denied with `APPROVAL_EXPIRED`. Absent: none for a signal, the policy's `approvalMs` for an approval.
   * @property question What the person is asked.
   * @property details Shown to the person as the call's input.
   */
  readonly for:
    | { readonly type: 'time'; readonly ms: number }
    | { readonly type: 'signal'; readonly name: string; readonly deadlineMs?: number }
    | { readonly type: 'approval'; readonly question: string; readonly details?: Json; readonly deadlineMs?: number }
}

/** What a planner may ask for. The kinds are closed: a tool is the way to add anything else. */
export type Effect = ModelEffect | ToolEffect | RunEffect | RecallEffect | RememberEffect | WaitEffect

/** The kinds of effects. */
export type EffectKind = Effect['kind']

/**
 * What performing an effect came to. A run ends with one of the first three too.
 *
 * @property status How it ended; only `completed` has a value. `denied`: policy or a person refused, and the body was not
 * entered. `unknown`: an unsafe call was interrupted, and nobody knows whether it happened.
 * @property value What the effect gave, as recorded.
 * @property error Why it has no value; its code tells refusal, time-out and fault apart.
 */
export type Outcome<Value = Json> =
  | { readonly status: 'completed'; readonly value: Value }
  | { readonly status: 'failed' | 'cancelled' | 'denied' | 'unknown'; readonly error: Failure }

/**
 * An effect with what is known of it.
 *
 * @property routed.tool Its name.
 * @property routed.hash Of its name and arguments.
 */
export interface EffectRecord {
  /** As the planner asked for it. */
  readonly effect: Effect
  /** Absent while the effect is open. A model effect's value is a {@link ModelAnswer}. */
  readonly outcome?: Outcome | undefined
  /** Executions that failed and were, or will be, made again: the last failure of a call that is given up is its outcome. */
  readonly failures: number
  /** An unsafe call's body was about to be entered. */
  readonly started: boolean
  /** Where the approval that the call waits for stands; a refusal is the call's outcome. */
  readonly approval?: 'requested' | 'approved' | undefined
  /** Epoch milliseconds before which nothing happens: a retry's time, a wait's end or an approval's deadline. */
  readonly dueAt?: number | undefined
  /** Set aside for a model call under a token or cost limit. */
  readonly reserved?: Amounts | undefined
  /** Hash of what an approval binds to. */
  readonly argumentsHash?: string | undefined
  /** The tool that a call of a front tool is meant for, and the hash of that call. */
  readonly routed?: { readonly tool: string; readonly hash: string } | undefined
}

/**
 * Around the performing of an effect.
 *
 * @property runId The run that asked for the effect.
 * @property agent Name of the run's agent.
 * @property tenant Whose run it is; memories are bound to it.
 */
export interface EffectContext extends Readonly<Record<'runId' | 'agent' | 'tenant', string>> {
  /** The run's, if it belongs to one. */
  readonly session: string | undefined
  /** Who started the run, or the run at the top of its tree; absent where nobody was named. */
  readonly caller?: Caller | undefined
  /** 1 for the first execution; middleware runs anew for each. */
  readonly attempt: number
  /** Fires on cancellation, time-out and loss of the run. A body that ignores it is abandoned, not stopped. */
  readonly signal: AbortSignal
}

/** The answer of a settled model effect, or `undefined` when it failed. */
export const modelAnswer = ({ effect, outcome }: EffectRecord): ModelAnswer | undefined =>
  effect.kind === 'model' && outcome?.status === 'completed' ? (outcome.value as unknown as ModelAnswer) : undefined
