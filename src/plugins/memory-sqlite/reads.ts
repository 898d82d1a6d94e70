import type { DatabaseSync } from 'node:sqlite'
import type { MemoryFilter } from '../../core/index.ts'
import { encodeScope, matches, readCursor, writeCursor } from '../../remembering/index.ts'
import type { Vectors } from './embedders.ts'
import { join } from './filter-sql.ts'
import type { MemoryCalls, Row } from './message.ts'
import { acceptable, alive, fitting, inReach, type Judge } from './reach.ts'
import { createReader, ROW, toRow } from './records.ts'

/** Prepares the judging of large filters by the function that every memory has. One call at a time asks it. */
export function prepareJudge(db: DatabaseSync): Judge {
  let current: MemoryFilter | undefined
  const read = createReader()
  db.function('memory_fits', (key, text, body) =>
    current !== undefined && matches(current, read([key, text, body] as Row)) ? 1 : 0,
  )
  return (filter) => {
    current = filter
    return { sql: 'memory_fits((SELECT key FROM memory_scopes WHERE number = r.scope), r.text, r.body)', values: [] }
  }
}

/** Prepares the calls that read records as they stand. */
export function prepareReads(
  db: DatabaseSync,
  vectors: Vectors,
  judge: Judge,
): Pick<MemoryCalls, 'get' | 'list' | 'around' | 'stats' | 'pending'> {
  const one = db.prepare(
    `SELECT ${ROW} FROM memory_scopes s JOIN memory_records r ON r.scope = s.number
     WHERE s.key = ? AND r.id = ? AND (r.expires_at IS NULL OR r.expires_at > ?)`,
  )
  const counts = db.prepare('SELECT sum(records) AS n FROM memory_tenants WHERE name = coalesce(?, name)')
  return {
    get(now, scope, ids) {
      const key = encodeScope(scope)
      return ids.flatMap((id) => {
        const row = one.get(key, id, now)
        return row === undefined ? [] : [toRow(row)]
      })
    },
    list(now, call) {
      const { seq, scope: key } = readCursor(call.cursor)
      const { sql, values } = join('AND', [inReach(call), alive(now), ...fitting(call.filter, judge)])
      // Scope by scope, as the indexes have them: nothing is sorted.
      const found = db
        .prepare(
          `SELECT ${ROW}, r.seq FROM memory_scopes s CROSS JOIN memory_records r ON r.scope = s.number
           WHERE s.tenant = (SELECT number FROM memory_tenants WHERE name = ?) AND s.key >= ? AND (s.key > ? OR r.seq > ?) AND ${sql}
           ORDER BY s.key, r.seq LIMIT ?`,
        )
        .all(call.scope.tenant, key, key, seq, ...values, call.limit + 1)
      const last = found.length > call.limit ? found[call.limit - 1] : undefined
      return {
        rows: found.slice(0, call.limit).map(toRow),
        cursor: last === undefined ? undefined : writeCursor({ scope: String(last['key']), seq: Number(last['seq']) }),
      }
    },
    around(now, call, places, before, after) {
      const { sql, values } = acceptable(now, call, judge)
      const beside = db.prepare(
        `SELECT ${ROW} FROM memory_scopes s CROSS JOIN memory_records r ON r.scope = s.number
         WHERE s.key = ? AND r.seq BETWEEN ? AND ? AND ${sql}`,
      )
      const rows = places.flatMap(([key, seq]) => beside.all(key, seq - before, seq + after, ...values))
      return rows.map(toRow)
    },
    stats: (tenant) => ({
      records: Number(counts.get(tenant ?? null)?.['n'] ?? 0),
      pending: vectors.countPending(tenant),
    }),
    pending: (after, limit) => vectors.pending(after, limit),
  }
}
