import type { DatabaseSync } from 'node:sqlite'
import type { MemoryRecord, MemoryScope, MemorySelector } from '../../core/index.ts'
import {
  aliveAt,
  encodeScope,
  newAmong,
  ofInserted,
  planAppend,
  planUpdate,
  withFreePlaces,
  withSummaries,
} from '../../remembering/index.ts'
import type { Vectors } from './embedders.ts'
import { join, type Bound } from './filter-sql.ts'
import type { MemoryCalls } from './message.ts'
import { fitting, type Judge } from './reach.ts'
import { createReader, ROW, toRow, writeRow, type Records } from './records.ts'

type Writes = Pick<MemoryCalls, 'append' | 'update' | 'forget' | 'take' | 'embed' | 'complete'>

/** Prepares the calls that write. Each decides all before it writes anything, so that one that is refused has changed nothing. */
export function prepareWrites(db: DatabaseSync, records: Records, vectors: Vectors, judge: Judge): Writes {
  const hasVersion = db.prepare('SELECT 1 FROM memory_records WHERE ordinal = ? AND version = ?')
  const findAlive = (scope: MemoryScope, id: string, now: number): MemoryRecord | undefined =>
    aliveAt(records.find(scope, id), now)
  return {
    append(now, scope, entries, made, ids, idempotencyKey) {
      const rest = [...ids]
      const plan = planAppend(entries, {
        scope,
        now,
        lastSeq: records.lastSeq(scope),
        find: (id) => findAlive(scope, id, now),
        newId: () => rest.shift() as string,
        idempotencyKey,
      })
      const own = ofInserted(plan.receipt, made)
      vectors.check(own)
      plan.inserted.forEach((record, at) => records.put(record, own[at]))
      for (const record of plan.closed) records.put(record, undefined)
      return plan.receipt
    },
    update(now, scope, id, patch, ifVersion, vector) {
      const record = planUpdate(id, findAlive(scope, id, now), patch, { ifVersion, now })
      vectors.check([vector])
      records.put(record, vector)
      return writeRow(record)
    },
    forget(scope, what) {
      const chosen = chosenBy(db, scope, what, judge)
      for (const { id } of chosen) records.drop(scope, id)
      return chosen.length
    },
    take(given, made) {
      const byRecord = new Map(given.map((record, at) => [record, made[at]]))
      const fresh = newAmong(given, ({ scope, id }) => records.find(scope, id))
      vectors.check(fresh.map((record) => byRecord.get(record)))
      const placed = withFreePlaces(fresh, records)
      placed.forEach((record, at) => records.put(record, byRecord.get(fresh[at] as MemoryRecord)))
      return fresh.length
    },
    embed(made) {
      vectors.check(made.map(([, , vector]) => vector))
      for (const [ordinal, version, vector] of made)
        if (hasVersion.get(ordinal, version) !== undefined) vectors.set(ordinal, vector)
    },
    complete: () => vectors.complete(),
  }
}

/** The records of a scope that are to be forgotten, and the summaries that go with them. */
function chosenBy(db: DatabaseSync, scope: MemoryScope, what: MemorySelector, judge: Judge): readonly MemoryRecord[] {
  const read = createReader()
  const key = encodeScope(scope)
  const from = `SELECT ${ROW} FROM memory_scopes s JOIN memory_records r ON r.scope = s.number WHERE s.key = ?`
  const select = (sql: string): ((...values: readonly Bound[]) => readonly MemoryRecord[]) => {
    const statement = db.prepare(`${from} AND ${sql}`)
    return (...values) => statement.all(key, ...values).map((row) => read(toRow(row)))
  }
  const summaries = select("r.kind = 'summary'")()
  const one = select('r.id = ?')
  if (typeof what === 'object' && 'ids' in what)
    return withSummaries(
      [...new Set(what.ids)].flatMap((id) => one(id)),
      summaries,
    )
  const { sql, values } = join('AND', fitting(what === 'all' ? undefined : what.filter, judge))
  return withSummaries(select(sql)(...values), summaries)
}
