import type { Clock, OpspawnError } from '../../../core/index.ts'
import { backoffMs, MAX_ATTEMPTS } from './backoff.ts'
import { deadline } from '../deadline.ts'
import { closedFailure, earlyFailure } from './link-failures.ts'
import type { StateBox } from './state.ts'

/** When a server is tried again that could not be reached, or was lost. */
export interface Retry {
  /** Gives the error back. */
  setBack(error: OpspawnError): OpspawnError
  /** Takes a planned attempt back. */
  cancel(): void
  /**
   * Waits until there may be another attempt, if that is soon.
   *
   * @throws OpspawnError `TOOL_UNAVAILABLE` when it is not; `details.retryAfterMs`
   */
  wait(signal: AbortSignal | undefined): Promise<void>
}

/** A wait that is no longer is waited for; else the caller is told at once. */
const PATIENCE_MS = 2_000

export interface RetryParts {
  readonly clock: Clock
  readonly random: () => number
  readonly box: StateBox
  readonly life: AbortSignal
  readonly again: () => void
}

export function retryOf({ clock, random, box, life, again }: RetryParts): Retry {
  let planned: (() => void) | undefined
  const cancel = (): void => {
    planned?.()
    planned = undefined
  }
  return {
    cancel,
    setBack(error) {
      const attempts = box.now().attempts + 1
      const wait = backoffMs(attempts, random)
      const lastError = { code: error.code, message: error.message, at: clock.now() }
      // What is wrong for good is tried again only when somebody asks.
      const isOver = !error.retryable || attempts >= MAX_ATTEMPTS
      box.become(isOver ? 'failed' : 'backoff', { attempts, lastError, retryAt: clock.now() + wait })
      if (isOver) return error
      cancel()
      planned = clock.setTimer(wait, () => {
        planned = undefined
        if (box.now().state === 'backoff') again()
      })
      return error
    },
    async wait(signal) {
      const state = box.now()
      const ms = (state.retryAt ?? 0) - clock.now()
      if (ms <= 0) return
      if (ms > PATIENCE_MS) throw earlyFailure(state, ms)
      const limit = deadline(clock, { ms }, signal, () => undefined)
      const over = AbortSignal.any([limit.signal, life])
      await new Promise<void>((resolve) => {
        if (over.aborted) resolve()
        else over.addEventListener('abort', () => resolve(), { once: true })
      })
      limit.end()
      signal?.throwIfAborted()
      if (life.aborted) throw closedFailure(state.server)
    },
  }
}
