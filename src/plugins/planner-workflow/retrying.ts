import { errorInfo, type Failure, type Outcome } from '../../core/index.ts'
import { seededFraction } from '../../planning/index.ts'
import type { GraphRetry } from './graph.ts'

const MAY_PASS: ReadonlySet<string> = new Set(['ABORTED', 'INTERNAL', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'])

/**
 * Whether another execution may go better. What was refused, cancelled, or may have happened already is not done again; nor
 * is what is wrong in itself, such as an input that does not fit.
 */
export function mayTryAgain(outcome: Outcome): boolean {
  if (outcome.status !== 'failed') return false
  return outcome.error.retryable || MAY_PASS.has(errorInfo(outcome.error.code).grpc)
}

/** The wait before an attempt: below a bound that doubles, drawn by the run and the key, so that it is the same each time. */
export function pauseMs({ baseMs, maxMs }: GraphRetry, attempt: number, seed: string): number {
  const bound = Math.min(maxMs, baseMs * 2 ** (attempt - 2))
  return Math.round(seededFraction(seed) * bound)
}

/** The failure of an outcome that is one. */
export function failureOf(outcome: Outcome): Failure | undefined {
  return outcome.status === 'completed' ? undefined : outcome.error
}
