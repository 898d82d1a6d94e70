import { type NewRun, OpspawnError, type RunRecord, toFailure } from '../core/index.ts'
import { requireRecord } from './look-up.ts'
import type { Progress } from './progress.ts'

/** The pause before a call that failed is made again, in milliseconds; doubled each time up to the longest. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000

/**
 * Accepts a run that follows upon this one, before this one ends. Tries for as long as the store or the queue cannot take it,
 * and the run is not to end for another reason; each refusal is a fault of `where`. The id and the idempotency key that `make`
 * gives must follow from this run's id, so that the one that is there already is found after a crash.
 *
 * @throws OpspawnError what `make` throws; `RUN_CANCELLED` where it is not waited for any more
 */
export async function acceptRun(progress: Progress, where: string, make: (record: RunRecord) => NewRun): Promise<void> {
  const { turn } = progress
  const { engine, view } = progress.context
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const record = await requireRecord(engine, view.id)
      const { task, created } = await engine.store.create(make(record))
      if (created) engine.publish([task])
      return
    } catch (error) {
      // It is there, accepted by a worker that died since.
      if (OpspawnError.is(error, 'RUN_EXISTS')) return
      const mayPass = OpspawnError.is(error, 'STORE_FAILED') || OpspawnError.is(error, 'QUEUE_FULL')
      if (!mayPass || progress.turn !== turn) throw error
      engine.hub.fault(toFailure(error, 'STORE_FAILED'), { where, runId: view.id })
    }
    await new Promise<void>((resolve) => void engine.clock.setTimer(pauseMs, resolve))
    if (progress.turn !== turn) throw new OpspawnError('RUN_CANCELLED', 'the run ends before the one that follows was accepted')
  }
}
