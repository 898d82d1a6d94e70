import type { DatabaseSync } from 'node:sqlite'
import type { RunEvent } from '../../core/index.ts'
import { eventsKey } from './history.ts'

/**
 * Prepares the counting of signals that stand in a run's history and that no wait has taken. It reads the whole history:
 * only a run that got as many signals as it may keep is counted.
 */
export function prepareUntaken(db: DatabaseSync): (run: number) => number {
  const select = db.prepare(`
    SELECT coalesce(e.body, b.body) AS body FROM events e LEFT JOIN blobs b ON b.hash = e.blob
    WHERE e.key > ? AND e.key < ? ORDER BY e.key`)
  return (run) => {
    const waits = new Set<string>()
    let count = 0
    for (const row of select.iterate(eventsKey(run, 0), eventsKey(run + 1, 0))) {
      for (const event of JSON.parse(String(row['body'])) as RunEvent[]) count += change(event, waits)
    }
    return count
  }
}

function change(event: RunEvent, waits: Set<string>): number {
  // The engine's own signals are for no wait.
  if (event.type === 'signal') return event.name.startsWith('opspawn.') ? 0 : 1
  if (event.type === 'decision') {
    for (const effect of event.effects) if (effect.kind === 'wait' && effect.for.type === 'signal') waits.add(effect.key)
  }
  return event.type === 'effect-end' && waits.delete(event.key) && event.outcome.status === 'completed' ? -1 : 0
}
