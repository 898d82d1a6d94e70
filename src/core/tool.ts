import type { EffectContext } from './effect.ts'
import type { Json } from './json.ts'
import type { InferInput, InferOutput, Schema } from './schema.ts'

/**
 * What running a tool does to the world, and so what the engine may do after a failure or a crash:
 * - `pure`: nothing; may run again at any time;
 * - `idempotent`: the same effect however often, by its idempotency key; may run again;
 * - `transactional`: writes through `ctx.tx`, committed together with the history, exactly once;
 * - `unsafe`: anything else. Its start is recorded first; an interrupted call is UNKNOWN and never silently repeated.
 */
export type ToolEffectClass = 'pure' | 'idempotent' | 'transactional' | 'unsafe'

/** What a tool does with data: reads `private` data, brings in `untrusted` text, or sends data `outbound`. */
export type ToolLabel = 'private' | 'untrusted' | 'outbound'

/**
 * How often and how patiently a failed call is made again.
 *
 * @property attempts Executions in all, the first included.
 * @property baseMs Upper bound of the first wait in milliseconds; it doubles each time (full jitter: the wait is drawn from 0 to the bound).
 * @property maxMs Upper bound of any wait in milliseconds. A longer Retry-After of a provider is honoured all the same.
 */
export interface RetryPolicy extends Readonly<Partial<Record<'attempts' | 'baseMs' | 'maxMs', number>>> {}

/**
 * What a tool's body receives besides its input.
 *
 * @property key The effect's key, unique in the run.
 * @property idempotencyKey Stable over retries, restarts and workers: hash of run and key. Hand it to the service that you call.
 */
export interface ToolContext extends EffectContext, Readonly<Record<'key' | 'idempotencyKey', string>> {
  /** Fencing token: grows with each worker that takes over the run. */
  readonly epoch: number
  /** Epoch milliseconds at which the signal fires for time-out, if there is a limit. */
  readonly deadline: number | undefined
  /** The store's transaction, for `transactional` tools on a store that has one. */
  readonly tx: unknown
  /** Tells listeners of the run something live; not recorded. */
  progress(value: Json): void
  /** Writes a line to the run's listeners; not recorded. */
  log(message: string, data?: Json): void
  /** Whether rules refuse this run all calls of a tool of that name, whatever the arguments: such a tool is not to be shown. */
  isHidden(tool: string): boolean
}

/** Who makes a call that a front tool is asked about; see {@link Tool.route}. */
export type RouteContext = Pick<ToolContext, 'agent' | 'tenant' | 'session' | 'caller' | 'isHidden'>

/** Something an agent can do. */
export interface Tool<Input = unknown, Output = unknown> {
  /** Marks a tool, and the version of its contract. */
  readonly spec: 'tool/1'
  /** Letters, digits, `_`, `-` and `.`, at most 64. */
  readonly name: string
  /** Shown to the model. */
  readonly description: string
  /** Of the arguments; shown to the model as JSON Schema, and checked before the body is entered. */
  readonly input: Schema<Input>
  /** Checked before a model sees the result. */
  readonly output?: Schema | undefined
  /** What the engine may do after a failure or a crash. */
  readonly effect: ToolEffectClass
  /** What the data-flow rule goes by; absent: none. */
  readonly labels?: readonly ToolLabel[] | undefined
  /** `true`: each call waits for a person. */
  readonly approval?: boolean | undefined
  /** Longest execution in milliseconds, waiting for a place under `concurrency` included. @default the orchestrator's `timing.toolMs` */
  readonly timeoutMs?: number | undefined
  /** Executions of this tool at once in this process. */
  readonly concurrency?: number | undefined
  /** Of failures that say that they may pass. @default four executions, one for an `unsafe` tool */
  readonly retry?: RetryPolicy | undefined
  /**
   * Of an unsafe call that was interrupted where `verify` is missing or throws: `tell` the planner, `ask` a person, who
   * answers by `resolve` of the run, or `repeat` it, so that it may happen twice. @default 'tell'
   */
  readonly onUnknown?: 'tell' | 'ask' | 'repeat' | undefined
  /** After a crash, or a time-out before a repetition: did the interrupted call happen? `{ happened: true, output }` settles it without a second run. */
  verify?(input: Input, context: ToolContext): Verification | Promise<Verification>
  /**
   * Of a tool that stands in front of others: which of them a call is meant for, and with which input. Rules, approvals,
   * labels, limits, retries and the history then know the call as one of that tool; rules about the front tool hold as well.
   * `undefined`: the call is for the front tool itself. It gets the arguments as they were given, not checked. It must be
   * pure and answer at once; it is asked again after a restart, with nothing hidden, and a call that it then takes elsewhere
   * fails with `TOOL_CHANGED`. A call of what `isHidden` says is hidden fails with `TOOL_UNKNOWN`; where `undefined` is given
   * for it, the front tool answers as for a name that there is not. What it throws fails the call. The tool that it gives may not have a `route`, and may not share the name
   * of another registered tool.
   *
   * @property tool The tool that the call is for.
   * @property input Its arguments.
   */
  route?(input: Json, context: RouteContext): { readonly tool: Tool; readonly input: Json } | undefined
  /** Does it. The input has been validated; throwing is reported to the model as data. */
  execute(input: Input, context: ToolContext): Output | Promise<Output>
}

/**
 * What {@link Tool.verify} finds.
 *
 * @property happened `false`: it is executed again.
 * @property output What the call gave; checked and recorded as its result.
 */
export type Verification = { readonly happened: true; readonly output: Json } | { readonly happened: false }

type OwnMembers<S, Output> = Omit<Tool<InferOutput<S>, Output>, 'spec' | 'input' | 'output' | 'effect' | 'verify'>

/** What {@link defineTool} takes: a tool's members, the effect class with a default. */
export interface ToolOptions<S extends Schema, Output, O extends Schema = Schema> extends OwnMembers<S, Output> {
  /** As {@link Tool.input}; it also gives the type of the body's input. */
  readonly input: S
  /** As {@link Tool.output}; it also gives the type that the body must return. */
  readonly output?: O | undefined
  /** @default 'unsafe' */
  readonly effect?: ToolEffectClass | undefined
  /** As {@link Tool.verify}. */
  readonly verify?: Tool<InferOutput<S>, Output>['verify'] | undefined
}

/**
 * Makes a tool, its input type inferred from the schema. It is checked where it is registered; the `defineTool` of
 * `opspawn` checks it at once.
 */
export function defineTool<S extends Schema, Output extends InferInput<O>, O extends Schema = Schema>(
  options: ToolOptions<S, Output, O>,
): Tool<InferOutput<S>, Output> {
  return { ...options, spec: 'tool/1', effect: options.effect ?? 'unsafe' } as Tool<InferOutput<S>, Output>
}
