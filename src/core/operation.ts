/** The last parameter of every asynchronous call of every contract. */
export interface OperationOptions {
  /** Stops the call. It then rejects with the signal's `reason`, unwrapped; each contract says what happens to work in flight. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Which part of a listing: at most `limit` entries, behind the cursor that came with the part before.
 *
 * @property cursor From the part before; absent: the first part.
 * @property limit At least 1; a listing may have a limit of its own below it.
 */
export type PageOptions = { readonly cursor?: string; readonly limit?: number }

/** Where time comes from. Injected everywhere, so that tests own it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Milliseconds since any beginning. Durations go by it: no setting of the clock moves it. @default `now`, which then must not leap */
  elapsed?(): number
  /** Calls `callback` once after at least `ms` milliseconds; returns a function that takes it back. Must not keep a process alive. */
  setTimer(ms: number, callback: () => void): () => void
}
