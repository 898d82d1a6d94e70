/** Retries that are made when they were drawn for, before others are put off. */
const RETRY_BURST = 100
/** So many in a second are made whatever else goes on. */
const RETRIES_PER_SECOND = 10
/** Calls that succeed for each retry that they earn. */
const CALLS_PER_RETRY = 5
/** No retry is put off for longer, in milliseconds. */
const MOST_PUT_OFF_MS = 3_600_000
/** Buckets that are kept; past it the oldest is forgotten, and is full again. */
const MOST_BUDGETS = 1_000

/** Keeps the retries of one worker from becoming a storm. */
export interface RetryBudget {
  /** Nothing was tried again lately, so that a call that succeeds can earn nothing. */
  readonly isWhole: boolean
  /** Takes a retry; gives how long it has to wait at least, in milliseconds. @param key who calls what */
  take(key: string): number
  /** A call succeeded. */
  earn(key: string): void
}

interface Bucket {
  /** Below 0: so many are put off. */
  left: number
  /** When that was so, by what has elapsed here. */
  at: number
}

/**
 * A bucket of retries for each key, kept while it is not full. An empty one refuses no retry: it is put off, one behind the
 * other, so that a bad minute of what is called fails no run.
 *
 * @param elapsed milliseconds of this process
 */
export function createRetryBudget(elapsed: () => number): RetryBudget {
  const buckets = new Map<string, Bucket>()

  function fill(bucket: Bucket): void {
    const now = elapsed()
    bucket.left = Math.min(RETRY_BURST, bucket.left + ((now - bucket.at) * RETRIES_PER_SECOND) / 1_000)
    bucket.at = now
  }

  function bucketOf(key: string): Bucket {
    const known = buckets.get(key)
    if (known !== undefined) return known
    const [oldest] = buckets.keys()
    if (buckets.size === MOST_BUDGETS && oldest !== undefined) buckets.delete(oldest)
    const made = { left: RETRY_BURST, at: elapsed() }
    buckets.set(key, made)
    return made
  }

  return {
    get isWhole() {
      return buckets.size === 0
    },
    take(key) {
      const bucket = bucketOf(key)
      fill(bucket)
      const waitMs = (Math.max(0, 1 - bucket.left) * 1_000) / RETRIES_PER_SECOND
      if (waitMs > MOST_PUT_OFF_MS) return MOST_PUT_OFF_MS
      bucket.left -= 1
      return Math.round(waitMs)
    },
    earn(key) {
      const bucket = buckets.get(key)
      if (bucket === undefined) return
      fill(bucket)
      bucket.left += 1 / CALLS_PER_RETRY
      if (bucket.left >= RETRY_BURST) buckets.delete(key)
    },
  }
}
