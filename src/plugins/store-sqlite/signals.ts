import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError, URGENT_SIGNALS, isFinal, type TaskRef } from '../../core/index.ts'
import { HINT_GRACE_MS } from './accept.ts'
import type { Gates } from './gates.ts'
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
  /** What is unread of a run that ends, for the run that goes on in its place. */
  leftFor(successor: string, run: number): readonly Sent[]
  /** Forgets all signals of an ended run. */
  forget(run: number): void
}

/** Prepares a look at whether an inbox takes one more. It throws `QUEUE_FULL` when the run has as many signals already that no wait has taken. */
function prepareRoom(db: DatabaseSync): (run: number, limit: number, sent: Sent) => void {
  const known = db.prepare('SELECT 1 FROM signals WHERE run = ? AND signal_id = ?')
  const counts = db.prepare(
    `SELECT count(*) AS all_, sum(consumed = 0) AS unread FROM signals WHERE run = ? AND name NOT LIKE '${OWN_PREFIX}%'`,
  )
  const untaken = prepareUntaken(db)
  return (run, limit, [runId, id, name]) => {
    if (name.startsWith(OWN_PREFIX)) return
    const row = counts.get(run)
    // Only a run that ever got so many can keep so many.
    if (Number(row?.['all_']) < limit || known.get(run, id) !== undefined) return
    if (Number(row?.['unread']) + untaken(run) < limit) return
    throw new OpspawnError('QUEUE_FULL', `run ${runId} keeps ${limit} signals that it has not waited for; try again later`, {
      details: { runId, limit },
    })
  }
}

/** Runs that went on one after the other: so far a signal follows them. */
const MAX_LINKS = 10_000

/** Finds the run that a signal is for: the one that it names, or that which goes on in its place. */
function prepareCurrent(db: DatabaseSync): (sent: Sent) => RunRow | undefined {
  const byId = db.prepare('SELECT * FROM runs WHERE run_id = ?')
  const next = db.prepare("SELECT ended ->> '$.successor' AS runId FROM details WHERE ordinal = ?")
  return ([runId, , name]) => {
    let row = byId.get(runId) as unknown as RunRow | undefined
    for (let links = 0; row !== undefined && isFinal(row.status) && isPassedOn(name) && links < MAX_LINKS; links += 1) {
      const successor = next.get(row.ordinal)?.['runId'] ?? undefined
      if (successor === undefined) return row
      row = byId.get(successor) as unknown as RunRow | undefined
    }
    return row
  }
}

/** Whether a signal makes a run ready. A `queued` one that is not is due later, or in line at a gate. */
function isWoken({ status, gate, due_at: dueAt }: RunRow, name: string, now: number): boolean {
  if (status === 'waiting') return true
  if (status === 'paused' || status === 'quarantined') return URGENT_SIGNALS.includes(name)
  return status === 'queued' && name === URGENT_SIGNALS[0] && (gate !== null || (dueAt ?? 0) > now)
}

/** Whether a signal is also for the run that goes on in the place of an ended one: all but the engine's answers to its calls. */
function isPassedOn(name: string): boolean {
  return !name.startsWith(OWN_PREFIX) || URGENT_SIGNALS.includes(name) || name === `${OWN_PREFIX}pause`
}

/** Prepares the handing on of what is unread. */
function prepareLeft(db: DatabaseSync): Signals['leftFor'] {
  const unread = db.prepare('SELECT signal_id, name, payload FROM signals WHERE run = ? AND consumed = 0 ORDER BY id')
  return (successor, run) =>
    (unread.all(run) as unknown as SignalRow[])
      .filter(({ name }) => isPassedOn(name))
      .map(({ signal_id, name, payload }) => [successor, signal_id, name, payload])
}

/** See {@link Signals}. */
export function prepareSignals(db: DatabaseSync, gates: Gates): Signals {
  const find = prepareCurrent(db)
  const insert = db.prepare('INSERT INTO signals (run, signal_id, name, payload) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
  const consume = db.prepare('UPDATE signals SET consumed = 1 WHERE run = ? AND signal_id = ?')
  const unread = db.prepare('SELECT 1 FROM signals WHERE run = ? AND consumed = 0 LIMIT 1')
  const urgent = db.prepare('SELECT 1 FROM signals WHERE run = ? AND consumed = 0 AND name IN (?, ?) LIMIT 1')
  const forget = db.prepare('DELETE FROM signals WHERE run = ?')
  const requireRoom = prepareRoom(db)
  const wake = db.prepare(`
    UPDATE runs SET status = 'queued', due_at = NULL, deliveries = ?, updated_at = ?, ready = 1, hint_at = ?, hints = 1, ready_since = ?
    WHERE ordinal = ?`)

  /** Makes a waiting run ready; for the engine's own requests also one that was set aside, for a cancellation one that is due later, or in line at a gate. */
  function wakes(row: RunRow, name: string, now: number): readonly TaskRef[] {
    if (!isWoken(row, name, now)) return []
    const isLater = row.status === 'queued'
    const deliveries = row.status === 'quarantined' ? 0 : row.deliveries
    wake.run(deliveries, isLater ? row.updated_at : now, now + HINT_GRACE_MS, now, row.ordinal)
    return row.gates === null ? [taskOf(row)] : gates.ask(row.ordinal, now)
  }

  const add = (row: RunRow, [, id, name, payload]: Sent): boolean => insert.run(row.ordinal, id, name, payload).changes !== 0

  return {
    signal({ now }, limit, sent) {
      const row = find(sent)
      if (row === undefined) throw unknown(sent[0])
      if (isFinal(row.status)) throw finished(sent[0])
      requireRoom(row.ordinal, limit, sent)
      if (!add(row, sent)) return { accepted: false }
      const task = wakes(row, sent[2], now).find(({ runId }) => runId === row.run_id)
      return task === undefined ? { accepted: true } : { accepted: true, task }
    },
    send(all, now) {
      const tasks: TaskRef[] = []
      for (const sent of all) {
        const row = find(sent)
        if (row === undefined || isFinal(row.status)) continue
        if (add(row, sent)) tasks.push(...wakes(row, sent[2], now))
      }
      return tasks
    },
    consume(run, ids) {
      for (const id of ids) consume.run(run, id)
    },
    hasUnread: (run) => unread.get(run) !== undefined,
    hasUrgent: (run) => urgent.get(run, ...URGENT_SIGNALS) !== undefined,
    leftFor: prepareLeft(db),
    forget: (run) => void forget.run(run),
  }
}
