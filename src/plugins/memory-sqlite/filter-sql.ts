import type { MemoryFilter } from '../../core/index.ts'

/** A condition of SQL and what is bound to its question marks, in their order. It is 0 or 1, never NULL. */
export interface Condition {
  readonly sql: string
  readonly values: readonly Bound[]
}

/** What can be bound. */
export type Bound = string | number | null

type Scalar = string | number | boolean | null

const COLUMNS: Readonly<Record<string, string>> = {
  id: 'r.id',
  kind: 'r.kind',
  role: 'r.role',
  text: 'r.text',
  seq: 'r.seq',
  version: 'r.version',
  createdAt: 'r.created_at',
  occurredAt: 'r.occurred_at',
  validFrom: 'r.valid_from',
  validTo: 'r.valid_to',
  expiresAt: 'r.expires_at',
}

/** SQLite's planner takes more than linear time for more conditions than these. */
const MAX_CONDITIONS = 200

const TRUE: Condition = { sql: '1', values: [] }
const FALSE: Condition = { sql: '0', values: [] }

/** How many conditions a filter has, joining ones included. */
function sizeOf(filter: MemoryFilter): number {
  if (filter.op === 'and' || filter.op === 'or') return filter.filters.reduce((sum, one) => sum + sizeOf(one), 1)
  return filter.op === 'not' ? 1 + sizeOf(filter.filter) : 1
}

/**
 * Writes a checked filter as a condition on a record `r`, with the meaning of `matches`; values are bound, never written. Undefined
 * for one of more conditions than SQLite can plan in reasonable time.
 */
export function compileFilter(filter: MemoryFilter): Condition | undefined {
  return sizeOf(filter) > MAX_CONDITIONS ? undefined : compile(filter)
}

function compile(filter: MemoryFilter): Condition {
  switch (filter.op) {
    case 'and':
      return join('AND', filter.filters.map(compile))
    case 'or':
      return join('OR', filter.filters.map(compile))
    case 'not':
      return not(compile(filter.filter))
    case 'ne':
      return not(atom({ ...filter, op: 'eq' }))
    case 'in':
      return among(filter.field, filter.values)
    default:
      return atom(filter)
  }
}

/** Joins conditions; nested by halves, since SQLite limits how deep an expression is. */
export function join(word: 'AND' | 'OR', conditions: readonly Condition[]): Condition {
  if (conditions.length === 0) return word === 'AND' ? TRUE : FALSE
  if (conditions.length === 1) return conditions[0] as Condition
  const middle = conditions.length >> 1
  const [left, right] = [join(word, conditions.slice(0, middle)), join(word, conditions.slice(middle))]
  return { sql: `(${left.sql} ${word} ${right.sql})`, values: [...left.values, ...right.values] }
}

function not({ sql, values }: Condition): Condition {
  return { sql: `(NOT ${sql})`, values }
}

const OPERATORS = { eq: '=', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const

function atom(filter: Exclude<MemoryFilter, { readonly op: 'and' | 'or' | 'not' | 'in' | 'ne' }>): Condition {
  if (filter.op === 'exists') return onField(filter.field, undefined, (value) => ({ sql: `${value} IS NOT NULL`, values: [] }))
  const { op, field, value } = filter
  const bound = toBound(value)
  return onField(field, typeOf(value), (column) =>
    op === 'contains'
      ? { sql: `instr(${column}, ?) > 0`, values: [bound] }
      : { sql: `${column} ${OPERATORS[op as keyof typeof OPERATORS]} ?`, values: [bound] },
  )
}

/** Values of one type at a time: a list of texts and numbers is two lists. */
function among(field: string, values: readonly Scalar[]): Condition {
  const types = [...new Set(values.map(typeOf))]
  const lists = types.map((type) => {
    const own = values.filter((value) => typeOf(value) === type).map(toBound)
    return onField(field, type, (column) => ({ sql: `${column} IN (${own.map(() => '?').join(',')})`, values: own }))
  })
  return join('OR', lists)
}

/** A condition on a member: a column, or a row of metadata of that type. */
function onField(field: string, type: string | undefined, write: (column: string) => Condition): Condition {
  const column = COLUMNS[field]
  if (column !== undefined) {
    const { sql, values } = write(column)
    return { sql: `ifnull(${sql}, 0)`, values }
  }
  const row = 'EXISTS (SELECT 1 FROM memory_fields f WHERE f.record = r.ordinal AND f.name = ?'
  const name = field.slice('metadata.'.length)
  if (type === undefined) return { sql: `${row})`, values: [name] }
  const { sql, values } = write('f.value')
  return { sql: `${row} AND f.type = ? AND ${sql})`, values: [name, type, ...values] }
}

/** Which values may be equal or in an order. */
export function typeOf(value: Scalar): string {
  return value === null ? 'null' : typeof value
}

/** A value as the tables have it; null is a text of its own, since SQL's is equal to nothing. */
export function toBound(value: Scalar): Bound {
  if (value === null) return ''
  return typeof value === 'boolean' ? Number(value) : value
}
