import type { DatabaseSync } from 'node:sqlite'
import { eventsKey } from './history.ts'
import type { WriterCalls } from './message.ts'

/** Runs deleted in one transaction: few, so that writers do not wait for it. */
export const PRUNE_BATCH = 50

/**
 * Prepares the forgetting of finished runs: those past an age, and all but the last so many. A run is kept as long as
 * the root of its tree has not finished. Large payloads that nothing refers to any more go with them.
 */
export function preparePrune(db: DatabaseSync): WriterCalls['prune'] {
  const isTreeOver = `NOT EXISTS (SELECT 1 FROM runs root WHERE root.run_id = runs.root_id AND root.ended_at IS NULL)`
  const old = db.prepare(
    `SELECT ordinal FROM runs WHERE ended_at IS NOT NULL AND ended_at < ? AND ${isTreeOver} ORDER BY ended_at LIMIT ${PRUNE_BATCH}`,
  )
  const count = db.prepare('SELECT count(*) AS count FROM runs WHERE ended_at IS NOT NULL')
  const oldest = db.prepare(`SELECT ordinal FROM runs WHERE ended_at IS NOT NULL AND ${isTreeOver} ORDER BY ended_at LIMIT ?`)
  const blobsOf = db.prepare('SELECT blob FROM events WHERE key >= ? AND key < ? AND blob IS NOT NULL')
  const deletions = ['signals WHERE run', 'details WHERE ordinal', 'runs WHERE ordinal'].map((where) =>
    db.prepare(`DELETE FROM ${where} = ?`),
  )
  const deleteEvents = db.prepare('DELETE FROM events WHERE key >= ? AND key < ?')
  const deleteBlob = db.prepare('DELETE FROM blobs WHERE hash = :blob AND NOT EXISTS (SELECT 1 FROM events WHERE blob = :blob)')

  return ({ now }, { finishedForMs = Infinity, finishedRuns = Infinity }) => {
    const gone = new Set<number>()
    const take = (rows: readonly unknown[]): void => {
      for (const { ordinal } of rows as readonly { readonly ordinal: number }[]) gone.add(ordinal)
    }
    if (finishedForMs < Infinity) take(old.all(now - finishedForMs))
    const surplus = finishedRuns < Infinity ? Number(count.get()?.['count']) - finishedRuns : 0
    if (surplus > gone.size) take(oldest.all(Math.min(surplus, PRUNE_BATCH)))
    for (const ordinal of gone) {
      const history = [eventsKey(ordinal, 0), eventsKey(ordinal + 1, 0)] as const
      const hashes = blobsOf.all(...history) as unknown as { readonly blob: string }[]
      deleteEvents.run(...history)
      for (const deletion of deletions) deletion.run(ordinal)
      for (const { blob } of hashes) deleteBlob.run({ blob })
    }
    return gone.size
  }
}
