import { randomUUID } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { MemoryRecord, MemoryScope } from '../../core/index.ts'
import { decodeScope, encodeScope, freezeDeep, wordsOf, type TakenPlaces } from '../../remembering/index.ts'
import type { Vectors } from './embedders.ts'
import { toBound, typeOf } from './filter-sql.ts'
import type { Row } from './message.ts'

/** What every mark of a row begins with; no other text has it. */
export const MARK = 'opspawn-memory-row:'

/** Longest word that the index tells apart. */
const MAX_WORD = 4096

/** What a word of a tenant begins with in the index; how often it stands in the record comes behind it. */
export function termOf(tenant: number, word: string): string {
  return `${tenant}:${word.slice(0, MAX_WORD)}~`
}

/** Behind all terms that begin so: the sign that follows 9. */
export const TERM_END = ':'

/** The words of a record as the index has them. */
function termsOf(tenant: number, words: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const word of words) {
    const term = termOf(tenant, word)
    counts.set(term, (counts.get(term) ?? 0) + 1)
  }
  return Array.from(counts, ([term, count]) => `${term}${count}`).join(' ')
}

/** Columns of a {@link Row}, of a record `r` in a scope `s`. */
export const ROW = 's.key, r.text, r.body'

/** A row as SQLite gives it. */
export function toRow(row: Readonly<Record<string, unknown>>): Row {
  return [String(row['key']), String(row['text']), String(row['body'])]
}

/** Makes records of rows; scopes are made once. */
export function createReader(): (row: Row) => MemoryRecord {
  const scopes = new Map<string, MemoryScope>()
  return ([key, text, body]) => {
    let scope = scopes.get(key)
    if (scope === undefined) scopes.set(key, (scope = decodeScope(key)))
    return freezeDeep({ text, ...(JSON.parse(body) as Omit<MemoryRecord, 'text'>), scope })
  }
}

/** The other way round. A text with a NUL stands in the body once more: `node:sqlite` of Node 22 reads a column no further. */
export function writeRow({ scope, text, ...rest }: MemoryRecord): Row {
  return [encodeScope(scope), text, JSON.stringify(text.includes('\0') ? { text, ...rest } : rest)]
}

/** A scope that has records, or had some. */
interface Shelf {
  readonly number: number
  readonly tenant: number
  readonly lastSeq: number
}

/** The tables of records. Within a transaction of the caller's. */
export interface Records extends TakenPlaces {
  find(scope: MemoryScope, id: string): MemoryRecord | undefined
  /** Puts a record in, or in the place of the one with its id. A text that stays keeps its words and vectors. */
  put(record: MemoryRecord, vector: Float32Array | undefined): void
  drop(scope: MemoryScope, id: string): void
}

const COLUMNS = `mark, scope, tenant, seq, id, kind, role, version, created_at, occurred_at, valid_from, valid_to, expires_at,
  superseded_by, superseded_at, words, text, body`

function prepareStatements(db: DatabaseSync) {
  const places = COLUMNS.split(',').map(() => '?')
  return {
    find: db.prepare(
      `SELECT ${ROW}, r.ordinal, r.seq FROM memory_records r JOIN memory_scopes s ON s.number = r.scope WHERE s.key = ? AND r.id = ?`,
    ),
    seq: db.prepare('SELECT 1 FROM memory_records WHERE scope = ? AND seq = ?'),
    lastSeq: db.prepare('UPDATE memory_scopes SET last_seq = max(last_seq, ?) WHERE number = ?'),
    insert: db.prepare(`INSERT INTO memory_records (${COLUMNS}) VALUES (${places.join(', ')})`),
    update: db.prepare(`UPDATE memory_records SET (${COLUMNS}) = (${places.join(', ')}) WHERE ordinal = ?`),
    drop: db.prepare('DELETE FROM memory_records WHERE ordinal = ?'),
    index: db.prepare('INSERT INTO memory_words (rowid, words) VALUES (?, ?)'),
    unindex: db.prepare('DELETE FROM memory_words WHERE rowid = ?'),
    forgetVectors: db.prepare('DELETE FROM memory_vectors WHERE record = ?'),
    clear: db.prepare('DELETE FROM memory_fields WHERE record = ?'),
    field: db.prepare('INSERT INTO memory_fields VALUES (?, ?, ?, ?)'),
    garbage: db.prepare('UPDATE memory_meta SET garbage = garbage + 1'),
  } as const satisfies Readonly<Record<string, StatementSync>>
}

