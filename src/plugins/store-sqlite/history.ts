import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'

/** Appended events whose JSON has more characters stand in `blobs`, so that the table of events stays small. */
const BLOB_CHARACTERS = 65_536

/** Writes the events of one append. `last` is the number of the last of them. */
export type WriteEvents = (run: number, last: number, body: string) => void

/** Prepares the writing of events. */
export function prepareHistory(db: DatabaseSync): WriteEvents {
  const insert = db.prepare('INSERT INTO events (run, last, body) VALUES (?, ?, ?)')
  const insertLarge = db.prepare('INSERT INTO events (run, last, blob) VALUES (?, ?, ?)')
  const insertBlob = db.prepare('INSERT INTO blobs (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING')
  return (run, last, body) => {
    if (body.length <= BLOB_CHARACTERS) {
      insert.run(run, last, body)
      return
    }
    const hash = createHash('sha256').update(body).digest('hex')
    insertBlob.run(hash, body)
    insertLarge.run(run, last, hash)
  }
}
