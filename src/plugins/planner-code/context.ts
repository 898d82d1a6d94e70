import type { Agent, Json, TaskRule, Tool } from '../../core/index.ts'

/** What a person answered. */
export interface ApprovalAnswer {
  /** Whether it may go on. */
  readonly approved: boolean
  /** Who answered. */
  readonly by: string
  /** In the words of the person. */
  readonly reason?: string
}

/** Of every call that is recorded. */
export interface SleepOptions {
  /** Names the call in the history; a second call of the same name becomes `name#2`. @default the tool, agent or signal, or what it does */
  readonly name?: string
}

/** Of a call of a tool or an agent. */
export interface CallOptions extends SleepOptions {
  /** Longest execution: milliseconds, or a text such as `90s`. */
  readonly timeout?: number | string
  /** Executions of a tool in all. @default by the tool's own policy */
  readonly attempts?: number
  /**
   * Ask or deny besides the policy, for the call and for everything that is done for it in child runs. An unnamed rule is
   * called by the call and its place.
   */
  readonly rules?: readonly TaskRule[]
}

/** Of a wait. */
export interface WaitOptions extends SleepOptions {
  /** How long to wait at most: milliseconds, or a text such as `2d`. */
  readonly deadline?: number | string
}

/** A tool, or the name of one. */
export type NamedTool<Output> = string | Pick<Tool<never, Output>, 'name' | 'execute'>

/** An agent or a workflow, or the name of one. */
export type NamedAgent<Output> = string | Pick<Agent<never, Output>, 'name' | 'output'>

/**
 * What a workflow function reaches the world through. Every call is one effect in the history. A call that fails rejects
 * with an `OpspawnError` of the failure's code; a call that is open when the run ends never settles.
 */
export interface WorkflowContext {
  /** The run's id. */
  readonly runId: string
  /** Whose run it is. */
  readonly tenant: string
  /** The session that it belongs to, if any. */
  readonly session: string | undefined
  /** Runs a tool, by name or value. By name, the type of the output is the caller's claim. */
  tool<Output = Json>(tool: NamedTool<Output>, input?: Json, options?: CallOptions): Promise<Output>
  /** Runs an agent as a child run. */
  agent<Output = Json>(agent: NamedAgent<Output>, input?: Json, options?: Omit<CallOptions, 'attempts'>): Promise<Output>
  /** Runs another workflow as a child run. */
  workflow<Output = Json>(workflow: NamedAgent<Output>, input?: Json, options?: Omit<CallOptions, 'attempts'>): Promise<Output>
  /** Waits for a person. A refusal is an answer, not an error. */
  approval(question: string, options?: WaitOptions & { readonly details?: Json }): Promise<ApprovalAnswer>
  /** Waits for a signal, and gives its payload. */
  signal<Payload = Json>(name: string, options?: WaitOptions): Promise<Payload>
  /** Waits: milliseconds, or a text such as `1h`. */
  sleep(duration: number | string, options?: SleepOptions): Promise<void>
  /**
   * Ends this run, and has a new one of the same workflow go on in its place with this input and an empty history: for what
   * goes on for long. The function is not gone on with; what is open is cancelled. Whoever waits for the run's result gets
   * that of the last one, signals that nobody took are the new run's, and so are its budgets, less what is used.
   */
  continueAsNew(input: Json): Promise<never>
  /** Epoch milliseconds of the run's recorded time. What was read once stays the same when the function is replayed. */
  now(): number
  /** A number from 0 up to 1 that follows from the run's id and how often it was asked for. */
  random(): number
}

/** A workflow as code. It must do the same whenever it is run over the same outcomes: time, chance and the world come through `ctx` alone. */
export type WorkflowFunction<Input, Output> = (ctx: WorkflowContext, input: Input) => Promise<Output> | Output
