import type { MemoryFilter, MemoryScope, ScopeLabel } from '../../core/index.ts'
import {
  SCOPE_LABELS,
  encodeLabel,
  encodeScope,
  isInReach,
  matches,
  isCurrent,
  isExpired,
  type RecallCall,
} from '../../remembering/index.ts'
import type { MemoryRecord } from '../../core/index.ts'
import { COLUMNS } from './columns.ts'
import { facetOf } from './rows.ts'

/** Conditions and values that go into one predicate; longer trees are nested too deep for LanceDB's parser, or slow. */
const MAX_CONDITIONS = 200
const MAX_VALUES = 1000

const OPERATORS = { eq: '=', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const

/** A text in SQL. A quote is doubled; nothing else has a meaning between quotes. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A list of texts in SQL. */
export function quoteAll(texts: readonly string[]): string {
  return texts.map(quote).join(', ')
}

/** Lists that go into one predicate. */
export function* chunks<T>(items: readonly T[], size: number = MAX_VALUES): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}

/** Joins conditions that must all hold. */
export function all(...conditions: readonly (string | undefined)[]): string {
  return conditions.filter((one) => one !== undefined).join(' AND ')
}

/** The rows of a tenant. */
export function ofTenant(tenant: string): string {
  return startingWith(encodeScope({ tenant }))
}

/** The rows of a tenant's own scope, and of those below: they go on with a slash, which `0` comes right after. */
export function startingWith(scope: string): string {
  return `(scope = ${quote(scope)} OR (scope >= ${quote(`${scope}/`)} AND scope < ${quote(`${scope}0`)}))`
}

/** The rows that a read of a scope sees. */
export function inReach(scope: MemoryScope, across: readonly ScopeLabel[]): string {
  if (across.length === 0) return `scope = ${quote(encodeScope(scope))}`
  const labels = SCOPE_LABELS.filter((label) => !across.includes(label)).map(
    (label) => `${label}Label = ${quote(scope[label] === undefined ? '' : encodeLabel(scope[label]))}`,
  )
  return all(ofTenant(scope.tenant), ...labels)
}

/** The rows that have not expired. */
export function alive(now: number): string {
  return `(expiresAt IS NULL OR expiresAt > ${now})`
}

/** The rows that a recall may return, at whatever time, and perhaps more: {@link acceptor} decides. */
export function reachable(call: RecallCall): string {
  return all(inReach(call.scope, call.across), widened(call.filter))
}

/** Those of them that it may return now. */
export function recallable(call: RecallCall, now: number): string {
  const when = call.asOf === undefined ? `since <= ${now} AND until > ${now}` : all(alive(now), knownAt(call.asOf))
  return all(reachable(call), when)
}

/** What was known and true at a time. */
function knownAt(at: number): string {
  return all(
    `createdAt <= ${at}`,
    `(supersededAt IS NULL OR supersededAt > ${at})`,
    `(validFrom IS NULL OR validFrom <= ${at})`,
    `(validTo IS NULL OR validTo > ${at})`,
  )
}

/** The one meaning of a read, whatever LanceDB made of the predicate. */
export function acceptor(
  { scope, across, filter, asOf }: Pick<RecallCall, 'scope' | 'across' | 'filter' | 'asOf'>,
  now: number,
  isListing = false,
): (record: MemoryRecord) => boolean {
  return (record) =>
    isInReach(record.scope, scope, across) &&
    (isListing ? !isExpired(record, now) : isCurrent(record, now, asOf)) &&
    (filter === undefined || matches(filter, record))
}

/** A condition that holds for every row that a filter fits, and perhaps for more; undefined where it would hold for all. */
export function widened(filter: MemoryFilter | undefined): string | undefined {
  return filter === undefined || conditionsIn(filter) > MAX_CONDITIONS ? undefined : widen(filter, false)
}

function conditionsIn(filter: MemoryFilter): number {
  if ('filters' in filter) return filter.filters.reduce((sum, one) => sum + conditionsIn(one), 1)
  return filter.op === 'not' ? 1 + conditionsIn(filter.filter) : 1
}

/** Negations are pushed down to the conditions, so that none of what SQL holds for unknown is ever negated. */
function widen(filter: MemoryFilter, isNegated: boolean): string | undefined {
  if (filter.op === 'not') return widen(filter.filter, !isNegated)
  if (!('filters' in filter)) return filter.op === 'ne' ? leaf({ ...filter, op: 'eq' }, !isNegated) : leaf(filter, isNegated)
  const parts = filter.filters.map((one) => widen(one, isNegated))
  const known = parts.filter((part) => part !== undefined)
  if ((filter.op === 'and') !== isNegated) return known.length === 0 ? undefined : `(${known.join(' AND ')})`
  if (known.length < parts.length) return undefined
  return parts.length === 0 ? 'FALSE' : `(${known.join(' OR ')})`
}

type Leaf = Exclude<MemoryFilter, { readonly op: 'and' | 'or' | 'not' }>

function leaf(filter: Leaf, isNegated: boolean): string | undefined {
  if (filter.op === 'in' && filter.values.length === 0) return isNegated ? undefined : 'FALSE'
  if (filter.op === 'in' && filter.values.length > MAX_VALUES) return undefined
  return filter.field.startsWith('metadata.')
    ? facetCondition(filter, filter.field.slice('metadata.'.length), isNegated)
    : columnCondition(filter, isNegated)
}

function facetCondition(filter: Leaf, name: string, isNegated: boolean): string | undefined {
  const isExact = filter.op === 'eq' || filter.op === 'in' || filter.op === 'exists'
  if (!isExact && isNegated) return undefined
  const facets =
    filter.op === 'eq'
      ? [facetOf(name, filter.value)]
      : filter.op === 'in'
        ? filter.values.map((value) => facetOf(name, value))
        : [facetOf(name)]
  return `array_has_any(facets, [${quoteAll(facets)}]) IS ${isNegated ? 'NOT ' : ''}TRUE`
}

function columnCondition(filter: Leaf, isNegated: boolean): string | undefined {
  const { field, op } = filter
  if (op === 'contains' || op === 'ne') return undefined
  const isNullable = COLUMNS[field]?.nullable === true
  if (op === 'exists') return isNullable ? `${field} IS ${isNegated ? '' : 'NOT '}NULL` : isNegated ? 'FALSE' : undefined
  const values = op === 'in' ? filter.values : [filter.value]
  const written = values.map((value) => (typeof value === 'string' ? quote(value) : String(value)))
  const condition = op === 'in' ? `${field} IN (${written.join(', ')})` : `${field} ${OPERATORS[op]} ${written[0]}`
  if (!isNegated) return condition
  return isNullable ? `(${field} IS NULL OR NOT (${condition}))` : `NOT (${condition})`
}
