import {
  type Caller,
  type Json,
  type LiveEvent,
  OpspawnError,
  toFailure,
  toJson,
  type ToolContext,
  type ToolEffect,
  type Validation,
  type Verification,
  type Issue,
} from '../core/index.ts'
import { requireApproved } from './approved.ts'
import type { ReadyTool } from './definition.ts'
import type { Execution, Performed } from './execution.ts'
import { frozen } from './frozen.ts'
import { nowOrLater } from './later.ts'
import type { Limiter } from './limiter.ts'
import { isHidden, toolOf } from './routing.ts'
import type { RunContext } from './run-context.ts'
import { describeIssues } from './schema.ts'
import { hashText } from './system.ts'
import { takePlace, takeTransaction } from './waiting-call.ts'

/**
 * Runs a tool: input checked before the body is entered, result checked and copied before anybody sees it.
 *
 * @throws OpspawnError `TOOL_INPUT_INVALID`, `TOOL_OUTPUT_INVALID`, `PAYLOAD_TOO_LARGE`, `TOOL_TIMEOUT`; whatever the tool throws
 */
export function performTool(context: RunContext, effect: ToolEffect, execution: Execution): Performed | Promise<Performed> {
  const ready = toolOf(context, effect)
  if (ready === undefined) throw new OpspawnError('TOOL_UNKNOWN', `agent "${context.view.agent}" has no tool "${effect.tool}"`)
  const checking = validInput(ready, effect)
  if (checking instanceof Promise) {
    armLimit(context, ready, execution)
    return checking.then((input) => runInPlace(context, ready, effect, input, execution))
  }
  return runInPlace(context, ready, effect, checking, execution)
}

function runInPlace(
  context: RunContext,
  ready: ReadyTool,
  effect: ToolEffect,
  input: unknown,
  execution: Execution,
): Performed | Promise<Performed> {
  requireApproved(context, effect, input)
  if (ready.limiter === undefined) return run(context, ready, effect, input, execution)
  return runLimited(context, ready, effect, input, execution, ready.limiter)
}

async function runLimited(
  context: RunContext,
  ready: ReadyTool,
  effect: ToolEffect,
  input: unknown,
  execution: Execution,
  limiter: Limiter,
): Promise<Performed> {
  // The wait counts: a body that never returns its place must not hold up the others for ever.
  armLimit(context, ready, execution)
  execution.stage = 'waiting'
  await takePlace(limiter, execution)
  try {
    return await run(context, ready, effect, input, execution)
  } finally {
    // A body that goes on after its time-out keeps its place until it returns: the limit is on bodies.
    limiter.give()
  }
}

/** Longest execution of a call: its own limit, else the tool's, else the engine's. */
export function toolTimeLimit(context: RunContext, ready: ReadyTool | undefined, effect: ToolEffect): number {
  return effect.timeoutMs ?? ready?.tool.timeoutMs ?? context.engine.timing.toolMs
}

/** Enters the body. One that returns at once needs no time limit, and none is set. */
function run(
  context: RunContext,
  ready: ReadyTool,
  effect: ToolEffect,
  input: unknown,
  execution: Execution,
): Performed | Promise<Performed> {
  // Checks and waiting for a place take time: what is over by then is not begun.
  if (execution.isOver) throw execution.signal.reason
  if (ready.tool.effect === 'transactional') return runTransactional(context, ready, effect, input, execution)
  const toolContext = new ToolCall(context, effect, execution)
  execution.limit(toolTimeLimit(context, ready, effect))
  execution.stage = 'entered'
  if (context.interrupted.has(effect.key) && ready.tool.verify !== undefined)
    return runVerified(context, ready, input, toolContext, execution)
  const executing: unknown = nowOrLater(ready.tool.execute(input, toolContext))
  if (!(executing instanceof Promise)) return accept(context, ready, executing)
  armLimit(context, ready, execution)
  return executing.then((output: unknown) => accept(context, ready, output))
}

/** Enters the body when it is this call's turn to have the run's transaction; the driver commits it with the result (S3). */
async function runTransactional(
  context: RunContext,
  ready: ReadyTool,
  effect: ToolEffect,
  input: unknown,
  execution: Execution,
): Promise<Performed> {
  armLimit(context, ready, execution)
  execution.stage = 'waiting'
  const { tx, done } = await takeTransaction(context, execution)
  if (execution.isOver) throw execution.signal.reason
  execution.stage = 'entered'
  const performed = await accept(context, ready, await ready.tool.execute(input, new ToolCall(context, effect, execution, tx)))
  done()
  return performed
}

