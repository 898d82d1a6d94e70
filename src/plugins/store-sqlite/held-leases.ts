import { OpspawnError, type Fence } from '../../core/index.ts'
import type { SharedState } from './shared-state.ts'

/** How often the main thread shows the keeper that it is not blocked. */
const TICK_MS = 500

interface Lease {
  readonly epoch: number
  /** Until when it may be believed in, by the monotonic clock. */
  readonly until: number
}

/**
 * What this process believes of its leases. A worker that could not renew a lease stops by itself before it runs out:
 * from then on its writes are refused here, without asking the file (S7). The clock is the monotonic one, so setting the
 * machine's clock loses and prolongs nothing.
 */
export class HeldLeases {
  readonly #mono: () => number
  readonly #shared: SharedState
  readonly #leases = new Map<string, Lease>()
  readonly #isRealTime: boolean
  #ticking: NodeJS.Timeout | undefined

  constructor(mono: () => number, shared: SharedState, isRealTime: boolean) {
    this.#mono = mono
    this.#shared = shared
    this.#isRealTime = isRealTime
  }

  /** Notes a lease that was asked for then, and given. */
  hold({ runId, epoch }: Fence, askedAt: number, leaseMs: number): void {
    if (this.#ticking === undefined && this.#isRealTime) this.#tick()
    this.#leases.set(runId, { epoch, until: askedAt + leaseMs - margin(leaseMs) })
    if (this.#shared.leaseMs !== leaseMs) this.#shared.leaseMs = leaseMs
  }

  #tick(): void {
    const tick = (): void => {
      this.#shared.tick = this.#mono()
    }
    tick()
    this.#ticking = setInterval(tick, TICK_MS)
    this.#ticking.unref()
  }

  drop({ runId, epoch }: Fence): void {
    if (this.#leases.get(runId)?.epoch === epoch) this.#leases.delete(runId)
  }

  /** The refusal of a write under a lease that can no longer be believed in. */
  refusal(fence: Fence): OpspawnError | undefined {
    const lease = this.#leases.get(fence.runId)
    if (lease === undefined || lease.epoch !== fence.epoch) return undefined
    const now = this.#mono()
    if (now < lease.until) return undefined
    const { extendedAt, leaseMs } = this.#shared
    if (now < extendedAt + leaseMs - margin(leaseMs)) return undefined
    return new OpspawnError('LEASE_LOST', `worker ${fence.workerId} could not renew its lease of run ${fence.runId} in time`)
  }

  close(): void {
    clearInterval(this.#ticking)
    this.#ticking = undefined
    this.#shared.tick = 0
    this.#leases.clear()
  }
}

function margin(leaseMs: number): number {
  return Math.min(2_000, leaseMs / 4)
}
