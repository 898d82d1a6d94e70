/** Lets at most so many holders in at once; the others wait in order of arrival. */
export interface Limiter {
  /** Takes a place now, if one is free. */
  tryTake(): boolean
  /** Calls back once a place is taken for the caller; returns a function that gives up waiting. */
  take(callback: () => void): () => void
  /** Gives a place back. */
  give(): void
}

/** Makes a {@link Limiter} of `limit` places. */
export function createLimiter(limit: number): Limiter {
  let taken = 0
  const waiting = new Set<() => void>()
  return {
    tryTake() {
      if (taken >= limit) return false
      taken += 1
      return true
    },
    take(callback) {
      if (taken < limit) {
        taken += 1
        callback()
        return () => {}
      }
      const entry = (): void => callback()
      waiting.add(entry)
      return () => waiting.delete(entry)
    },
    give() {
      for (const next of waiting) {
        waiting.delete(next)
        next()
        return
      }
      taken -= 1
    },
  }
}
