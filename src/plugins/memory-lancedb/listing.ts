import type { MemoryPage, MemoryRecord } from '../../core/index.ts'
import { encodeScope, readCursor, writeCursor, type ListCall, type Position } from '../../remembering/index.ts'
import { RECORD } from './columns.ts'
import { recordReader } from './rows.ts'
import { acceptor, alive, all, inReach, quote, widened } from './predicate.ts'
import type { RecordTable } from './table.ts'

/** Rows that are read at once where many do not fit. */
const MANY = 4096

/**
 * Columns, and those that rows are ordered by. LanceDB fails where an index alone answers the condition, or there is none, and it
 * orders by what is not selected ("TakeExec requires the input plan to have a column").
 */
export function withOrder(columns: readonly string[], order: readonly { readonly columnName: string }[]): string[] {
  return [...new Set([...columns, ...order.map(({ columnName }) => columnName)])]
}

/** Reads records in the order of scope and `seq`, behind a position. */
export async function readInOrder(
  table: RecordTable,
  where: string,
  { scope, seq }: Position,
  limit: number,
): Promise<readonly MemoryRecord[]> {
  const behind = scope === '' ? undefined : `(scope > ${quote(scope)} OR (scope = ${quote(scope)} AND seq > ${seq}))`
  const order = ['scope', 'seq'].map((columnName) => ({ columnName, ascending: true }))
  const rows = await table.read((query) =>
    query
      .where(all(where, behind))
      .orderBy(order)
      .select(withOrder([RECORD], order))
      .limit(limit),
  )
  return rows.map(recordReader())
}

/** Answers a checked listing: scope by scope, in the order of recording. */
export async function listFrom(table: RecordTable, call: ListCall, now: number): Promise<MemoryPage> {
  const accept = acceptor({ ...call, asOf: undefined }, now, true)
  const where = all(inReach(call.scope, call.across), alive(now), widened(call.filter))
  const records: MemoryRecord[] = []
  let position = readCursor(call.cursor)
  for (let limit = call.limit + 1; ; limit = Math.min(limit * 2, MANY)) {
    const read = await readInOrder(table, where, position, limit)
    for (const record of read.filter(accept)) {
      const last = records.at(-1)
      if (records.length === call.limit && last !== undefined)
        return { records, cursor: writeCursor({ scope: encodeScope(last.scope), seq: last.seq }) }
      records.push(record)
    }
    const end = read.at(-1)
    if (end === undefined || read.length < limit) return { records }
    position = { scope: encodeScope(end.scope), seq: end.seq }
  }
}
