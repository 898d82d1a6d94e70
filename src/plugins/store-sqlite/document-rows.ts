import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import type { DocumentRow, KeeperCalls, WriterCalls } from './message.ts'

/** Prepares the writing of documents. */
export function prepareDocumentWriting(db: DatabaseSync): Pick<WriterCalls, 'putDocument' | 'deleteDocument'> {
  const versionOf = db.prepare('SELECT version FROM documents WHERE kind = ? AND key = ?')
  // Counted for all documents together, so that a version of a deleted one never comes back.
  const nextVersion = db.prepare(`UPDATE counters SET last = last + 1 WHERE name = 'document version' RETURNING last`)
  const put = db.prepare(`
    INSERT INTO documents (kind, key, value, version, updated_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET value = excluded.value, version = excluded.version, updated_at = excluded.updated_at`)
  const remove = db.prepare('DELETE FROM documents WHERE kind = ? AND key = ?')

  function requireVersion(kind: string, key: string, expected: number, mustExist: boolean): void {
    const version = versionOf.get(kind, key)?.['version']
    if ((version ?? 0) === expected && (version !== undefined || !mustExist)) return
    const found = version === undefined ? 'is not there' : `has version ${Number(version)}`
    throw new OpspawnError('DOCUMENT_CONFLICT', `${kind} ${key} ${found}, and version ${expected} was expected; read it again`, {
      details: { kind, key },
    })
  }

  return {
    putDocument({ now }, kind, key, value, expectedVersion) {
      requireVersion(kind, key, expectedVersion, false)
      const version = Number(nextVersion.get()?.['last'])
      put.run(kind, key, value, version, now)
      return version
    },
    deleteDocument(kind, key, expectedVersion) {
      requireVersion(kind, key, expectedVersion, true)
      remove.run(kind, key)
    },
  }
}

/** Prepares the reading of documents. */
export function prepareDocumentReading(db: DatabaseSync): Pick<KeeperCalls, 'getDocument' | 'listDocuments'> {
  const columns = 'SELECT key, value, version, updated_at FROM documents'
  const one = db.prepare(`${columns} WHERE kind = ? AND key = ?`)
  const first = db.prepare(`${columns} WHERE kind = ? ORDER BY key LIMIT ?`)
  const next = db.prepare(`${columns} WHERE kind = ? AND key > ? ORDER BY key LIMIT ?`)
  return {
    getDocument: (kind, key) => one.get(kind, key) as unknown as DocumentRow | undefined,
    listDocuments: (kind, after, limit) =>
      (after === undefined ? first.all(kind, limit) : next.all(kind, after, limit)) as unknown as DocumentRow[],
  }
}
