import type { Json, JsonObject, TaskRule } from '../../core/index.ts'

/** A workflow as data: what a YAML or JSON file holds. Texts of the form `${{ expression }}` are filled in while it runs. */
export interface WorkflowDocument {
  /** Registered like an agent's name. */
  readonly name: string
  /** What it is for, shown to agents that may call it. */
  readonly description?: string
  /** For people; the planner's own version follows from the content. */
  readonly version?: string
  /** JSON Schema of the input. @default any JSON */
  readonly input?: JsonObject
  /** By name, in any order: what runs before what is said by `needs`. */
  readonly tasks: Readonly<Record<string, TaskDocument>>
  /** What the run gives. @default the outputs of the tasks that no other task needs, by name */
  readonly output?: Json
  /** JSON Schema of the output. @default any JSON */
  readonly outputSchema?: JsonObject
  /** Compensation tasks to run, in this order, when the workflow fails, after those of its tasks. */
  readonly onFailure?: string | readonly string[]
}

/** One task. Exactly one of `tool`, `agent`, `workflow`, `approval`, `signal` and `sleep` says what it does. */
export interface TaskDocument {
  /** For people. */
  readonly description?: string
  /** Calls a tool. */
  readonly tool?: string
  /** Runs an agent as a child run: by name, or the first one that has a capability. */
  readonly agent?: string | CapableAgent
  /** Runs another workflow as a child run. */
  readonly workflow?: string
  /** Waits for a person: the question, or question, details and deadline. */
  readonly approval?: string | ApprovalDocument
  /** Waits for a signal: its name, or name and deadline. */
  readonly signal?: string | SignalDocument
  /** Waits for a duration. */
  readonly sleep?: string
  /** The input of a tool, agent or workflow. @default the item in a `forEach`; else `{}` for a tool, the workflow's input for the others */
  readonly with?: Json
  /** Tasks that must have settled before. */
  readonly needs?: string | readonly string[]
  /**
   * Which of `needs` must have gone well: `all`; `any`: one of them at least; `settled`: none, it runs whatever they came to.
   * @default 'all'
   */
  readonly join?: 'all' | 'any' | 'settled'
  /** A condition, bare CEL: without `${{ }}`. Where it is false the task is skipped. */
  readonly if?: string
  /** A list: the task runs once for each item, with `item` and `index` in its expressions, and gives the list of outputs. */
  readonly forEach?: Json
  /** Items at once. @default all */
  readonly concurrency?: number
  /** Executions in all, or how. */
  readonly retry?: number | RetryDocument
  /** Longest execution of a tool, agent or workflow; each retry has it anew. */
  readonly timeout?: string
  /** Compensation tasks to run when this task fails, or when the workflow fails after this task has completed. */
  readonly onFailure?: string | readonly string[]
  /**
   * What a failure of this task means: `fail`: the workflow fails; `skip`: tasks that need it are skipped; `continue`: they
   * run as if it had completed with `null`.
   * @default 'fail'
   */
  readonly failure?: 'fail' | 'skip' | 'continue'
  /**
   * Ask or deny besides the policy, for the call of a tool, agent or workflow and for everything that is done for it in child
   * runs. An unnamed rule is called by the task and its place.
   */
  readonly rules?: readonly TaskRule[]
}

/** An agent by what it can do. */
export interface CapableAgent {
  /** One of its declared capabilities. */
  readonly capability: string
}

/** What an approval task asks. */
export interface ApprovalDocument {
  /** @default a question made of the task's name */
  readonly question?: string
  /** Shown with the question. */
  readonly details?: Json
  /** How long it may take. @default the policy's */
  readonly deadline?: string
}

/** What a signal task waits for. */
export interface SignalDocument {
  /** The signal's name. */
  readonly name: string
  /** How long to wait at most. */
  readonly deadline?: string
}

/** How a failed task is tried again. */
export interface RetryDocument {
  /** Executions in all, the first included. */
  readonly attempts: number
  /** Upper bound of the first wait; it doubles each time, and the wait is drawn below it. @default 1s */
  readonly backoff?: string
  /** Upper bound of any wait. @default 1m */
  readonly maxBackoff?: string
}

/** What a task does. */
export type TaskKind = 'tool' | 'agent' | 'workflow' | 'approval' | 'signal' | 'sleep'

/** The members of a task that say what it does. */
export const TASK_KINDS: readonly TaskKind[] = ['tool', 'agent', 'workflow', 'approval', 'signal', 'sleep']
