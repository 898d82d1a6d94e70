import { type Clock, OpspawnError } from '../../../core/index.ts'
import type { McpRate } from './access.ts'

/** Buckets that are kept; the one that was used longest ago is given up, and is then full again. */
const MOST_BUCKETS = 10_000

interface Bucket {
  tokens: number
  at: number
}

/** Token buckets, one for each agent, server and tool. */
export class RateLimit {
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes a token. @throws OpspawnError `TOOL_RATE_LIMITED` with `details.retryAfterMs` where there is none */
  take(rate: McpRate | undefined, agent: string, server: string, tool: string): void {
    if (rate === undefined) return
    const key = JSON.stringify([agent, server, tool])
    const now = this.#clock.now()
    const bucket = this.#buckets.get(key) ?? { tokens: rate.calls, at: now }
    const perToken = rate.perMs / rate.calls
    bucket.tokens = Math.min(rate.calls, bucket.tokens + Math.max(0, now - bucket.at) / perToken)
    bucket.at = now
    this.#buckets.delete(key)
    if (this.#buckets.size >= MOST_BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value as string)
    this.#buckets.set(key, bucket)
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1
      return
    }
    const retryAfterMs = Math.ceil((1 - bucket.tokens) * perToken)
    throw new OpspawnError(
      'TOOL_RATE_LIMITED',
      `${agent} may call "${tool}" of MCP server "${server}" ${rate.calls} times in ${rate.perMs} ms; call again in ${retryAfterMs} ms`,
      { details: { retryAfterMs } },
    )
  }
}

/** Bodies that run at once; who waits is let in in the order of coming. */
export class Places {
  readonly #most: number
  readonly #waiting = new Set<() => void>()
  #taken = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Resolves when there is a place. @throws the reason of the signal */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#taken < this.#most) {
      this.#taken += 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.delete(enter)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.add(enter)
    })
  }

  give(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#taken -= 1
    else {
      this.#waiting.delete(next)
      next()
    }
  }
}
