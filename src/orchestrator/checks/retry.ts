import type { RetryPolicy } from '../../core/index.ts'
import { requireShape, type Shape } from './shape.ts'

const RETRY: Shape = { attempts: 'whole?', baseMs: 'positive?', maxMs: 'positive?' }

/** Checks a retry policy, if there is one. @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function requireRetry(where: string, retry: RetryPolicy | undefined): void {
  if (retry !== undefined) requireShape(`${where}, retry`, retry, RETRY)
}
