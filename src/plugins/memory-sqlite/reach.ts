import type { MemoryFilter } from '../../core/index.ts'
import { SCOPE_LABELS, type RecallCall } from '../../remembering/index.ts'
import { compileFilter, join, type Bound, type Condition } from './filter-sql.ts'

/** Judges filters that are too large for SQL: a function of SQL, given the filter as it is. */
export type Judge = (filter: MemoryFilter) => Condition

/** The condition that a record `r` is in a scope that a read may see. */
export function inReach({ scope, across }: Pick<RecallCall, 'scope' | 'across'>): Condition {
  const closed = SCOPE_LABELS.filter((label) => !across.includes(label))
  const labels = closed.map((label) => ` AND ${label} IS ?`).join('')
  return {
    sql: `r.scope IN (SELECT number FROM memory_scopes WHERE tenant = (SELECT number FROM memory_tenants WHERE name = ?)${labels})`,
    values: [scope.tenant, ...closed.map((label): Bound => scope[label] ?? null)],
  }
}

/** The condition that a record `r` fits a filter. */
export function fitting(filter: MemoryFilter | undefined, judge: Judge): readonly Condition[] {
  return filter === undefined ? [] : [compileFilter(filter) ?? judge(filter)]
}

/** The condition that a record `r` has not expired. */
export function alive(now: number): Condition {
  return { sql: '(r.expires_at IS NULL OR r.expires_at > ?)', values: [now] }
}

/** The condition that recall may return a record `r`: the meaning of `isCurrent`, `isInReach` and `matches`. */
export function acceptable(now: number, call: Pick<RecallCall, 'scope' | 'across' | 'filter' | 'asOf'>, judge: Judge): Condition {
  const { asOf } = call
  const at = asOf ?? now
  const isHeld: Condition =
    asOf === undefined
      ? { sql: 'r.superseded_by IS NULL', values: [] }
      : { sql: 'r.created_at <= ? AND (r.superseded_at IS NULL OR r.superseded_at > ?)', values: [asOf, asOf] }
  return join('AND', [
    inReach(call),
    alive(now),
    { sql: '(r.valid_from IS NULL OR r.valid_from <= ?)', values: [at] },
    { sql: '(r.valid_to IS NULL OR r.valid_to > ?)', values: [at] },
    isHeld,
    ...fitting(call.filter, judge),
  ])
}
