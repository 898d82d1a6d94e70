import type { Failure, Json, Outcome } from '../../core/index.ts'
import type { SandboxLimits } from './limits.ts'

/** A function that code in a sandbox may call. What it throws is thrown in the sandbox too, as code, message and details. */
export type SandboxFunction = (input: Json, options: { readonly signal: AbortSignal }) => Json | Promise<Json>

/** Code that is to be run. */
export interface SandboxTask {
  /** The body of an asynchronous function in JavaScript. It has `tools`, `console` and the language; what it returns must be JSON. */
  readonly code: string
  /** Members that differ from the sandbox's own. */
  readonly limits?: Partial<SandboxLimits>
  /** Whose code it is. What has held code of one tenant is never used for another. @default 'default' */
  readonly tenant?: string
  /** What `Math.random` follows from. @default '' */
  readonly seed?: string
  /** What `Date` says all the time, in epoch milliseconds. @default 0 */
  readonly now?: number
}

/** Code, and what it may call. */
export interface SandboxRun extends SandboxTask {
  /** By the name under which the code finds them in `tools`; nothing else of the host is there. */
  readonly api?: Readonly<Record<string, SandboxFunction>>
}

/** Code that is run step by step. */
export interface SandboxSessionTask extends SandboxTask {
  /** Names of the functions in `tools`. */
  readonly names: readonly string[]
  /** While the code waits, it may be ended to make room: whoever opened it opens it anew and gives the same answers. @default false */
  readonly replayable?: boolean
}

/**
 * How code ended.
 *
 * @property status `failed`: what was thrown, or the limit that was passed.
 * @property value What the code returned.
 * @property error `TOOL_FAILED`, `TOOL_TIMEOUT` or `PAYLOAD_TOO_LARGE`; `details.reason` tells what happened, `line` and
 * `column` where.
 * @property console Lines that the code wrote, cut at the limit.
 */
export type SandboxResult = { readonly console: readonly string[] } & (
  | { readonly status: 'completed'; readonly value: Json }
  | { readonly status: 'failed'; readonly error: Failure }
)

/** A call that the code made and waits for. */
export interface SandboxCall {
  /** From 1, in the order of calling. */
  readonly id: number
  /** Of the function. */
  readonly name: string
  /** What the code gave; an empty object where it gave nothing. */
  readonly input: Json
}

/** What a call came to. */
export interface SandboxAnswer {
  /** Of the call. */
  readonly id: number
  /** Anything but `completed` is thrown in the sandbox. */
  readonly outcome: Outcome
}

/** Where code came to rest: it has ended, or waits for calls. */
export interface SandboxRest {
  /** Made since the last rest. */
  readonly calls: readonly SandboxCall[]
  /** Once the code has ended. */
  readonly end?: SandboxResult
}

/** Code under way. Equal tasks and equal answers in the same order give equal rests, on the same engine, but where time ran out. */
export interface SandboxSession {
  /** It has neither ended nor been ended. */
  readonly isOpen: boolean
  /**
   * Hands in answers one after the other, and lets the code come to rest after each. The first step begins the code. Aborting
   * ends the code at once and rejects with the signal's reason.
   *
   * @throws OpspawnError `STATE_INVALID` when the session is not open or is at work.
   */
  step(answers: readonly SandboxAnswer[], options?: { readonly signal?: AbortSignal | undefined }): Promise<SandboxRest>
  /** Ends the code, wherever it is. */
  [Symbol.dispose](): void
}

/** Runs code that nobody trusts. Only JSON goes in and out. */
export interface Sandbox {
  /** Marks a sandbox, and the version of its contract. */
  readonly spec: 'sandbox/1'
  /** Name and version of what runs the code; where it differs, code may behave otherwise. */
  readonly engine: string
  /**
   * Runs code to its end. Aborting ends it at once, fires the signals of open calls and rejects with the signal's reason.
   *
   * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`, `PLUGIN_PACKAGE_MISSING`; `QUEUE_FULL` when too much code waits
   * for a place; `ORCHESTRATOR_DRAINING` when the sandbox is disposed.
   */
  run(task: SandboxRun, options?: { readonly signal?: AbortSignal | undefined }): Promise<SandboxResult>
  /** Takes a place for code that is gone through step by step, and throws as `run` does. */
  open(task: SandboxSessionTask, options?: { readonly signal?: AbortSignal | undefined }): Promise<SandboxSession>
  /** Ends all code. */
  [Symbol.asyncDispose](): Promise<void>
}
