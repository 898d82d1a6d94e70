import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import type { ThreadData } from './message.ts'

/** An embedder that the file has, or is to have, vectors of. One is current; another may be on its way to take its place. */
export interface KnownEmbedder {
  readonly number: number
  readonly dims: number | null
  readonly current: number
}

/** What a file knows of an embedder. */
export function findEmbedder(db: DatabaseSync, id: string): KnownEmbedder | undefined {
  return db.prepare('SELECT number, dims, current FROM memory_embedders WHERE id = ?').get(id) as KnownEmbedder | undefined
}

/** Whether a file has that embedder, as the current one or as the one that is wanted in its place. */
export function isWelcome(db: DatabaseSync, id: string, reembed: boolean): boolean {
  const found = findEmbedder(db, id)
  return found !== undefined && (found.current === 1 || reembed)
}

function currentId(db: DatabaseSync): string | undefined {
  return db.prepare('SELECT id FROM memory_embedders WHERE current = 1').get()?.['id'] as string | undefined
}

/**
 * Notes the embedder that this memory uses: the first one is current, a second one must be wanted. A third one takes the place of the
 * second. Within a transaction.
 *
 * @throws OpspawnError `MEMORY_MISMATCH` for another one than the file's, unless it is to be replaced.
 */
export function registerEmbedder(db: DatabaseSync, { embedder, reembed, path }: ThreadData): void {
  if (embedder === undefined || isWelcome(db, embedder, reembed)) return
  const current = currentId(db)
  if (current !== undefined && !reembed)
    throw mismatch(path, current, embedder, 'with reembed: true, maintain makes new vectors beside them')
  db.exec('DELETE FROM memory_vectors WHERE embedder IN (SELECT number FROM memory_embedders WHERE current = 0)')
  db.exec('DELETE FROM memory_embedders WHERE current = 0')
  db.prepare('INSERT INTO memory_embedders (id, current) VALUES (?, ?)').run(embedder, current === undefined ? 1 : 0)
}

function mismatch(path: string, current: string, given: string, advice: string): OpspawnError {
  return new OpspawnError('MEMORY_MISMATCH', `${path} has vectors of embedder "${current}", not of "${given}"; ${advice}`, {
    details: { path, current, given },
  })
}

/** The vectors of one embedder. */
export interface Vectors {
  /** The embedder's number and size, looked up anew: another process may have replaced it. Undefined where there is no embedder. */
  known(): KnownEmbedder | undefined
  /** Checks vectors before anything is written. @throws OpspawnError `MEMORY_MISMATCH` */
  check(vectors: readonly (Float32Array | undefined)[]): void
  set(record: number, vector: Float32Array): void
  /** Records without a vector, after one of them. */
  pending(after: number, limit: number): readonly (readonly [ordinal: number, version: number, text: string])[]
  countPending(tenant: string | undefined): number
  /** Makes this embedder the current one and lets go of all others' vectors, if no vector is missing. */
  complete(): boolean
}

/** The text of a record: in its body where the column cannot be read whole, see `writeRow`. */
function textOf(text: string, body: string): string {
  return (JSON.parse(body) as { readonly text?: string }).text ?? text
}

/** Prepares what is done with vectors. */
export function prepareVectors(db: DatabaseSync, { embedder, path }: ThreadData): Vectors {
  const insert = db.prepare('INSERT OR REPLACE INTO memory_vectors (embedder, record, vector) VALUES (?, ?, ?)')
  const setDims = db.prepare('UPDATE memory_embedders SET dims = ? WHERE number = ?')
  const missing = 'NOT EXISTS (SELECT 1 FROM memory_vectors v WHERE v.embedder = ? AND v.record = r.ordinal)'
  const select = db.prepare(
    `SELECT r.ordinal, r.version, r.text, r.body FROM memory_records r WHERE r.ordinal > ? AND ${missing} ORDER BY r.ordinal LIMIT ?`,
  )
  const count = db.prepare(
    `SELECT count(*) AS n FROM memory_records r JOIN memory_tenants t ON t.number = r.tenant WHERE t.name = coalesce(?, t.name) AND ${missing}`,
  )

  function known(): KnownEmbedder | undefined {
    if (embedder === undefined) return undefined
    const found = findEmbedder(db, embedder)
    if (found !== undefined) return found
    throw mismatch(path, currentId(db) ?? 'none', embedder, 'another process replaced them; open it with the same embedder')
  }
  return {
    known,
    check(vectors) {
      const [first] = vectors.filter((vector) => vector !== undefined)
      const own = first === undefined ? undefined : known()
      if (first === undefined || own === undefined) return
      if (own.dims === null) setDims.run(first.length, own.number)
      else if (own.dims !== first.length)
        throw new OpspawnError(
          'MEMORY_MISMATCH',
          `${path} has vectors of ${own.dims} numbers; embedder "${embedder}" now gives ${first.length}`,
          { details: { path, expected: own.dims, actual: first.length } },
        )
    },
    set(record, vector) {
      const own = known()
      if (own !== undefined) insert.run(own.number, record, new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
    },
    pending(after, limit) {
      const own = known()
      if (own === undefined) return []
      return select
        .all(after, own.number, limit)
        .map((row) => [Number(row['ordinal']), Number(row['version']), textOf(String(row['text']), String(row['body']))] as const)
    },
    countPending(tenant) {
      const own = known()
      return own === undefined ? 0 : Number(count.get(tenant ?? null, own.number)?.['n'])
    },
    complete() {
      const own = known()
      if (own === undefined || own.current === 1 || select.get(0, own.number, 1) !== undefined) return false
      db.prepare('DELETE FROM memory_vectors WHERE embedder <> ?').run(own.number)
      db.prepare('DELETE FROM memory_embedders WHERE number <> ?').run(own.number)
      db.prepare('UPDATE memory_embedders SET current = 1').run()
      return true
    },
  }
}
