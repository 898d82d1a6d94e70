import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import { failed } from './failures.ts'

/** Marks a file of opspawn, "opsp": a SQLite store's too, whose tables may stand beside ours. */
const APPLICATION_ID = 0x6f707370

/**
 * Each entry brings the schema one version further and is never changed once released. `memory_meta.version` counts them, since
 * `user_version` belongs to the store.
 *
 * - `mark` is a text that no other row has, so that what is left of a row that is gone can be found in the file.
 * - `memory_words` holds, for each record, the words that it is found by, each once, with how often it stands there, behind the
 *   number of its tenant: no list of the index holds two tenants.
 * - `memory_fields` has metadata once more, for filters: JSON would not keep every number and text as it is.
 * - `garbage` counts what was dropped or overwritten and may still stand in free parts of the file.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE memory_meta (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, garbage INTEGER NOT NULL) STRICT;
  INSERT INTO memory_meta VALUES (1, 0, 0);

  CREATE TABLE memory_tenants (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    records INTEGER NOT NULL DEFAULT 0,
    words INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  CREATE TABLE memory_scopes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    key TEXT NOT NULL UNIQUE,
    agent TEXT,
    user TEXT,
    session TEXT,
    last_seq INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX memory_scopes_tenant ON memory_scopes (tenant, key);

  CREATE TABLE memory_records (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    mark TEXT NOT NULL,
    scope INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    role TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    occurred_at INTEGER,
    valid_from INTEGER,
    valid_to INTEGER,
    expires_at INTEGER,
    superseded_by TEXT,
    superseded_at INTEGER,
    words INTEGER NOT NULL,
    text TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX memory_records_id ON memory_records (scope, id);
  CREATE UNIQUE INDEX memory_records_seq ON memory_records (scope, seq);
  CREATE INDEX memory_records_expiry ON memory_records (expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE memory_fields (
    record INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    value ANY,
    PRIMARY KEY (record, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE memory_embedders (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, dims INTEGER, current INTEGER NOT NULL) STRICT;
  CREATE TABLE memory_vectors (
    embedder INTEGER NOT NULL,
    record INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (embedder, record)
  ) STRICT;

  CREATE VIRTUAL TABLE memory_words USING fts5(words, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars ':~'");
  CREATE VIRTUAL TABLE memory_holders USING fts5vocab('memory_words', 'instance');
  CREATE VIRTUAL TABLE memory_terms USING fts5vocab('memory_words', 'row');

  CREATE TRIGGER memory_records_in AFTER INSERT ON memory_records BEGIN
    UPDATE memory_tenants SET records = records + 1, words = words + new.words WHERE number = new.tenant;
  END;
  CREATE TRIGGER memory_records_changed AFTER UPDATE OF words ON memory_records BEGIN
    UPDATE memory_tenants SET words = words + new.words - old.words WHERE number = new.tenant;
  END;
  CREATE TRIGGER memory_records_out AFTER DELETE ON memory_records BEGIN
    UPDATE memory_tenants SET records = records - 1, words = words - old.words WHERE number = old.tenant;
    UPDATE memory_meta SET garbage = garbage + 1;
    DELETE FROM memory_words WHERE rowid = old.ordinal;
    DELETE FROM memory_fields WHERE record = old.ordinal;
    DELETE FROM memory_vectors WHERE record = old.ordinal;
  END;
  CREATE INDEX memory_vectors_record ON memory_vectors (record);
  `,
]

/**
 * Which version of our tables a file has, 0 for none.
 *
 * @throws OpspawnError `MEMORY_FAILED` for a file of something else, `MEMORY_MISMATCH` for one of a newer version.
 */
export function schemaVersion(db: DatabaseSync, path: string, migrations: readonly string[] = MIGRATIONS): number {
  const application = pragma(db, 'application_id')
  const isEmpty = application === 0 && pragma(db, 'user_version') === 0 && !has(db, '%')
  if (application !== APPLICATION_ID && !isEmpty)
    throw failed('foreign', `${path} is the SQLite database of another program; give another path`)
  if (!has(db, 'memory_meta')) return 0
  const version = Number(db.prepare('SELECT version FROM memory_meta').get()?.['version'])
  if (version <= migrations.length) return version
  throw new OpspawnError(
    'MEMORY_MISMATCH',
    `${path} was written by a newer opspawn (memory schema ${version}, this one knows ${migrations.length}); update opspawn here`,
    { details: { path, version, known: migrations.length } },
  )
}

/**
 * Brings the schema up to date, within a transaction that the caller began with the write lock held, so that of several starting
 * processes one does it and the others find it done.
 */
export function migrate(db: DatabaseSync, path: string, migrations: readonly string[] = MIGRATIONS): void {
  const version = schemaVersion(db, path, migrations)
  if (version === migrations.length) return
  for (const migration of migrations.slice(version)) db.exec(migration)
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
  db.prepare('UPDATE memory_meta SET version = ?').run(migrations.length)
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0)
}

function has(db: DatabaseSync, table: string): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema WHERE name LIKE ? LIMIT 1').get(table) !== undefined
}
