import { OpspawnError, toFailure } from '../core/index.ts'
import type { Engine } from './engine.ts'
import { failEffect, type Progress } from './progress.ts'

/** The pause before a call that failed is made again, in milliseconds; doubled each time up to the longest. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000

/** Calls of one run's driver to a store that may fail for a while. */
export interface Insistence {
  readonly engine: Engine
  readonly runId: string
  /** The run was lost, or the worker waits no longer: the failure is passed on. */
  readonly isGivenUp: () => boolean
}

/** Makes a call that may be repeated, until it ends in something else than `STORE_FAILED`. Each failure is told as a fault. */
export async function insist<T>(insistence: Insistence, where: string, call: () => Promise<T>): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await call()
    } catch (error) {
      await pause(insistence, where, error, pauseMs)
    }
  }
}

/**
 * Goes on with a commit that was refused: calls without budget fail and the rest is written; a store that failed is
 * asked again. It may have written all the same: then the sequence number is taken, by nobody else.
 */
export async function writeAgain(insistence: Insistence, progress: Progress, refusal: unknown): Promise<void> {
  const { log } = progress
  let error = refusal
  let mayBeWritten = false
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    if (OpspawnError.is(error, 'BUDGET_EXCEEDED')) forgo(progress, error)
    else if (mayBeWritten && OpspawnError.is(error, 'SEQUENCE_CONFLICT')) {
      // What was to be told with it (tasks of other runs) is found by the sweep.
      if (await insist(insistence, 'read', () => log.isWritten())) return log.written([])
      throw error
    } else {
      await pause(insistence, 'append', error, pauseMs)
      mayBeWritten = true
    }
    try {
      return log.written(await log.write())
    } catch (again) {
      error = again
    }
  }
}

/** Waits before the next try. @throws the error where there is none */
async function pause({ engine, runId, isGivenUp }: Insistence, where: string, error: unknown, ms: number): Promise<void> {
  if (!OpspawnError.is(error, 'STORE_FAILED') || isGivenUp()) throw error
  engine.hub.fault(toFailure(error, 'STORE_FAILED'), { where, runId })
  await new Promise<void>((resolve) => void engine.clock.setTimer(ms, resolve))
  if (isGivenUp()) throw error
}

/** Nothing was written, for want of budget. The calls that found none fail, and the planner hears of it. */
function forgo(progress: Progress, error: unknown): void {
  const { log } = progress
  log.dropReserve()
  for (const key of progress.reserving) {
    progress.unreserved.add(key)
    failEffect(progress, key, 'failed', error)
  }
  progress.startable = progress.startable.filter((key) => log.view.effects.get(key)?.outcome === undefined)
}
