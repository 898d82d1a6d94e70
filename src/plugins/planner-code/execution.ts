import {
  type Effect,
  type EffectRecord,
  type Json,
  type JsonObject,
  OpspawnError,
  type RunView,
  type TaskRule,
  type ToolEffect,
  toError,
  toJson,
} from '../../core/index.ts'
import { durationMs, seededFraction } from '../../planning/index.ts'
import type { WorkflowContext, WorkflowFunction } from './context.ts'
import { differ } from './differ.ts'

/** How the function ended, once it has. */
export type FunctionEnd = { readonly output: unknown } | { readonly thrown: unknown } | { readonly input: Json }

/** What the planner keeps in the history: the times that the function read. */
export type CodeState = { readonly times: readonly number[] }

/** Readings of the clock in one run: all of them stand in the history. */
const MAX_TIMES = 1000

/** A promise of the function, to be settled by its effect's outcome. */
interface Call {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * One run of a function over a view: suspended at what is open, and gone on with when it settles. Outcomes are handed in one at
 * a time, in the order of the history, and the function comes to rest after each: so it asks for the same things in the same
 * order when it is run anew.
 */
export class CodeExecution {
  readonly #view: RunView
  readonly #calls = new Map<string, Call>()
  readonly #counts = new Map<string, number>()
  readonly #times: number[]
  /** Asked for and not on record yet. */
  #asked: Effect[] = []
  #reads = 0
  #randoms = 0
  #fed = 0
  #isActive = false
  end: FunctionEnd | undefined
  /** What the function did that cannot be replayed. */
  fault: OpspawnError | undefined

  constructor(view: RunView) {
    this.#view = view
    this.#times = [...((view.state as CodeState | undefined)?.times ?? [])]
  }

  /** Calls the function, and lets it come to rest. */
  async start(run: WorkflowFunction<Json, unknown>): Promise<void> {
    this.#isActive = true
    // In a promise of its own: what it throws at once counts as thrown.
    Promise.resolve()
      .then(() => run(this.#context(), this.#view.input))
      .then(
        (output) => (this.end ??= { output }),
        (thrown: unknown) => (this.end ??= { thrown }),
      )
    await rest()
    this.#isActive = false
  }

  /** Hands in what has settled since, up to a number of effects in all, and lets the function come to rest after each. */
  async feed(upTo: number): Promise<void> {
    const { settled } = this.#view
    this.#isActive = true
    for (; this.#fed < upTo && this.end === undefined && this.fault === undefined; this.#fed += 1) {
      const record = settled[this.#fed] as EffectRecord
      const call = this.#calls.get(record.effect.key)
      if (call === undefined) {
        this.fault = unasked(record.effect)
        break
      }
      const { outcome } = record
      if (outcome?.status === 'completed') call.resolve(outcome.value)
      else if (outcome !== undefined) call.reject(toError(outcome.error))
      await rest()
    }
    this.#isActive = false
  }

  /** After a replay: what the history has and the function did not ask for. */
  checkAll(): void {
    if (this.end !== undefined || this.fault !== undefined) return
    for (const { effect } of this.#view.effects.values()) {
      if (this.#calls.has(effect.key)) continue
      this.fault = unasked(effect)
      return
    }
  }

  /** Takes what is to be asked for, at most so much. */
  take(most: number): readonly Effect[] {
    return this.#asked.splice(0, most)
  }

  /** The times that were read, where the history does not have them all. */
  get news(): { readonly state?: Json } {
    const known = (this.#view.state as CodeState | undefined)?.times.length ?? 0
    return this.#times.length > known ? { state: { times: [...this.#times] } satisfies CodeState } : {}
  }

  #context(): WorkflowContext {
    const { id, tenant, session } = this.#view
    const run: WorkflowContext['agent'] = (agent, input = null, { name = nameOf(agent), timeout, rules } = {}) =>
      this.#ask(name, (key) => ({
        kind: 'run',
        key,
        agent: nameOf(agent),
        input: toJson(input),
        ...limit('timeoutMs', timeout),
        ...taskOf(name, rules),
      }))
    return {
      runId: id,
      tenant,
      session,
      tool: (tool, input = {}, { name = nameOf(tool), timeout, attempts, rules } = {}) =>
        this.#ask(name, (key) => ({
          kind: 'tool',
          key,
          tool: nameOf(tool),
          input: toJson(input),
          ...limit('timeoutMs', timeout),
          ...(attempts === undefined ? undefined : { attempts }),
          ...taskOf(name, rules),
        })),
      agent: run,
      workflow: run,
      approval: (question, { name = 'approval', details, deadline } = {}) =>
        this.#ask(name, (key) => {
          const more = details === undefined ? undefined : { details: toJson(details) }
          return { kind: 'wait', key, for: { type: 'approval', question, ...more, ...limit('deadlineMs', deadline) } }
        }),
      signal: (signal, { name = signal, deadline } = {}) =>
        this.#ask(name, (key) => ({
          kind: 'wait',
          key,
          for: { type: 'signal', name: signal, ...limit('deadlineMs', deadline) },
        })),
      sleep: async (duration, { name = 'sleep' } = {}) => {
        await this.#ask(name, (key) => ({ kind: 'wait', key, for: { type: 'time', ms: millis(duration) } }))
      },
      continueAsNew: (input) => this.#continue(input),
      now: () => this.#now(),
      random: () => {
        this.#randoms += 1
        return seededFraction(`${id} random ${this.#randoms}`)
      },
    }
  }

  #ask<T>(name: string, make: (key: string) => Effect): Promise<T> {
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    const key = count === 1 ? name : `${name}#${count}`
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    // One that nobody waits for yet may fail: that is no fault of the process.
    promise.catch(() => {})
    try {
      checkName(name)
      const effect = make(key)
      if (!this.#isActive) this.fault ??= outside(`for ${show(effect)}`)
      this.#calls.set(key, { resolve, reject })
      const recorded = this.#view.effects.get(key)?.effect
      if (recorded === undefined) this.#asked.push(effect)
      else {
        const difference = differ(recorded, effect)
        if (difference !== undefined) this.fault ??= mismatch(key, difference, recorded, effect)
      }
    } catch (error) {
      reject(error)
    }
    return promise as Promise<T>
  }

  /** Never settles: the function is not gone on with. */
  #continue(input: Json): Promise<never> {
    if (!this.#isActive) this.fault ??= outside(`to continue as new with ${brief(input)}`)
    this.end ??= { input: toJson(input) }
    return new Promise(() => {})
  }

  #now(): number {
    const index = this.#reads
    this.#reads += 1
    const known = this.#times[index]
    if (known !== undefined) return known
    if (index >= MAX_TIMES)
      throw new OpspawnError('LIMIT_INVALID', `ctx.now was read more than ${MAX_TIMES} times in a run; read it once and keep it`)
    this.#times.push(this.#view.now)
    return this.#view.now
  }
}