/** The call was under way when its worker died or its time was up: asks whether it happened before it is made again. */
async function runVerified(
  context: RunContext,
  ready: ReadyTool,
  input: unknown,
  toolContext: ToolContext,
  execution: Execution,
): Promise<Performed> {
  armLimit(context, ready, execution)
  let found: Verification | undefined
  try {
    found = await ready.tool.verify?.(input, toolContext)
  } catch (error) {
    // Nobody knows, and trying again might make it happen twice.
    if (ready.tool.onUnknown !== 'repeat')
      throw new OpspawnError(
        'EFFECT_UNKNOWN',
        `tool "${ready.tool.name}" was interrupted and could not be verified: ${toFailure(error, 'TOOL_FAILED').message}`,
        {
          cause: error,
        },
      )
  }
  if (found?.happened === true) return accept(context, ready, found.output)
  if (execution.isOver) throw execution.signal.reason
  return accept(context, ready, await ready.tool.execute(input, toolContext))
}

function accept(context: RunContext, ready: ReadyTool, output: unknown): Performed | Promise<Performed> {
  const checked = validOutput(ready, output, context)
  return checked instanceof Promise
    ? checked.then((value) => ({ value, labels: ready.brings }))
    : { value: checked, labels: ready.brings }
}

/** Checks a tool's arguments; a promise only where its schema gives one. @throws OpspawnError `TOOL_INPUT_INVALID` */
export function validInput(ready: ReadyTool, effect: { readonly input: Json }): unknown {
  try {
    const checked = ready.input.validate(effect.input)
    if (!(checked instanceof Promise)) return acceptInput(ready, effect.input, checked)
    return checked.then(
      (later) => acceptInput(ready, effect.input, later),
      (error: unknown) => Promise.reject(uncheckable('TOOL_INPUT_INVALID', `the arguments of tool "${ready.tool.name}"`, error)),
    )
  } catch (error) {
    if (OpspawnError.is(error, 'TOOL_INPUT_INVALID')) throw error
    throw uncheckable('TOOL_INPUT_INVALID', `the arguments of tool "${ready.tool.name}"`, error)
  }
}

function uncheckable(code: 'TOOL_INPUT_INVALID' | 'TOOL_OUTPUT_INVALID', what: string, cause: unknown): OpspawnError {
  return new OpspawnError(code, `${what} could not be checked, the schema failed: ${toFailure(cause, 'INTERNAL').message}`, {
    cause,
  })
}

/** The first of what was found wrong, as data: enough to mend it, never more than the arguments themselves. */
function issueDetails(issues: readonly Issue[]): Json {
  const shown = issues.slice(0, MAX_ISSUES).map(({ path, message }) => ({ path, message: String(message) }))
  return issues.length > MAX_ISSUES ? { issues: shown, more: issues.length - MAX_ISSUES } : { issues: shown }
}

const MAX_ISSUES = 50

function acceptInput(ready: ReadyTool, input: Json, checked: Validation): unknown {
  // The body gets a copy: what it does to its input must not change what is recorded.
  if (checked.issues === undefined) return checked.value === input ? toJson(input, { maxSize: Infinity }) : checked.value
  throw new OpspawnError(
    'TOOL_INPUT_INVALID',
    `tool "${ready.tool.name}" was not called, its arguments are wrong: ${describeIssues(checked.issues)}`,
    { details: issueDetails(checked.issues) },
  )
}

/** Checks and copies a result. @throws OpspawnError `TOOL_OUTPUT_INVALID`, `PAYLOAD_TOO_LARGE` */
export function validOutput(ready: ReadyTool, output: unknown, context: RunContext): Json | Promise<Json> {
  const json = recordOutput(ready, output, context)
  if (ready.output === undefined) return json
  try {
    const checked = ready.output.validate(json)
    if (!(checked instanceof Promise)) return acceptOutput(ready, json, checked)
    return checked.then(
      (later) => acceptOutput(ready, json, later),
      (error: unknown) => Promise.reject(uncheckable('TOOL_OUTPUT_INVALID', `the result of tool "${ready.tool.name}"`, error)),
    )
  } catch (error) {
    if (OpspawnError.is(error, 'TOOL_OUTPUT_INVALID')) throw error
    throw uncheckable('TOOL_OUTPUT_INVALID', `the result of tool "${ready.tool.name}"`, error)
  }
}

function acceptOutput(ready: ReadyTool, json: Json, checked: Validation): Json {
  if (checked.issues === undefined) return json
  throw new OpspawnError(
    'TOOL_OUTPUT_INVALID',
    `the result of tool "${ready.tool.name}" does not fit its schema: ${describeIssues(checked.issues)}`,
    { details: issueDetails(checked.issues) },
  )
}

