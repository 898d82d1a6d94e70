import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'

/** Appended events whose JSON has more characters stand in `blobs`, so that the table of events stays small. */
const BLOB_CHARACTERS = 65_536

/** Events of one run. With this room for each, keys stay exact for the first four billion runs. */
const MOST_EVENTS = 2_097_151
const EVENTS_PER_RUN = MOST_EVENTS + 1

/** The key in `events` of what ends at a position of a run's history. */
export function eventsKey(run: number, last: number): number {
  return run * EVENTS_PER_RUN + last
}

/** The position of what stands under a key. */
export function positionOf(key: number): number {
  return key % EVENTS_PER_RUN
}

/** Writes the events of one append. `last` is the number of the last of them. */
export type WriteEvents = (run: number, last: number, body: string) => void

/** Prepares the writing of events. */
export function prepareHistory(db: DatabaseSync): WriteEvents {
  const insert = db.prepare('INSERT INTO events (key, body) VALUES (?, ?)')
  const insertLarge = db.prepare('INSERT INTO events (key, blob) VALUES (?, ?)')
  const insertBlob = db.prepare('INSERT INTO blobs (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING')
  return (run, last, body) => {
    if (last > MOST_EVENTS)
      throw new OpspawnError('PAYLOAD_TOO_LARGE', `a history has at most ${MOST_EVENTS} events; end the run and start another`)
    const key = eventsKey(run, last)
    if (body.length <= BLOB_CHARACTERS) {
      insert.run(key, body)
      return
    }
    const hash = createHash('sha256').update(body).digest('hex')
    insertBlob.run(hash, body)
    insertLarge.run(key, hash)
  }
}

/** What comes along with a claim has at most so many events, and no more JSON than one append in `events`. */
const SHORT_EVENTS = 256

/** Prepares the reading of a whole history as a JSON list of lists of events; gives nothing for one that is not short. */
export function prepareShortHistory(db: DatabaseSync): (run: number, seq: number) => string | undefined {
  const bodies = db.prepare('SELECT body FROM events WHERE key >= ? AND key <= ? ORDER BY key')
  return (run, seq) => {
    if (seq > SHORT_EVENTS) return undefined
    let text = ''
    for (const { body } of bodies.iterate(eventsKey(run, 1), eventsKey(run, seq))) {
      // What stands elsewhere is long by itself.
      if (body === null) return undefined
      text += text === '' ? body : `,${String(body)}`
      if (text.length > BLOB_CHARACTERS) return undefined
    }
    return `[${text}]`
  }
}
