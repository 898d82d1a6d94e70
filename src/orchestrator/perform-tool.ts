import {
  type Json,
  OpspawnError,
  toJson,
  type ToolContext,
  type ToolEffect,
  type Validation,
} from '../core/index.ts'
import type { ReadyTool } from './definition.ts'
import type { Execution, Performed } from './execution.ts'
import type { Limiter } from './limiter.ts'
import type { RunContext } from './run-context.ts'
import { describeIssues } from './schema.ts'
import { hashText } from './system.ts'

/**
 * Runs a tool: input checked before the body is entered, result checked and copied before anybody sees it.
 *
 * @throws OpspawnError `TOOL_INPUT_INVALID`, `TOOL_OUTPUT_INVALID`, `PAYLOAD_TOO_LARGE`, `TOOL_TIMEOUT`; whatever the tool throws
 */
export async function performTool(context: RunContext, effect: ToolEffect, execution: Execution): Promise<Performed> {
  const ready = context.ready.tools.get(effect.tool)
  if (ready === undefined) throw new OpspawnError('TOOL_UNKNOWN', `agent "${context.view.agent}" has no tool "${effect.tool}"`)
  const { tool, limiter } = ready
  const checking = validInput(ready, effect)
  const input = checking instanceof Promise ? await checking : checking
  if (limiter !== undefined) await takePlace(limiter, execution)
  try {
    const timeoutMs = tool.timeoutMs ?? context.engine.timing.toolMs
    execution.arm(timeoutMs, () => timeoutError(ready, timeoutMs))
    const toolContext = new ToolCall(context, effect, execution)
    if (needsVerifying(context, effect) && tool.verify !== undefined) {
      const found = await tool.verify(input, toolContext)
      if (found.happened) return { value: await validOutput(ready, found.output, context), labels: brought(ready) }
    }
    const executing: unknown = tool.execute(input, toolContext)
    const checked = validOutput(ready, isThenable(executing) ? await executing : executing, context)
    return { value: checked instanceof Promise ? await checked : checked, labels: brought(ready) }
  } finally {
    // A body that goes on after its time-out keeps its place until it returns: the limit is on bodies.
    limiter?.give()
  }
}

/** An unsafe call was under way when its worker died. */
export function needsVerifying(context: RunContext, effect: ToolEffect): boolean {
  return context.interrupted.has(effect.key)
}

/** Checks a tool's arguments; a promise only where its schema gives one. @throws OpspawnError `TOOL_INPUT_INVALID` */
export function validInput(ready: ReadyTool, effect: { readonly input: Json }): unknown {
  const checked = ready.input.validate(effect.input)
  return checked instanceof Promise ? checked.then((later) => acceptInput(ready, later)) : acceptInput(ready, checked)
}

function acceptInput(ready: ReadyTool, checked: Validation): unknown {
  if (checked.issues === undefined) return checked.value
  throw new OpspawnError('TOOL_INPUT_INVALID', `tool "${ready.tool.name}" was not called, its arguments are wrong: ${describeIssues(checked.issues)}`, {
    details: { issues: checked.issues } as unknown as Json,
  })
}

/** The labels of data that the tool's result brings into a run. */
export function brought(ready: ReadyTool): readonly string[] | undefined {
  const labels = ready.tool.labels?.filter((label) => label !== 'outbound')
  return labels === undefined || labels.length === 0 ? undefined : labels
}

function validOutput(ready: ReadyTool, output: unknown, context: RunContext): Json | Promise<Json> {
  const json = recordOutput(ready, output, context)
  if (ready.output === undefined) return json
  const checked = ready.output.validate(json)
  return checked instanceof Promise ? checked.then((later) => acceptOutput(ready, json, later)) : acceptOutput(ready, json, checked)
}

function acceptOutput(ready: ReadyTool, json: Json, checked: Validation): Json {
  if (checked.issues === undefined) return json
  throw new OpspawnError('TOOL_OUTPUT_INVALID', `the result of tool "${ready.tool.name}" does not fit its schema: ${describeIssues(checked.issues)}`, {
    details: { issues: checked.issues } as unknown as Json,
  })
}

function recordOutput(ready: ReadyTool, output: unknown, context: RunContext): Json {
  const maxSize = context.view.limits.payload
  try {
    return toJson(output, { maxSize })
  } catch (error) {
    const what = `the result of tool "${ready.tool.name}"`
    if (OpspawnError.is(error, 'PAYLOAD_TOO_LARGE')) {
      throw new OpspawnError('PAYLOAD_TOO_LARGE', `${what} is larger than ${maxSize} characters of JSON; return less, or raise limits.payload`, {
        details: { limit: maxSize },
      })
    }
    if (!OpspawnError.is(error)) throw error
    throw new OpspawnError('TOOL_OUTPUT_INVALID', `${what} is not JSON: ${error.message}`, { cause: error, details: error.details })
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function takePlace(limiter: Limiter, execution: Execution): Promise<void> | void {
  if (limiter.tryTake()) return
  return new Promise<void>((resolve, reject) => {
    const { signal } = execution
    const giveUp = (): void => {
      leave()
      reject(signal.reason)
    }
    const leave = limiter.take(() => {
      signal.removeEventListener('abort', giveUp)
      resolve()
    })
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
  })
}

function timeoutError(ready: ReadyTool, timeoutMs: number): OpspawnError {
  const { name, effect } = ready.tool
  const fate = effect === 'unsafe' ? '; whether its effect happened is not known, do not repeat it blindly' : ''
  return new OpspawnError('TOOL_TIMEOUT', `tool "${name}" did not finish within ${timeoutMs} ms${fate}`)
}

/** What a body gets. Costly members are made when they are asked for. */
class ToolCall implements ToolContext {
  readonly #context: RunContext
  readonly #effect: ToolEffect
  readonly #execution: Execution

  constructor(context: RunContext, effect: ToolEffect, execution: Execution) {
    this.#context = context
    this.#effect = effect
    this.#execution = execution
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
    return idempotencyKey(this.runId, this.key)
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
  get tx(): unknown {
    return undefined
  }
  progress(value: Json): void {
    const { hub } = this.#context.engine
    if (!this.#execution.isOver && hub.wantsLive(this.runId))
      hub.live(this.runId, { type: 'tool-progress', key: this.key, value: toJson(value) })
  }
  log(message: string, data?: Json): void {
    const { hub } = this.#context.engine
    if (this.#execution.isOver || !hub.wantsLive(this.runId)) return
    hub.live(this.runId, {
      type: 'tool-log',
      key: this.key,
      message: String(message),
      ...(data === undefined ? undefined : { data: toJson(data) }),
    })
  }
}

/** The key that stays the same for an effect over retries, restarts and workers (S4). */
export function idempotencyKey(runId: string, key: string): string {
  return hashText(`${runId}\n${key}`).slice(0, 32)
}
