import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import type { Sqlite } from './database.ts'
import { resultCode, wrapFailure } from './failures.ts'
import type { SqlRow, SqlValue, StatementKind, StatementValue } from './message.ts'
import { MIGRATIONS } from './migrations.ts'

/** Runs one statement of somebody else in the open transaction. */
export type RunStatement = (kind: StatementKind, sql: string, parameters: readonly SqlValue[]) => StatementValue

/** What a statement of a tool may begin with: what makes or drops tables, and what ends transactions, is not there. */
const WORDS: readonly string[] = ['SELECT', 'VALUES', 'WITH', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE']
const MAX_ROWS = 10_000
/** Statements kept prepared. */
const MAX_PREPARED = 100
/** Whitespace and comments at the beginning of a text. */
const BLANK = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/
/** Result codes of SQLite that tell of the file and not of the statement: out of memory, interrupted, read-only, I/O, full, cannot open, corrupt. */
const OF_THE_FILE: readonly number[] = [7, 8, 9, 10, 11, 13, 14, 26]

/**
 * Prepares the running of tools' statements. Each is looked at before it is run for the first time: it must be one, of a
 * kind that is allowed, and its program as SQLite compiles it, triggers included, must not write to a table of ours.
 */
export function prepareStatements(sqlite: Sqlite, db: DatabaseSync): RunStatement {
  const prepared = new Map<string, StatementSync>()
  let own: readonly string[] | undefined
  let roots: ReadonlySet<number> = new Set()
  let schema = -1

  /** What was found out holds as long as the schema is the same. */
  function lookAtSchema(): void {
    const version = Number(db.prepare('PRAGMA schema_version').get()?.['schema_version'])
    if (version === schema) return
    own ??= ownTables(sqlite)
    prepared.clear()
    const rows = db.prepare('SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0').all()
    roots = new Set(rows.filter((row) => own?.includes(String(row['tbl_name']))).map((row) => Number(row['rootpage'])))
    schema = version
  }

  function prepare(sql: string): StatementSync {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const bare = sql.replace(BLANK, '')
    const word = (/^[a-z]+/i.exec(bare)?.[0] ?? '').toUpperCase()
    if (!WORDS.includes(word)) {
      const text = `a tool's statement begins with one of ${WORDS.join(', ')}, not with ${JSON.stringify(bare.slice(0, 20))}; make tables with a connection of your own, before`
      throw new OpspawnError('TOOL_FAILED', text)
    }
    const statement = db.prepare(bare)
    const rest = bare.slice(statement.sourceSQL.length).replace(BLANK, '')
    if (rest !== '')
      throw new OpspawnError(
        'TOOL_FAILED',
        `one statement at a time: ${JSON.stringify(rest.slice(0, 40))} comes behind the first`,
      )
    if (db.prepare(`EXPLAIN ${bare}`).all().some(isOurs)) {
      const text = "the statement would write to a table of opspawn's own; tools may read those, and write to tables of yours"
      throw new OpspawnError('TOOL_FAILED', text)
    }
    if (prepared.size >= MAX_PREPARED) prepared.clear()
    prepared.set(sql, statement)
    return statement
  }

  /** An instruction that opens a table or an index for writing, or empties it. */
  function isOurs({ opcode, p1, p2, p3 }: Readonly<Record<string, unknown>>): boolean {
    if (opcode === 'OpenWrite') return p3 === 0 && roots.has(Number(p2))
    return opcode === 'Clear' && p2 === 0 && roots.has(Number(p1))
  }

  return (kind, sql, parameters) => {
    try {
      lookAtSchema()
      return run(prepare(sql), kind, parameters)
    } catch (error) {
      throw understand(error)
    }
  }
}

function run(statement: StatementSync, kind: StatementKind, parameters: readonly SqlValue[]): StatementValue {
  if (kind === 'run') {
    const { changes, lastInsertRowid } = statement.run(...parameters)
    return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) }
  }
  if (kind === 'get') return statement.get(...parameters) as SqlRow | undefined
  const rows: SqlRow[] = []
  for (const row of statement.iterate(...parameters)) {
    if (rows.length === MAX_ROWS)
      throw new OpspawnError('PAYLOAD_TOO_LARGE', `a statement gave more than ${MAX_ROWS} rows; narrow it, or take them in parts`)
    rows.push(row as SqlRow)
  }
  return rows
}

/** What is wrong with a statement is its tool's failure; what is wrong with the file is the store's. */
function understand(error: unknown): OpspawnError {
  if (OpspawnError.is(error)) return error
  const code = resultCode(error)
  if (code !== undefined && OF_THE_FILE.includes(code)) return wrapFailure(error, 'the file of the store')
  const { message, errcode } = error as { readonly message?: unknown; readonly errcode?: unknown }
  return new OpspawnError('TOOL_FAILED', `SQLite refused the statement: ${String(message)}`, {
    cause: error,
    ...(typeof errcode === 'number' && { details: { sqlite: errcode } }),
  })
}

/** The tables that the migrations make. */
function ownTables(sqlite: Sqlite): readonly string[] {
  const db = new sqlite.DatabaseSync(':memory:')
  try {
    for (const migration of MIGRATIONS) db.exec(migration)
    return db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .all()
      .map((row) => String(row['name']))
  } finally {
    db.close()
  }
}
