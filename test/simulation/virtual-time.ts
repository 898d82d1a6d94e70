import { manualClock, type ManualClock } from '../../src/testing/index.ts'

const NAMES = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const

/** Timers that may be set within one millisecond of the simulation. */
const MOST_TIMERS = 20_000

/** A clock for a story that may never come to rest: who sets one timer after the other for now is found, and told with the seed. */
export function restlessClock(): ManualClock {
  const inner = manualClock()
  let [now, timers] = [0, 0]
  return {
    ...inner,
    get pending() {
      return inner.pending
    },
    setTimer(ms, callback) {
      timers = inner.elapsed() === now ? timers + 1 : 1
      now = inner.elapsed()
      if (timers > MOST_TIMERS) throw new Error(`more than ${MOST_TIMERS} timers were set at ${now} ms: time does not go on`)
      return inner.setTimer(ms, callback)
    },
  }
}

/**
 * Has every timer of this process go by a clock of the simulation while `work` is under way. The engine and the SQLite
 * store use a few timers of their own beside their clock; with these, too, a seed plays the same story every time.
 */
export async function withVirtualTimers<T>(clock: ManualClock, work: () => Promise<T>): Promise<T> {
  const kept = NAMES.map((name) => [name, globalThis[name]] as const)
  const later = (callback: () => void, ms = 0): object => handle(clock.setTimer(Math.max(1, ms), callback))
  const again = (callback: () => void, ms = 0): object => {
    let cancel = (): void => {}
    const next = (): void => {
      cancel = clock.setTimer(Math.max(1, ms), () => {
        next()
        callback()
      })
    }
    next()
    return handle(() => cancel())
  }
  const stop = (timer: { readonly cancel?: () => void } | undefined): void => timer?.cancel?.()
  Object.assign(globalThis, { setTimeout: later, clearTimeout: stop, setInterval: again, clearInterval: stop })
  try {
    return await work()
  } finally {
    Object.assign(globalThis, Object.fromEntries(kept))
  }
}

/** What Node's timers give back, as far as it is used. */
function handle(cancel: () => void): object {
  const timer = { cancel, ref: () => timer, unref: () => timer, hasRef: () => false }
  return timer
}
