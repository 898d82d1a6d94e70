import type { MemoryFilter, MemoryRecord } from '../core/index.ts'
import { found, foundIn, inputInvalid, isObject } from './faults.ts'
import { checkScalar, METADATA_NAME } from './scalar.ts'

type Scalar = string | number | boolean | null

const TEXT_FIELDS: readonly string[] = ['id', 'kind', 'role', 'text']
const NUMBER_FIELDS: readonly string[] = ['seq', 'version', 'createdAt', 'occurredAt', 'validFrom', 'validTo', 'expiresAt']

const MAX_DEPTH = 32
const MAX_SIZE = 20_000

/**
 * Checks a filter and copies it.
 *
 * @throws OpspawnError `MEMORY_INPUT_INVALID` with the path to what is wrong.
 */
export function checkFilter(filter: unknown): MemoryFilter {
  return checkNode(filter, 'filter', 1, { left: MAX_SIZE })
}

function checkNode(node: unknown, where: string, depth: number, size: { left: number }): MemoryFilter {
  if (!isObject(node)) throw inputInvalid(where, `must be an object with op, not ${found(node)}`)
  if (depth > MAX_DEPTH) throw inputInvalid(where, `is nested deeper than ${MAX_DEPTH} levels`)
  count(size, 1, where)
  const { op } = node
  switch (op) {
    case 'and':
    case 'or':
      return {
        op,
        filters: checkList(node, 'filters', where).map((one, at) => checkNode(one, `${where}/filters/${at}`, depth + 1, size)),
      }
    case 'not':
      return { op, filter: checkNode(node['filter'], `${where}/filter`, depth + 1, size) }
    case 'exists':
      return { op, field: checkField(node['field'], where) }
    case 'in': {
      const field = checkField(node['field'], where)
      const values = checkList(node, 'values', where)
      count(size, values.length, where)
      return { op, field, values: values.map((value, at) => checkValue(field, value, `${where}/values/${at}`)) }
    }
    default:
      if (isComparison(op)) return checkComparison(op, node, where)
      throw inputInvalid(
        `${where}/op`,
        `must be eq, ne, lt, lte, gt, gte, contains, in, exists, and, or or not, not ${found(op)}`,
      )
  }
}

type Comparison = Extract<MemoryFilter, { readonly value: Scalar }>['op']

const COMPARISONS: readonly unknown[] = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'contains'] satisfies readonly Comparison[]

function isComparison(op: unknown): op is Comparison {
  return COMPARISONS.includes(op)
}

function checkComparison(op: Comparison, node: Readonly<Record<string, unknown>>, where: string): MemoryFilter {
  const field = checkField(node['field'], where)
  const value = checkValue(field, node['value'], `${where}/value`)
  if (op === 'contains' && (typeof value !== 'string' || NUMBER_FIELDS.includes(field)))
    throw inputInvalid(`${where}/value`, `must be a text to look for in a text, not ${foundIn(value)} in ${field}`)
  const isOrder = op === 'lt' || op === 'lte' || op === 'gt' || op === 'gte'
  if (isOrder && typeof value !== 'string' && typeof value !== 'number')
    throw inputInvalid(`${where}/value`, `must be a number or a text to have an order, not ${foundIn(value)}`)
  return { op, field, value }
}

function count(size: { left: number }, more: number, where: string): void {
  size.left -= more
  if (size.left < 0) throw inputInvalid(where, `has more than ${MAX_SIZE} conditions and values`)
}

function checkList(node: Readonly<Record<string, unknown>>, member: string, where: string): readonly unknown[] {
  const list = node[member]
  if (!Array.isArray(list)) throw inputInvalid(`${where}/${member}`, `must be a list, not ${found(list)}`)
  return Array.from(list as readonly unknown[])
}

function checkField(field: unknown, where: string): string {
  if (typeof field === 'string') {
    if (TEXT_FIELDS.includes(field) || NUMBER_FIELDS.includes(field)) return field
    if (field.startsWith('metadata.') && METADATA_NAME.test(field.slice('metadata.'.length))) return field
  }
  const known = [...TEXT_FIELDS, ...NUMBER_FIELDS].join(', ')
  throw inputInvalid(`${where}/field`, `must be ${known} or metadata.<name>, not ${found(field)}`)
}

function checkValue(field: string, value: unknown, where: string): Scalar {
  const scalar = checkScalar(value, where)
  const wanted = TEXT_FIELDS.includes(field) ? 'string' : NUMBER_FIELDS.includes(field) ? 'number' : undefined
  if (wanted !== undefined && typeof scalar !== wanted)
    throw inputInvalid(where, `must be a ${wanted === 'string' ? 'text' : 'number'}, as ${field} is, not ${foundIn(scalar)}`)
  return scalar
}

/** Whether a record fits a checked filter: the one meaning of filters. */
export function matches(filter: MemoryFilter, record: MemoryRecord): boolean {
  switch (filter.op) {
    case 'and':
      return filter.filters.every((one) => matches(one, record))
    case 'or':
      return filter.filters.some((one) => matches(one, record))
    case 'not':
      return !matches(filter.filter, record)
    case 'exists':
      return fieldOf(record, filter.field) !== undefined
    case 'in':
      return filter.values.includes(fieldOf(record, filter.field) as Scalar)
    default:
      return compares(filter.op, fieldOf(record, filter.field), filter.value)
  }
}

/** A field's value in a record; undefined where it has none. */
export function fieldOf(record: MemoryRecord, field: string): Scalar | undefined {
  if (!field.startsWith('metadata.')) return (record as unknown as Readonly<Record<string, Scalar | undefined>>)[field]
  const name = field.slice('metadata.'.length)
  const { metadata } = record
  return metadata !== undefined && Object.hasOwn(metadata, name) ? metadata[name] : undefined
}

function compares(op: Comparison, actual: Scalar | undefined, value: Scalar): boolean {
  if (op === 'eq') return actual === value
  if (op === 'ne') return actual !== value
  if (op === 'contains') return typeof actual === 'string' && actual.includes(value as string)
  if (typeof actual !== typeof value) return false
  const order = typeof actual === 'string' ? compareText(actual, value as string) : (actual as number) - (value as number)
  if (op === 'lt') return order < 0
  if (op === 'lte') return order <= 0
  return op === 'gt' ? order > 0 : order >= 0
}

/** The order of two texts by code points, which is that of their UTF-8 bytes; `<` goes by code units. */
export function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let at = 0; at < length; at += 1) {
    const one = left.charCodeAt(at)
    const other = right.charCodeAt(at)
    if (one !== other) return rank(one) - rank(other)
  }
  return left.length - right.length
}

/** Halves of pairs, U+D800 to U+DFFF, stand for code points above all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
