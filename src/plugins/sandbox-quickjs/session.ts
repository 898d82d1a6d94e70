import { type Json, OpspawnError } from '../../core/index.ts'
import { failureOf } from './faults.ts'
import type { Fault, FromThread, OpenMessage } from './message.ts'
import type { Pool, Resting } from './pool.ts'
import type { SandboxAnswer, SandboxRest, SandboxResult, SandboxSession } from './port.ts'
import type { Thread } from './thread.ts'

/** A machine's memory begins at about 1.3 MB; a thread that held more than this is not used again. */
const GROWN_BYTES = 8 * 2 ** 20

/** Code that rests and may be opened anew keeps its thread no longer than this. */
const REST_MS = 30_000

/** Code in a thread, seen from outside of it. */
export class QuickjsSession implements SandboxSession, Resting {
  readonly #pool: Pool
  readonly #isReplayable: boolean
  readonly #wallMs: number
  #thread: Thread | undefined
  #open: OpenMessage | undefined
  #isAtWork = false
  #patience: NodeJS.Timeout | undefined
  #bytes = 0

  constructor(pool: Pool, thread: Thread, open: OpenMessage, isReplayable: boolean) {
    this.#pool = pool
    this.#thread = thread
    this.#open = open
    this.#isReplayable = isReplayable
    this.#wallMs = open.limits.wallMs
  }

  get isOpen(): boolean {
    return this.#thread !== undefined && !this.#thread.isGone
  }

  async step(
    answers: readonly SandboxAnswer[],
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<SandboxRest> {
    const thread = this.#thread
    if (thread === undefined || thread.isGone || this.#isAtWork) {
      const text = `the code in the sandbox ${this.#isAtWork ? 'is at work; wait for its rest' : 'has ended; open it anew'}`
      throw new OpspawnError('STATE_INVALID', text)
    }
    signal?.throwIfAborted()
    this.#wake()
    const open = this.#open
    this.#open = undefined
    this.#isAtWork = true
    try {
      const reply = await thread.ask({ ...(open && { open }), answers: answers.map(answerText) }, this.#wallMs, signal)
      return this.#told(reply)
    } catch (error) {
      this.#leave()
      throw error
    } finally {
      this.#isAtWork = false
    }
  }

  /** Ends code that rests, so that its thread can be used. */
  drop(): void {
    this.#leave()
  }

  [Symbol.dispose](): void {
    if (this.#isAtWork) void this.#thread?.end()
    this.#leave()
  }

  #told(reply: FromThread | { readonly gone: Fault }): SandboxRest {
    if ('gone' in reply) {
      this.#leave()
      return { calls: [], end: failed(reply.gone, []) }
    }
    const { calls, end, console = [], bytes } = reply
    this.#bytes = bytes
    if (end !== undefined) this.#leave()
    else {
      if (this.#isReplayable) this.#rest()
      this.#pool.warmUp()
    }
    const made = calls.map(({ id, name, text }) => ({ id, name, input: JSON.parse(text) as Json }))
    if (end === undefined) return { calls: made }
    if ('fault' in end) return { calls: made, end: failed(end.fault, console) }
    return { calls: made, end: { status: 'completed', value: JSON.parse(end.text) as Json, console } }
  }

  #rest(): void {
    this.#pool.resting.add(this)
    this.#patience = setTimeout(() => this.drop(), REST_MS).unref()
  }

  #wake(): void {
    clearTimeout(this.#patience)
    this.#pool.resting.delete(this)
  }

  #leave(): void {
    const thread = this.#thread
    if (thread === undefined) return
    this.#thread = undefined
    this.#wake()
    this.#pool.give(thread, this.#bytes > GROWN_BYTES)
  }
}

function failed(fault: Fault, console: readonly string[]): SandboxResult {
  return { status: 'failed', error: failureOf(fault), console }
}

function answerText({ id, outcome }: SandboxAnswer): { readonly id: number; readonly ok: boolean; readonly text: string } {
  if (outcome.status === 'completed') return { id, ok: true, text: JSON.stringify(outcome.value) }
  const { code, message, details } = outcome.error
  return {
    id,
    ok: false,
    text: JSON.stringify({ code, message, details: { ...(details as object | undefined), status: outcome.status } }),
  }
}