/** Prepares the looking up of scopes, and the making of those that are not there. */
function prepareShelves(db: DatabaseSync): {
  readonly shelf: (scope: MemoryScope) => Shelf | undefined
  readonly ensure: (scope: MemoryScope) => Shelf
} {
  const find = db.prepare('SELECT number, tenant, last_seq FROM memory_scopes WHERE key = ?')
  const tenantOf = db.prepare(
    'INSERT INTO memory_tenants (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING number',
  )
  const insert = db.prepare(
    'INSERT INTO memory_scopes (tenant, key, agent, user, session) VALUES (?, ?, ?, ?, ?) RETURNING number',
  )
  function shelf(scope: MemoryScope): Shelf | undefined {
    const row = find.get(encodeScope(scope))
    if (row === undefined) return undefined
    return { number: Number(row['number']), tenant: Number(row['tenant']), lastSeq: Number(row['last_seq']) }
  }
  return {
    shelf,
    ensure(scope) {
      const known = shelf(scope)
      if (known !== undefined) return known
      const tenant = Number(tenantOf.get(scope.tenant)?.['number'])
      const { agent = null, user = null, session = null } = scope
      const number = Number(insert.get(tenant, encodeScope(scope), agent, user, session)?.['number'])
      return { number, tenant, lastSeq: 0 }
    },
  }
}

/** Prepares the writing of records. */
export function prepareRecords(db: DatabaseSync, vectors: Vectors): Records {
  const statements = prepareStatements(db)
  const { shelf, ensure } = prepareShelves(db)
  const read = createReader()

  function replace(ordinal: number, values: Columns, isNewText: boolean): void {
    statements.garbage.run()
    statements.update.run(...values, ordinal)
    statements.clear.run(ordinal)
    if (!isNewText) return
    statements.unindex.run(ordinal)
    statements.forgetVectors.run(ordinal)
  }
  return {
    lastSeq: (scope) => shelf(scope)?.lastSeq ?? 0,
    isTaken(scope, seq) {
      const own = shelf(scope)
      return own !== undefined && statements.seq.get(own.number, seq) !== undefined
    },
    find(scope, id) {
      const row = statements.find.get(encodeScope(scope), id)
      return row === undefined ? undefined : read(toRow(row))
    },
    put(record, vector) {
      const own = ensure(record.scope)
      const present = statements.find.get(encodeScope(record.scope), record.id)
      const words = wordsOf(record.text)
      const values = columnsOf(record, own, words.length)
      const isSame = present !== undefined && present['seq'] === record.seq
      const isNewText = !isSame || present['text'] !== record.text
      let ordinal = Number(present?.['ordinal'])
      if (isSame) replace(ordinal, values, isNewText)
      else {
        // One that has expired makes room.
        if (present !== undefined) statements.drop.run(ordinal)
        ordinal = Number(statements.insert.run(...values).lastInsertRowid)
        statements.lastSeq.run(record.seq, own.number)
      }
      if (isNewText) statements.index.run(ordinal, termsOf(own.tenant, words))
      for (const [name, value] of Object.entries(record.metadata ?? {}))
        statements.field.run(ordinal, name, typeOf(value), toBound(value))
      if (vector !== undefined) vectors.set(ordinal, vector)
    },
    drop(scope, id) {
      const present = statements.find.get(encodeScope(scope), id)
      if (present !== undefined) statements.drop.run(Number(present['ordinal']))
    },
  }
}

type Columns = readonly (string | number | null)[]

function columnsOf(record: MemoryRecord, shelf: Shelf, words: number): Columns {
  const [, text, body] = writeRow(record)
  const { seq, id, kind, role, version, createdAt, occurredAt, validFrom, validTo, expiresAt, supersededBy, supersededAt } =
    record
  return [
    `${MARK}${randomUUID()}`,
    shelf.number,
    shelf.tenant,
    seq,
    id,
    kind,
    role ?? null,
    version,
    createdAt,
    occurredAt ?? null,
    validFrom ?? null,
    validTo ?? null,
    expiresAt ?? null,
    supersededBy ?? null,
    supersededAt ?? null,
    words,
    text,
    body,
  ]
}
