import { OpspawnError } from '../core/index.ts'
import type { FetchSettings } from './options.ts'

/** One call from its beginning to the last byte of its answer: its time, and whatever else may end it. */
export interface Call {
  /** Fires once, with what the call then fails with. */
  readonly signal: AbortSignal
  /** Such as `GET https://host`: never a path or query, which may hold secrets. */
  readonly name: string
  /** Whether the other side may have got anything of a request. */
  wasSent: boolean
  /** The head is there. */
  headCame(isUnlimited: boolean): void
  /** Nothing more will come. */
  end(): void
  /** Ends the call from outside. */
  abort(reason: unknown): void
}

/** Begins a call: both its times run from now on. */
export function beginCall(
  name: string,
  caller: AbortSignal | undefined,
  settings: FetchSettings,
  onEnd: (call: Call) => void,
): Call {
  const control = new AbortController()
  const { headerMs, totalMs } = settings
  const stop = (): void => control.abort(caller?.reason)
  const arm = (ms: number, what: string): NodeJS.Timeout =>
    setTimeout(() => {
      const message = `${name}: ${what} within ${ms} ms`
      control.abort(new OpspawnError('TOOL_TIMEOUT', message, { details: { limitMs: ms, sent: call.wasSent } }))
    }, ms)
  const head = arm(headerMs, 'no answer')
  const total = totalMs === Infinity ? undefined : arm(totalMs, 'the answer did not end')
  const call: Call = {
    signal: control.signal,
    name,
    wasSent: false,
    headCame(isUnlimited) {
      clearTimeout(head)
      if (isUnlimited) clearTimeout(total)
    },
    end() {
      clearTimeout(head)
      clearTimeout(total)
      caller?.removeEventListener('abort', stop)
      onEnd(call)
    },
    abort: (reason) => control.abort(reason),
  }
  if (caller?.aborted === true) stop()
  else caller?.addEventListener('abort', stop, { once: true })
  return call
}