/** Lets everything run that waits for nothing but the function itself. */
function rest(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

function nameOf(part: string | { readonly name: string }): string {
  return typeof part === 'string' ? part : part.name
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && name !== '' && name.length <= 240 && !name.includes('#')) return
  throw new OpspawnError(
    'NAME_INVALID',
    `a call of a workflow needs a name of 1 to 240 characters without "#", not ${JSON.stringify(name)}`,
  )
}

/** A call is a task of the workflow by its name, and so are those that repeat it. What is no list the engine refuses. */
function taskOf(task: string, rules: readonly TaskRule[] | undefined): Pick<ToolEffect, 'task' | 'rules'> {
  if (rules === undefined) return { task }
  if (!Array.isArray(rules)) return { task, rules }
  return { task, rules: (rules as readonly TaskRule[]).map((rule, at) => ({ name: `${task} rule ${at + 1}`, ...rule })) }
}

function millis(duration: number | string): number {
  const ms = typeof duration === 'number' ? duration : durationMs(duration)
  if (ms !== undefined && Number.isFinite(ms) && ms >= 0) return ms
  throw new OpspawnError(
    'OPTIONS_INVALID',
    `${JSON.stringify(duration)} is no duration; give milliseconds, or a text such as 500ms, 90s, 1h30m, 2d or PT15M`,
  )
}

function limit<K extends string>(member: K, duration: number | string | undefined): { readonly [M in K]?: number } {
  return (duration === undefined ? {} : { [member]: millis(duration) }) as { readonly [M in K]?: number }
}

function mismatch(key: string, path: string, recorded: Effect, asked: Effect): OpspawnError {
  const text = `the workflow function asks for something else than the history holds, at ${path} of "${key}": recorded ${show(recorded)}, asked for ${show(asked)}. It must do the same whenever it is replayed; give a changed function a new name or version`
  return new OpspawnError('PLANNER_FAILED', text, {
    details: { key, path, recorded: recorded as unknown as JsonObject, asked: asked as unknown as JsonObject },
  })
}

function unasked(recorded: Effect): OpspawnError {
  const text = `the history holds ${show(recorded)}, and the workflow function did not ask for it when it was replayed. It must do the same each time; give a changed function a new name or version`
  return new OpspawnError('PLANNER_FAILED', text, {
    details: { key: recorded.key, recorded: recorded as unknown as JsonObject, asked: null },
  })
}

function outside(asked: string): OpspawnError {
  return new OpspawnError(
    'PLANNER_FAILED',
    `the workflow function asked ${asked} after it had waited for something that did not come through ctx, such as a timer or a request. Make that a tool`,
  )
}

function show(effect: Effect): string {
  return brief(effect as unknown as Json)
}

function brief(value: Json): string {
  const text = JSON.stringify(value)
  return text.length > 300 ? `${text.slice(0, 297)}…` : text
}
