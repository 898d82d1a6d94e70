import type { DatabaseSync } from 'node:sqlite'
import type { RunFilter } from '../../core/index.ts'
import { list } from './claim.ts'
import { eventsKey, positionOf } from './history.ts'
import type { KeeperCalls } from './message.ts'
import { recordText, unknown, type WholeRow } from './run-row.ts'

interface EventsRow {
  readonly key: number
  readonly body: string
}

/** Prepares reading. Each call sees everything that was committed before it, and waits for no writer. */
export function prepareReading(db: DatabaseSync): Pick<KeeperCalls, 'read' | 'list'> {
  const byId = db.prepare('SELECT ordinal FROM runs WHERE run_id = ?')
  const events = db.prepare(`
    SELECT e.key, coalesce(e.body, b.body) AS body FROM events e LEFT JOIN blobs b ON b.hash = e.blob
    WHERE e.key >= ? AND e.key < ? ORDER BY e.key`)
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()

  return {
    read(runId, fromSeq, limit) {
      const run = byId.get(runId)
      if (run === undefined) throw unknown(runId)
      const from = Math.max(fromSeq, 1)
      const bodies: string[] = []
      const ordinal = run['ordinal'] as number
      for (const row of events.iterate(eventsKey(ordinal, from), eventsKey(ordinal + 1, 0))) {
        const { key, body } = row as unknown as EventsRow
        bodies.push(body)
        if (limit !== undefined && positionOf(key) - from + 1 >= limit) break
      }
      return `[${bodies.join(',')}]`
    },
    list(filter, before, limit) {
      const { text, values } = query(filter, before)
      let statement = statements.get(text)
      if (statement === undefined) statements.set(text, (statement = db.prepare(text)))
      const rows = statement.all(...values, limit + 1) as unknown as WholeRow[]
      const hasMore = rows.length > limit
      const shown = hasMore ? rows.slice(0, limit) : rows
      return { records: `[${shown.map(recordText).join(',')}]`, before: hasMore ? shown.at(-1)?.ordinal : undefined }
    },
  }
}

const COLUMNS = {
  tenant: 'tenant',
  agent: 'agent',
  session: 'session',
  parentId: 'parent_id',
  rootId: 'root_id',
  runId: 'run_id',
} as const

/** Of each set of filters there is one statement. */
function query({ status, ...rest }: RunFilter, before: number | undefined): { text: string; values: (string | number | null)[] } {
  const parts: string[] = []
  const values: (string | number | null)[] = []
  for (const [name, column] of Object.entries(COLUMNS) as [keyof typeof COLUMNS, string][]) {
    const value = rest[name]
    if (value === undefined) continue
    parts.push(`r.${column} = ?`)
    values.push(value)
  }
  if (status !== undefined) {
    parts.push('r.status IN (SELECT value FROM json_each(?))')
    values.push(list(status))
  }
  if (before !== undefined) {
    parts.push('r.ordinal < ?')
    values.push(before)
  }
  const where = parts.length === 0 ? '' : ` WHERE ${parts.join(' AND ')}`
  return {
    text: `SELECT r.*, d.origin, d.ended FROM runs r JOIN details d USING (ordinal)${where} ORDER BY r.ordinal DESC LIMIT ?`,
    values,
  }
}
