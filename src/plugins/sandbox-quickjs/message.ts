import type { SandboxLimits } from './limits.ts'

/** Begins code in a thread. Everything that crosses is text or a number. */
export interface OpenMessage {
  readonly code: string
  readonly names: readonly string[]
  readonly seed: number
  readonly now: number
  readonly limits: SandboxLimits
}

/** An answer to a call: the JSON of a value, or of a failure. */
export interface AnswerMessage {
  readonly id: number
  readonly ok: boolean
  readonly text: string
}

/** `null` forgets the code. */
export type ToThread = null | { readonly open?: OpenMessage; readonly answers: readonly AnswerMessage[] }

/** What went wrong. `thrown` covers what the code threw itself. */
export type FaultReason =
  | 'thrown'
  | 'syntax'
  | 'source'
  | 'memory'
  | 'stack'
  | 'fuel'
  | 'cpu'
  | 'wall'
  | 'result'
  | 'json'
  | 'stuck'
  | 'engine'

/** Why code failed, as far as the code itself is to be believed. */
export interface Fault {
  readonly reason: FaultReason
  readonly message: string
  readonly line?: number
  readonly column?: number
  /** Code of the error that was thrown: the code may have made it up. */
  readonly thrownCode?: string
}

/** The answer of a thread: where the code came to rest. */
export interface FromThread {
  readonly calls: readonly { readonly id: number; readonly name: string; readonly text: string }[]
  readonly end?: { readonly text: string } | { readonly fault: Fault }
  /** With the end. */
  readonly console?: readonly string[]
  /** Bytes of the machine's memory: it never shrinks. */
  readonly bytes: number
}
