import type { Outcome } from '../../core/index.ts'
import { boundText } from '../../planning/index.ts'

/** What a model is told about an outcome, in words. */
export function outcomeText(outcome: Outcome, limit: number): string {
  if (outcome.status !== 'completed')
    return boundText(`${outcome.status} (${outcome.error.code}): ${outcome.error.message}`, limit)
  return boundText(typeof outcome.value === 'string' ? outcome.value : JSON.stringify(outcome.value), limit)
}
