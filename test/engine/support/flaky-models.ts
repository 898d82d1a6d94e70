import type { Model, RetryPolicy } from '../../../src/index.ts'
import {
  agent,
  callModel,
  type ManualClock,
  manualClock,
  modelOf,
  once,
  play,
  type Played,
  providerError,
  reply,
} from '../harness.ts'

/** When the clock of {@link flaky} begins. */
export const NOW = 1_780_000_000_000
/** What a provider throws that wants to be left alone. */
export const limited = (headers: Record<string, string>): Error =>
  providerError('slow down', { statusCode: 429, isRetryable: true, responseHeaders: headers })

/** A model that fails for a while. */
export interface Flaky {
  /** When it was called. */
  readonly at: readonly number[]
  readonly clock: ManualClock
  readonly model: Model & { calls: number }
  readonly waits: () => readonly number[]
}

/** Fails so often with something, then answers; tells when it was called. */
export function flaky(failures: number, thrown: () => unknown): Flaky {
  const at: number[] = []
  const clock = manualClock(NOW)
  const model = modelOf((_options, call) => {
    at.push(clock.now())
    if (call <= failures) throw thrown()
    return reply('at last')
  })
  return { at, clock, model, waits: () => at.slice(1).map((time, index) => time - (at[index] ?? 0)) }
}

/** Plays one call of such a model, and tells how often it was made and after which waits. */
export async function tryModel(
  failures: number,
  thrown: () => unknown,
  more: { retry?: RetryPolicy; random?: () => number } = {},
): Promise<Played & { readonly calls: number; readonly waits: readonly number[] }> {
  const { model, clock, at, waits } = flaky(failures, thrown)
  const subject = agent('subject', once(callModel('m')), {
    model,
    ...(more.retry === undefined ? undefined : { retry: more.retry }),
  })
  const played = await play(subject, { clock, options: { random: more.random ?? (() => 0) } })
  return { ...played, calls: at.length, waits: waits() }
}
