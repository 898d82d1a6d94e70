import type { DatabaseSync } from 'node:sqlite'
import { storeFailed } from './failures.ts'

/** Marks a file as ours: "opsp". */
export const APPLICATION_ID: number = 0x6f707370

/**
 * Each entry brings the schema one version further and is never changed once released. `user_version` counts them.
 *
 * - `runs` has what changes, in narrow rows, since every append writes one anew; `details` what is written once or twice.
 * - `ready` is 1 for what can be claimed at any time; what will be later stands in `runs_due` and `runs_lease`.
 * - `place` is the turn at which a run is called among those of its priority (see `order.ts`); -1: ahead of them, or no turn yet.
 * - `gates` are bounds that a run is under; it waits at `gate`, or has a place of each of them when `inside` (see `gates.ts`).
 * - `lease_until` is of the monotonic clock, all other times are epoch milliseconds.
 * - A row of `events` holds the events of one append as a JSON list; its key (see `history.ts`) is of the last of them, so
 *   that a history stands in one place and an append dirties one page.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE runs (
    ordinal INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    status TEXT NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    ended_at REAL,
    due_at REAL,
    priority REAL NOT NULL,
    queue TEXT NOT NULL,
    agent TEXT NOT NULL,
    definition TEXT NOT NULL,
    tenant TEXT NOT NULL,
    session TEXT,
    parent_id TEXT,
    root_id TEXT NOT NULL,
    idempotency_key TEXT,
    worker_id TEXT,
    owner TEXT,
    lease_until REAL,
    ready INTEGER NOT NULL,
    hint_at REAL,
    hints INTEGER NOT NULL,
    limits TEXT NOT NULL,
    used_steps REAL NOT NULL DEFAULT 0,
    used_tokens REAL NOT NULL DEFAULT 0,
    used_cost REAL NOT NULL DEFAULT 0,
    reserved_steps REAL NOT NULL DEFAULT 0,
    reserved_tokens REAL NOT NULL DEFAULT 0,
    reserved_cost REAL NOT NULL DEFAULT 0,
    unreported REAL NOT NULL DEFAULT 0
  ) STRICT;
  CREATE UNIQUE INDEX runs_id ON runs (run_id);
  CREATE UNIQUE INDEX runs_key ON runs (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE INDEX runs_session ON runs (tenant, session) WHERE session IS NOT NULL;
  CREATE INDEX runs_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;
  CREATE INDEX runs_root ON runs (root_id);
  CREATE INDEX runs_ready ON runs (priority DESC, created_at, ordinal, queue, definition) WHERE ready = 1;
  CREATE INDEX runs_hint ON runs (hint_at, queue, definition) WHERE ready = 1;
  CREATE INDEX runs_due ON runs (due_at) WHERE ready = 0 AND due_at IS NOT NULL;
  CREATE INDEX runs_lease ON runs (lease_until) WHERE ready = 0 AND status = 'running';
  CREATE INDEX runs_owner ON runs (owner) WHERE status = 'running';
  CREATE INDEX runs_ended ON runs (ended_at) WHERE ended_at IS NOT NULL;

  CREATE TABLE details (ordinal INTEGER PRIMARY KEY, origin TEXT NOT NULL, ended TEXT) STRICT;

  CREATE TABLE events (key INTEGER PRIMARY KEY, body TEXT, blob TEXT) STRICT;
  CREATE INDEX events_blob ON events (blob) WHERE blob IS NOT NULL;

  CREATE TABLE blobs (hash TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE signals (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    signal_id TEXT NOT NULL,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    consumed INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE UNIQUE INDEX signals_id ON signals (run, signal_id);
  CREATE INDEX signals_inbox ON signals (run, id) WHERE consumed = 0;

  CREATE TABLE queues (name TEXT PRIMARY KEY, unclaimed INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TRIGGER runs_accepted AFTER INSERT ON runs BEGIN
    INSERT INTO queues VALUES (new.queue, 1) ON CONFLICT (name) DO UPDATE SET unclaimed = unclaimed + 1;
  END;
  CREATE TRIGGER runs_taken AFTER UPDATE OF status ON runs
  WHEN old.status IN ('queued', 'waiting', 'paused', 'quarantined') AND new.status NOT IN ('queued', 'waiting', 'paused', 'quarantined')
  BEGIN
    UPDATE queues SET unclaimed = unclaimed - 1 WHERE name = new.queue;
  END;
  CREATE TRIGGER runs_given AFTER UPDATE OF status ON runs
  WHEN old.status NOT IN ('queued', 'waiting', 'paused', 'quarantined') AND new.status IN ('queued', 'waiting', 'paused', 'quarantined')
  BEGIN
    UPDATE queues SET unclaimed = unclaimed + 1 WHERE name = new.queue;
  END;
  `,
  `
  CREATE TABLE documents (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at REAL NOT NULL,
    PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE counters (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO counters VALUES ('document version', 0);
  `,
  `
  ALTER TABLE runs ADD COLUMN place INTEGER NOT NULL DEFAULT -1;
  ALTER TABLE runs ADD COLUMN ready_since REAL;
  DROP INDEX runs_ready;
  CREATE INDEX runs_ready ON runs (priority DESC, place, created_at, ordinal, queue, definition) WHERE ready = 1;
  CREATE INDEX runs_line ON runs (queue, priority, tenant, place) WHERE ready = 1;
  `,
  `
  ALTER TABLE runs ADD COLUMN gates TEXT;
  ALTER TABLE runs ADD COLUMN gate TEXT;
  ALTER TABLE runs ADD COLUMN inside INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX runs_gate ON runs (gate, priority DESC, place, created_at, ordinal) WHERE gate IS NOT NULL;
  CREATE INDEX runs_gate_line ON runs (gate, priority, tenant, place) WHERE gate IS NOT NULL;
  CREATE INDEX runs_begun ON runs (gate, created_at, ordinal) WHERE gate IS NOT NULL AND place = -1;
  CREATE INDEX runs_inside ON runs (ready_since) WHERE ready = 1 AND inside = 1;
  CREATE TABLE gate_places (gate TEXT NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (gate, run)) STRICT, WITHOUT ROWID;
  CREATE TABLE gate_begun (gate TEXT NOT NULL, at REAL NOT NULL, run INTEGER NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (gate, at, run)) STRICT, WITHOUT ROWID;
  CREATE INDEX gate_begun_until ON gate_begun (until);
  CREATE TABLE gate_looks (gate TEXT PRIMARY KEY, at REAL NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX gate_looks_at ON gate_looks (at);
  `,
]

/**
 * Brings the schema up to date, within a transaction that the caller began with the write lock held, so that of
 * several starting processes one does it and the others find it done.
 *
 * @throws OpspawnError `STORE_FAILED` for a file of something else, or of a newer version.
 */
export function migrate(db: DatabaseSync, path: string, migrations: readonly string[] = MIGRATIONS): void {
  const version = pragma(db, 'user_version')
  const application = pragma(db, 'application_id')
  if (application !== APPLICATION_ID && (application !== 0 || version !== 0 || hasTables(db)))
    throw storeFailed('foreign', `${path} is the SQLite database of another program; give another path`, { retryable: false })
  if (version > migrations.length) {
    throw storeFailed(
      'newer-schema',
      `${path} was written by a newer opspawn (schema ${version}, this one knows ${migrations.length}); update opspawn here`,
      { retryable: false },
    )
  }
  if (version === migrations.length) return
  for (const migration of migrations.slice(version)) db.exec(migration)
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`)
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0)
}

function hasTables(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined
}
