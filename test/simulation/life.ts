import type { Clock } from '../../src/index.ts'
import type { ManualClock } from '../../src/testing/index.ts'

/** Whether one worker lives, and what its clock shows. */
export interface Life {
  readonly name: string
  /** The worker's own: wrong by `skewMs` but for what elapses, still while it is frozen, silent for ever when it is dead. */
  readonly clock: Clock
  skewMs: number
  /** It cannot reach the store. */
  isCut: boolean
  readonly isFrozen: boolean
  readonly isDead: boolean
  /** As SIGSTOP does: nothing happens until it is thawed, and then it goes on as if no time had passed. */
  freeze(): void
  freezeFor(ms: number): void
  thaw(): void
  /** As kill -9 does. What waits for this worker waits for ever. */
  die(): void
  /** Is called when it dies. */
  onDeath: () => void
  /** Resolves while the worker can act. */
  awake(): Promise<void>
}

/** A worker that lives. */
export function createLife(name: string, base: ManualClock): Life {
  let isFrozen = false
  let isDead = false
  let waiting: (() => void)[] = []
  const act = (callback: () => void): void => {
    if (isDead) return
    if (isFrozen) waiting.push(callback)
    else callback()
  }
  const life: Life = {
    name,
    skewMs: 0,
    onDeath: () => {},
    isCut: false,
    get isFrozen() {
      return isFrozen
    },
    get isDead() {
      return isDead
    },
    clock: {
      now: () => base.now() + life.skewMs,
      elapsed: () => base.elapsed(),
      setTimer(ms, callback) {
        let isOff = false
        const cancel = base.setTimer(ms, () => act(() => void (isOff || callback())))
        return () => {
          isOff = true
          cancel()
        }
      },
    },
    freeze() {
      isFrozen = true
    },
    freezeFor(ms) {
      life.freeze()
      base.setTimer(ms, () => life.thaw())
    },
    thaw() {
      isFrozen = false
      const all = waiting
      waiting = []
      for (const go of all) act(go)
    },
    die() {
      isDead = true
      waiting = []
      life.onDeath()
    },
    awake: () => new Promise((resolve) => act(resolve)),
  }
  return life
}