function recordOutput(ready: ReadyTool, output: unknown, context: RunContext): Json {
  const maxSize = context.view.limits.payload
  try {
    return toJson(output, { maxSize })
  } catch (error) {
    const what = `the result of tool "${ready.tool.name}"`
    if (OpspawnError.is(error, 'PAYLOAD_TOO_LARGE')) {
      throw new OpspawnError(
        'PAYLOAD_TOO_LARGE',
        `${what} is larger than ${maxSize} characters of JSON; return less, or raise limits.payload`,
        {
          details: { limit: maxSize },
        },
      )
    }
    if (!OpspawnError.is(error)) throw error
    throw new OpspawnError('TOOL_OUTPUT_INVALID', `${what} cannot be recorded: ${error.message}`, {
      cause: error,
      details: error.details,
    })
  }
}

/** Milliseconds that one execution may take. */
function armLimit(context: RunContext, ready: ReadyTool, execution: Execution): void {
  const timeoutMs = toolTimeLimit(context, ready, execution.effect as ToolEffect)
  execution.arm(timeoutMs, () => toolTimeout(ready, timeoutMs, execution))
}

/** Why a call ended whose time was up; one that was not begun may be made again, whatever the tool does. */
export function toolTimeout(ready: ReadyTool, timeoutMs: number, { stage }: Execution): OpspawnError {
  const { name, effect, concurrency } = ready.tool
  if (stage !== 'entered') {
    const why =
      stage === 'waiting' && effect === 'transactional'
        ? 'another transaction of the run did not end'
        : stage === 'waiting'
          ? `it waited for a place under its concurrency of ${concurrency}; call it again later, or raise concurrency or timeoutMs`
          : 'the check of its arguments did not end'
    return new OpspawnError('TOOL_TIMEOUT', `tool "${name}" was not begun within ${timeoutMs} ms: ${why}`)
  }
  const fate = effect === 'unsafe' ? '; whether its effect happened is not known, do not repeat it blindly' : ''
  return new OpspawnError('TOOL_TIMEOUT', `tool "${name}" did not finish within ${timeoutMs} ms${fate}`)
}

/** What a body gets. Costly members are made when they are asked for. */
class ToolCall implements ToolContext {
  readonly #context: RunContext
  readonly #effect: ToolEffect
  readonly #execution: Execution
  readonly tx: unknown

  constructor(context: RunContext, effect: ToolEffect, execution: Execution, tx?: unknown) {
    this.#context = context
    this.#effect = effect
    this.#execution = execution
    this.tx = tx
  }
  get runId(): string {
    return this.#context.view.id
  }
  get agent(): string {
    return this.#context.view.agent
  }
  get key(): string {
    return this.#effect.key
  }
  get idempotencyKey(): string {
    // What a cancelled run had begun to make good is the same effect in the run that goes on with it.
    return idempotencyKey(this.#context.origin.compensates ?? this.runId, this.key)
  }
  get attempt(): number {
    return this.#execution.attempt
  }
  get epoch(): number {
    return this.#context.fence.epoch
  }
  get signal(): AbortSignal {
    return this.#execution.signal
  }
  get deadline(): number | undefined {
    return this.#execution.deadline
  }
  get tenant(): string {
    return this.#context.view.tenant
  }
  get session(): string | undefined {
    return this.#context.view.session
  }
  get caller(): Caller | undefined {
    // Rules go by it: whoever gets it may not change it.
    return frozen(this.#context.origin.caller)
  }
  isHidden(name: string): boolean {
    return isHidden(this.#context, this.#effect, name)
  }
  progress(value: Json): void {
    this.#tell(() => ({ type: 'tool-progress', key: this.key, value: toJson(value) }))
  }
  log(message: string, data?: Json): void {
    this.#tell(() => ({
      type: 'tool-log',
      key: this.key,
      message: String(message),
      ...(data === undefined ? undefined : { data: toJson(data) }),
    }))
  }

  /** Being watched never changes what comes of a run: what cannot be told is a fault of the telling alone. */
  #tell(makeEvent: () => LiveEvent): void {
    const { hub } = this.#context.engine
    if (this.#execution.isOver || !hub.wantsLive(this.runId)) return
    try {
      hub.live(this.runId, makeEvent())
    } catch (error) {
      hub.fault(toFailure(error, 'JSON_INVALID'), { where: `log of ${this.#effect.tool}`, runId: this.runId })
    }
  }
}

/** The key that stays the same for an effect over retries, restarts and workers (S4). */
export function idempotencyKey(runId: string, key: string): string {
  return hashText(`${runId}\n${key}`).slice(0, 32)
}
