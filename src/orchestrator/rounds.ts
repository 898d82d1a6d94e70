import type { Clock } from '../core/index.ts'

/** The least time between two rounds, in milliseconds. */
const PAUSE_MS = 250
/** A round is followed by a pause of at least so many times its own length: looking takes a fifth of the time at most. */
const PAUSE_FACTOR = 4
/** So many looks are under way at once. */
const LANES = 8

/** Looks at runs from time to time, because another process may work on them. */
export interface Rounds {
  /** Adds a look at a run, to be made in every round while it is not worked on here. Gives what takes it out again. */
  join(runId: string, look: () => Promise<void>): () => void
}

interface Member {
  readonly runId: string
  readonly look: () => Promise<void>
}

/** What rounds work with. */
export interface RoundsContext {
  readonly clock: Clock
  /** Milliseconds of this process. */
  readonly elapsed: () => number
  /** Whether a run is worked on in this process, which then tells of all that happens to it. */
  readonly isHere: (runId: string) => boolean
}

/**
 * One round for all who wait in this process, however many: each alone with a timer of its own would ask the store more
 * often than it can answer. The next round begins only when the last has ended, so that a slow store is not asked twice.
 */
export function createRounds({ clock, elapsed, isHere }: RoundsContext): Rounds {
  const members = new Set<Member>()
  let isUnderWay = false
  let cancel: (() => void) | undefined

  function arm(pauseMs: number): void {
    cancel = clock.setTimer(pauseMs, () => {
      cancel = undefined
      void goRound()
    })
  }

  async function goRound(): Promise<void> {
    isUnderWay = true
    const since = elapsed()
    const due = [...members].values()
    const lane = async (): Promise<void> => {
      for (const member of due) if (members.has(member) && !isHere(member.runId)) await member.look()
    }
    await Promise.all(Array.from({ length: Math.min(LANES, members.size) }, lane))
    isUnderWay = false
    if (members.size > 0) arm(Math.max(PAUSE_MS, PAUSE_FACTOR * (elapsed() - since)))
  }

  return {
    join(runId, look) {
      const member = { runId, look }
      members.add(member)
      if (cancel === undefined && !isUnderWay) arm(PAUSE_MS)
      return () => {
        members.delete(member)
        if (members.size > 0) return
        cancel?.()
        cancel = undefined
      }
    },
  }
}
