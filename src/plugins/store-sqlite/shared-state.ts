const TICK = 0
const LEASE = 1
const EXTENDED = 2
const LONGS = 3

const WANTED = 0
const OTHERS = 1
const POSTED = 2
const INTS = 3

/**
 * A few numbers that the threads of one store share without messages, so that they are there also while the event loop
 * of the main thread is blocked. All times are milliseconds of the monotonic clock.
 */
export class SharedState {
  readonly buffer: SharedArrayBuffer
  readonly #longs: BigInt64Array
  readonly #ints: Int32Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(LONGS * 8 + INTS * 4)) {
    this.buffer = buffer
    this.#longs = new BigInt64Array(buffer, 0, LONGS)
    this.#ints = new Int32Array(buffer, LONGS * 8, INTS)
  }

  /** When the event loop of the main thread last had a turn; 0 while nothing is claimed. */
  get tick(): number {
    return Number(Atomics.load(this.#longs, TICK))
  }

  set tick(mono: number) {
    Atomics.store(this.#longs, TICK, BigInt(Math.floor(mono)))
  }

  /** How long leases are that this store asks for. */
  get leaseMs(): number {
    return Number(Atomics.load(this.#longs, LEASE))
  }

  set leaseMs(ms: number) {
    Atomics.store(this.#longs, LEASE, BigInt(Math.floor(ms)))
  }

  /** When the keeper last extended the leases by itself. */
  get extendedAt(): number {
    return Number(Atomics.load(this.#longs, EXTENDED))
  }

  set extendedAt(mono: number) {
    Atomics.store(this.#longs, EXTENDED, BigInt(Math.floor(mono)))
  }

  /** The keeper waits for the write lock. */
  set isWanted(isWanted: boolean) {
    Atomics.store(this.#ints, WANTED, isWanted ? 1 : 0)
    if (!isWanted) Atomics.notify(this.#ints, WANTED)
  }

  /** Waits, so long at most, while the keeper waits for the write lock. */
  giveWay(ms: number): void {
    if (Atomics.load(this.#ints, WANTED) === 1) Atomics.wait(this.#ints, WANTED, 1, ms)
  }

  /** Messages that were sent to the writer, modulo 2^32: seen at once, while a message itself wakes a sleeping thread late. */
  get posted(): number {
    return Atomics.load(this.#ints, POSTED)
  }

  forgetPosts(): void {
    Atomics.store(this.#ints, POSTED, 0)
  }

  countPost(): void {
    Atomics.add(this.#ints, POSTED, 1)
  }

  /** Whether other processes have the file open. */
  get hasOthers(): boolean {
    return Atomics.load(this.#ints, OTHERS) === 1
  }

  set hasOthers(hasOthers: boolean) {
    Atomics.store(this.#ints, OTHERS, hasOthers ? 1 : 0)
  }
}

/** Milliseconds of the machine's monotonic clock: the same in all threads and processes, and no clock setting moves it. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4))

/** Stops this thread, which must not be the main one. Exact to a fraction of a millisecond, which timers are not. */
export function sleep(ms: number): void {
  Atomics.wait(SLEEP, 0, 0, ms)
}
