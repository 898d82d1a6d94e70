import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError, URGENT_SIGNALS, isFinal, type TaskRef } from '../../core/index.ts'
import { HINT_GRACE_MS } from './accept.ts'
import type { Sent, WriterCalls } from './message.ts'
import { finished, taskOf, unknown, type RunRow } from './run-row.ts'
import { prepareUntaken } from './untaken.ts'

interface SignalRow {
  readonly signal_id: string
  readonly name: string
  readonly payload: string
}

/** Prepares the reading of inboxes, as JSON, oldest first. */
export function prepareInbox(db: DatabaseSync): (run: number) => string {
  const select = db.prepare('SELECT signal_id, name, payload FROM signals WHERE run = ? AND consumed = 0 ORDER BY id')
  return (run) => {
    const rows = select.all(run) as unknown as SignalRow[]
    if (rows.length === 0) return '[]'
    const texts = rows.map(
      ({ signal_id, name, payload }) => `{"id":${JSON.stringify(signal_id)},"name":${JSON.stringify(name)},"payload":${payload}}`,
    )
    return `[${texts.join(',')}]`
  }
}

/** The engine's own signals are few, and without them a run could be neither ended nor approved. */
const OWN_PREFIX = 'opspawn.'

/** What is done with signals. */
export interface Signals {
  readonly signal: WriterCalls['signal']
  /** Signals of an append: those to ended or unknown runs are dropped. Gives the tasks of runs that they made ready. */
  send(sent: readonly Sent[], now: number): readonly TaskRef[]
  consume(run: number, ids: readonly string[]): void
  hasUnread(run: number): boolean
  /** One of those that make a run ready that was set aside. */
  hasUrgent(run: number): boolean
  /** Forgets all signals of an ended run. */
  forget(run: number): void
}

/** See {@link Signals}. */
export function prepareSignals(db: DatabaseSync): Signals {
  const byId = db.prepare('SELECT * FROM runs WHERE run_id = ?')
  const insert = db.prepare('INSERT INTO signals (run, signal_id, name, payload) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
  const consume = db.prepare('UPDATE signals SET consumed = 1 WHERE run = ? AND signal_id = ?')
  const unread = db.prepare('SELECT 1 FROM signals WHERE run = ? AND consumed = 0 LIMIT 1')
  const urgent = db.prepare('SELECT 1 FROM signals WHERE run = ? AND consumed = 0 AND name IN (?, ?) LIMIT 1')
  const forget = db.prepare('DELETE FROM signals WHERE run = ?')
  const known = db.prepare('SELECT 1 FROM signals WHERE run = ? AND signal_id = ?')
  const counts = db.prepare(
    `SELECT count(*) AS all_, sum(consumed = 0) AS unread FROM signals WHERE run = ? AND name NOT LIKE '${OWN_PREFIX}%'`,
  )
  const untaken = prepareUntaken(db)
  const wake = db.prepare(`
    UPDATE runs SET status = 'queued', due_at = NULL, deliveries = ?, updated_at = ?, ready = 1, hint_at = ?, hints = 1
    WHERE ordinal = ?`)

  /** Makes a waiting run ready; for the engine's own requests also one that was set aside, for a cancellation one that is due later. */
  function wakes(row: RunRow, name: string, now: number): boolean {
    const isLater = row.status === 'queued' && row.due_at !== null && row.due_at > now
    const isAside = row.status === 'paused' || row.status === 'quarantined'
    const isWoken =
      row.status === 'waiting' || (isAside && URGENT_SIGNALS.includes(name)) || (isLater && name === URGENT_SIGNALS[0])
    if (!isWoken) return false
    const deliveries = row.status === 'quarantined' ? 0 : row.deliveries
    wake.run(deliveries, isLater ? row.updated_at : now, now + HINT_GRACE_MS, row.ordinal)
    return true
  }

  const add = (row: RunRow, [, id, name, payload]: Sent): boolean => insert.run(row.ordinal, id, name, payload).changes !== 0

  /** @throws OpspawnError `QUEUE_FULL` when the run has as many signals already that no wait has taken */
  function requireRoom(run: number, limit: number, [runId, id, name]: Sent): void {
    if (name.startsWith(OWN_PREFIX)) return
    const row = counts.get(run)
    // Only a run that ever got so many can keep so many.
    if (Number(row?.['all_']) < limit || known.get(run, id) !== undefined) return
    if (Number(row?.['unread']) + untaken(run) < limit) return
    throw new OpspawnError('QUEUE_FULL', `run ${runId} keeps ${limit} signals that it has not waited for; try again later`, {
      details: { runId, limit },
    })
  }

  return {
    signal({ now }, limit, sent) {
      const row = byId.get(sent[0]) as unknown as RunRow | undefined
      if (row === undefined) throw unknown(sent[0])
      if (isFinal(row.status)) throw finished(sent[0])
      requireRoom(row.ordinal, limit, sent)
      if (!add(row, sent)) return { accepted: false }
      return wakes(row, sent[2], now) ? { accepted: true, task: taskOf(row) } : { accepted: true }
    },
    send(all, now) {
      const tasks: TaskRef[] = []
      for (const sent of all) {
        const row = byId.get(sent[0]) as unknown as RunRow | undefined
        if (row === undefined || isFinal(row.status)) continue
        if (add(row, sent) && wakes(row, sent[2], now)) tasks.push(taskOf(row))
      }
      return tasks
    },
    consume(run, ids) {
      for (const id of ids) consume.run(run, id)
    },
    hasUnread: (run) => unread.get(run) !== undefined,
    hasUrgent: (run) => urgent.get(run, ...URGENT_SIGNALS) !== undefined,
    forget: (run) => void forget.run(run),
  }
}
