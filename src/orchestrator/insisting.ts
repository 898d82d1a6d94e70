import { OpspawnError, type TaskRef, toFailure } from '../core/index.ts'
import type { Engine } from './engine.ts'

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

/** Something that is to be written, once or more often. */
export interface Writing {
  /** Gives the tasks of other runs that became ready with it. */
  write(): Promise<readonly TaskRef[]>
  /** Whether the store has it, though a try seemed to fail. */
  isWritten(): Promise<boolean>
  /** Takes note that the store has it. */
  written(tasks: readonly TaskRef[]): void
}

/**
 * Why something was not written, or why that is not known.
 *
 * @property isBehind Something before it was not known to be written then, without which it could not be.
 */
export interface WriteFailure {
  readonly error: unknown
  readonly isBehind: boolean
}

/**
 * Goes on with a write that was refused, when all before it is written: where there is no budget, it is made good by `forgo`
 * and tried again; a store that failed is asked again. It may have written all the same: then the sequence number is taken,
 * by nobody else.
 */
export async function writeAgain(
  insistence: Insistence,
  writing: Writing,
  failure: WriteFailure,
  forgo?: (error: unknown) => void,
): Promise<void> {
  let { error, isBehind } = failure
  let mayBeWritten = false
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    if (forgo !== undefined && OpspawnError.is(error, 'BUDGET_EXCEEDED')) forgo(error)
    else if (isBehind && OpspawnError.is(error, 'SEQUENCE_CONFLICT')) isBehind = false
    else if (mayBeWritten && OpspawnError.is(error, 'SEQUENCE_CONFLICT')) {
      // What was to be told with it (tasks of other runs) is found by the sweep.
      if (await insist(insistence, 'read', () => writing.isWritten())) return writing.written([])
      throw error
    } else {
      await pause(insistence, 'append', error, pauseMs)
      mayBeWritten = true
      isBehind = false
    }
    try {
      return writing.written(await writing.write())
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
