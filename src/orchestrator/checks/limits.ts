import type { RunLimits } from '../../core/index.ts'
import { requireShape, type Shape } from './shape.ts'

const LIMITS: Shape = {
  steps: 'upTo?',
  tokens: 'upTo?',
  cost: 'positive?',
  durationMs: 'positive?',
  decisions: 'upTo?',
  parallel: 'whole?',
  effects: 'whole?',
  depth: 'count?',
  repairs: 'count?',
  payload: 'upTo?',
}

/** Checks limits. @throws OpspawnError `LIMIT_INVALID`, also for a limit that does not exist */
export function requireLimits(where: string, limits: RunLimits): void {
  requireShape(`${where}, limits`, limits, LIMITS, 'LIMIT_INVALID')
}
