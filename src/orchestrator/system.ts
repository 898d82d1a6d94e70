import { createHash, randomUUID } from 'node:crypto'
import { canonicalJson, type Clock, type Json } from '../core/index.ts'

/** The clock of this machine. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  setTimer(ms, callback) {
    // Node's timers cannot wait longer than 2^31 - 1 ms; whoever set a longer one looks at the clock again.
    const timer = setTimeout(callback, Math.min(ms, 2_147_483_647))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** What durations are measured by (S9). */
export function elapsedOf(clock: Clock): () => number {
  return () => clock.elapsed?.() ?? clock.now()
}

/** A new random id. */
export function createId(): string {
  return randomUUID()
}

/** SHA-256 of a JSON value's canonical text, as hex. */
export function hashJson(value: Json): string {
  return hashText(canonicalJson(value))
}

/** SHA-256 of a text, as hex. */
export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * Keeps the process alive while somebody holds on: timers do not, and a run that waits for a retry must not end the
 * program that awaits it.
 */
export function createKeepAlive(): { readonly hold: () => () => void } {
  let holders = 0
  let timer: NodeJS.Timeout | undefined
  return {
    hold() {
      holders += 1
      // One timer for ever, held or not: making one for every run would cost more than the run's first step.
      if (timer === undefined) timer = setInterval(() => {}, 2_147_483_647)
      else if (holders === 1) timer.ref()
      let held = true
      return () => {
        if (!held) return
        held = false
        holders -= 1
        if (holders === 0) timer?.unref()
      }
    },
  }
}
