import { type Clock, OpspawnError, type Scheduler, type TaskRef } from '../core/index.ts'

/** Hands tasks to a scheduler, and again what it had no room for. */
export interface Hints {
  publish(tasks: readonly TaskRef[]): void
  /** Forgets what was refused; nothing is handed over any more. */
  stop(): void
}

/** So many refused tasks are kept; the store's sweep finds the others. */
const MAX_REFUSED = 10_000
/** The first pause before refused tasks are offered again, in milliseconds; doubled while none is taken. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 1_000

/**
 * A full scheduler is full for a moment, but the store tells a task again ever more seldom: it cannot know that nobody
 * heard the last hint. So what was refused is kept here and offered again, until there is room.
 */
export function createHints(scheduler: Scheduler, clock: Clock, onFault: (error: unknown) => void): Hints {
  /** By run id: a run needs no second hint. */
  const refused = new Map<string, TaskRef>()
  let pauseMs = FIRST_PAUSE_MS
  let isStopped = false
  let cancelTimer: (() => void) | undefined
  let isOffering = false

  function keep(tasks: readonly TaskRef[]): void {
    if (isStopped) return
    for (const task of tasks) if (refused.size < MAX_REFUSED) refused.set(task.runId, task)
    offerLater()
  }

  function offerLater(): void {
    if (isStopped || isOffering || cancelTimer !== undefined || refused.size === 0) return
    cancelTimer = clock.setTimer(pauseMs, () => {
      cancelTimer = undefined
      void offer()
    })
  }

  async function offer(): Promise<void> {
    isOffering = true
    const isTaken = await offerEach()
    isOffering = false
    pauseMs = isTaken ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    offerLater()
  }

  /** One by one, because a scheduler does not say how many of a list it took. Gives whether it took any. */
  async function offerEach(): Promise<boolean> {
    const full = new Set<string>()
    let isTaken = false
    for (const task of refused.values()) {
      if (isStopped) break
      if (full.has(task.queue)) continue
      try {
        await scheduler.publish([task])
        isTaken = true
        refused.delete(task.runId)
      } catch (error) {
        if (isFull(error)) full.add(task.queue)
        else {
          refused.delete(task.runId)
          onFault(error)
        }
      }
    }
    return isTaken
  }

  return {
    publish(tasks) {
      if (tasks.length === 0 || isStopped) return
      // Nothing is lost that does not get through: the store still holds the runs and its sweep finds them.
      const publishing = async (): Promise<void> => scheduler.publish(tasks)
      publishing().catch((error: unknown) => (isFull(error) ? keep(tasks) : onFault(error)))
    },
    stop() {
      isStopped = true
      cancelTimer?.()
      refused.clear()
    },
  }
}

function isFull(error: unknown): boolean {
  return OpspawnError.is(error, 'QUEUE_FULL')
}
