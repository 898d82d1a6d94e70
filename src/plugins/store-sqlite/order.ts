import type { DatabaseSync } from 'node:sqlite'
import type { At } from './message.ts'
import type { RunRow, WholeRow } from './run-row.ts'

/** So long a run waits to rise by one priority, in milliseconds: none waits for ever, however many more urgent ones come. */
const AGE_MS = 60_000
/** The place of runs that were begun before: they go on ahead of those that were not. */
export const BEGUN = -1
/** So many runs of other queues and definitions are looked past for one of the own. */
const LOOK_PAST = 64

/** What a place depends on. */
export type Waiting = Readonly<{ queue: string; definition: string; priority: number; tenant: string }>

/** How far the places of each queue and priority have been called, by this writer. */
export type Called = Map<string, number>

/** So many queues and priorities are remembered. */
const MAX_CALLED = 1_000

/** Notes that a run is claimed in its turn. */
export function noteCall(called: Called, { queue, priority, place }: RunRow): void {
  const key = `${priority} ${queue}`
  if (place <= (called.get(key) ?? 0)) return
  if (called.size >= MAX_CALLED) called.clear()
  called.set(key, place)
}

/**
 * Prepares the giving of places. They are called in turn: a tenant's next run stands one behind its last one, and a tenant
 * who had none waiting stands with the first. So each tenant gets every second call when there are two of them, every third
 * when there are three, however many runs one of them queues.
 */
export function preparePlaces(db: DatabaseSync, called: Called): (waiting: Waiting) => number {
  const first = db.prepare(`
    SELECT place, queue = ? AND definition = ? AS own FROM (
      SELECT place, queue, definition FROM runs WHERE ready = 1 AND priority = ? AND place >= 0 ORDER BY place LIMIT ${LOOK_PAST})
    ORDER BY own DESC, place LIMIT 1`)
  const last = db.prepare('SELECT max(place) AS place FROM runs WHERE ready = 1 AND queue = ? AND priority = ? AND tenant = ?')
  return ({ queue, definition, priority, tenant }) => {
    const ahead = first.get(queue, definition, priority)
    const lastCalled = called.get(`${priority} ${queue}`) ?? 0
    // Nobody waits: turns begin anew.
    if (ahead === undefined) called.delete(`${priority} ${queue}`)
    const floor =
      ahead === undefined ? 0 : ahead['own'] === 1 ? Number(ahead['place']) : Math.max(Number(ahead['place']), lastCalled)
    const own = last.get(queue, priority, tenant)?.['place']
    return typeof own === 'number' ? Math.max(floor, own + 1) : floor
  }
}

/** Ready runs of a priority below `:below`, the next one first; an index has them in this order. */
export const MOST_URGENT = `
  SELECT * FROM runs r JOIN details d USING (ordinal) WHERE r.ready = 1 AND r.priority < :below
    AND (:queues IS NULL OR r.queue IN (SELECT value FROM json_each(:queues)))
    AND (:definitions IS NULL OR r.definition IN (SELECT value FROM json_each(:definitions)))
  ORDER BY r.priority DESC, r.place, r.created_at, r.ordinal LIMIT 1`

/** Prepares the choice of the run that is most urgent now: the first ones of the priorities are compared. */
export function prepareMostUrgent(
  db: DatabaseSync,
): (at: At, queues: string | null, definitions: string | null) => WholeRow | undefined {
  const next = db.prepare(MOST_URGENT.replace('*', 'r.*, d.origin, d.ended'))
  const isAny = db.prepare('SELECT 1 FROM runs WHERE ready = 1 AND priority < ? LIMIT 1')
  return ({ now }, queues, definitions) => {
    let best: WholeRow | undefined
    let below = Infinity
    for (;;) {
      const row = next.get({ queues, definitions, below }) as unknown as WholeRow | undefined
      if (row === undefined) return best
      if (best === undefined || urgency(row, now) > urgency(best, now)) best = row
      below = row.priority
      // Mostly all have one priority, and a look takes a tenth of the choice.
      if (isAny.get(below) === undefined) return best
    }
  }
}

/** How urgent a run is now: its priority, and more the longer it has been ready or in line. */
export function urgency({ priority, ready_since, created_at }: RunRow, now: number): number {
  return priority + Math.max(0, now - (ready_since ?? created_at)) / AGE_MS
}
