import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { inTransaction, patiently, sleep } from './database.ts'
import { failed, isBusy } from './failures.ts'
import type { ThreadData } from './message.ts'
import { MARK } from './records.ts'

const CHUNK = 1 << 20
/** A mark and the UUID behind it. */
const MARK_LENGTH = MARK.length + 36

/**
 * Prepares the removal of what expired, and of every byte of what was dropped or overwritten: the index is merged into one piece,
 * the file is built anew, the log behind it emptied. Then the whole file is read: each row that stands in it must be one that there
 * is. What was begun and not ended is begun again by the next one.
 *
 * @returns a function that throws `MEMORY_FAILED` (`erase-incomplete`) where others read or write all the time.
 */
export function preparePurge(db: DatabaseSync, { path, busyMs }: ThreadData): (now: number) => void {
  const garbage = db.prepare('SELECT garbage FROM memory_meta')
  const countGarbage = (): number => Number(garbage.get()?.['garbage'])

  function tidy(now: number): number {
    return inTransaction(db, busyMs, () => {
      db.prepare('DELETE FROM memory_records WHERE expires_at <= ?').run(now)
      const found = countGarbage()
      if (found === 0) return 0
      db.exec(`
        DELETE FROM memory_scopes WHERE NOT EXISTS (SELECT 1 FROM memory_records r WHERE r.scope = memory_scopes.number);
        DELETE FROM memory_tenants WHERE NOT EXISTS (SELECT 1 FROM memory_scopes s WHERE s.tenant = memory_tenants.number);
        INSERT INTO memory_words (memory_words) VALUES ('optimize');
      `)
      return found
    })
  }
  /** Whether the file was whole, and nothing in it is of a row that is gone. */
  function verify(found: number): boolean {
    return inTransaction(db, busyMs, () => {
      // Somebody wrote between the checkpoint and the lock: what the file has is not all there is.
      if (sizeOf(`${path}-wal`) > 0) return false
      const live = new Set(
        db
          .prepare('SELECT mark FROM memory_records')
          .all()
          .map((row) => String(row['mark'])),
      )
      for (const mark of marksIn(path)) if (!live.has(mark)) return false
      db.prepare('UPDATE memory_meta SET garbage = max(0, garbage - ?)').run(found)
      return true
    })
  }

  return (now) => {
    const found = tidy(now)
    if (found === 0) return
    const until = performance.now() + busyMs
    do {
      patiently(busyMs, () => db.exec('VACUUM'))
      if (emptyLog(db, until) && verify(found)) return
    } while (performance.now() < until)
    throw failed(
      'erase-incomplete',
      `${path} is read or written all the time, so bytes of what was erased may be left; try again`,
      {
        retryable: true,
      },
    )
  }
}

/** Brings all to the file itself and empties the log, as soon as nobody reads from it. */
function emptyLog(db: DatabaseSync, until: number): boolean {
  for (;;) {
    try {
      if (db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0) return true
    } catch (error) {
      if (!isBusy(error)) throw error
    }
    if (performance.now() > until) return false
    sleep(1 + Math.random() * 4)
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** The marks of all rows whose bytes stand in a file, in whatever part of it. */
function* marksIn(path: string): Generator<string> {
  const file = openSync(path, 'r')
  const buffer = Buffer.alloc(CHUNK + MARK_LENGTH)
  try {
    for (let from = 0, size = -1; size !== 0; from += CHUNK) {
      size = readSync(file, buffer, 0, buffer.length, from)
      const part = buffer.subarray(0, size)
      for (let at = part.indexOf(MARK); at >= 0 && at < CHUNK; at = part.indexOf(MARK, at + 1))
        yield part.toString('latin1', at, at + MARK_LENGTH)
    }
  } finally {
    closeSync(file)
  }
}
