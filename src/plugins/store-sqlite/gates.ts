import type { DatabaseSync } from 'node:sqlite'
import { URGENT_SIGNALS, type RunGate, type TaskRef } from '../../core/index.ts'
import { BEGUN, urgency, type Called, preparePlaces } from './order.ts'
import { taskOf, type RunRow } from './run-row.ts'

/** What is known of a run that leaves its gates. */
type GatedRow = Pick<RunRow, 'ordinal' | 'inside' | 'gates'>

/** Runs that are looked at before the rest is left for the next call, where gates hold up each other's runs. */
const MAX_LOOKS = 100
/** Gates looked at, beginnings forgotten and places taken back in one call. */
const BATCH = 100
/** So long a ready run that no worker here wants keeps a place that others wait for, in milliseconds. */
const GIVE_BACK_MS = 60_000

/**
 * Counts runs under their gates, and keeps those for which there is no room in line. A run has a place of each of its gates,
 * or of none. To be called within a transaction, for runs that have gates alone.
 */
export interface Gates {
  /**
   * For a run that is to be ready: it asks for a place, unless it has one or is to be cancelled. Gives the tasks of all runs
   * that are ready now because of it.
   */
  readonly ask: (ordinal: number, now: number) => readonly TaskRef[]
  /** For a run that is neither ready nor claimed any more: others get its places. Gives their tasks. */
  readonly free: (row: GatedRow, now: number) => readonly TaskRef[]
  /** Looks at the lines whose time has come. */
  readonly look: (now: number) => void
  /** Takes places back from ready runs that are not among those that a worker wants, where others wait. */
  readonly takeBack: (now: number, queues: string | null, definitions: string | null) => void
  /** When a line is to be looked at by time alone. */
  readonly nextLookAt: () => number
}

/** See {@link Gates}. */
export function prepareGates(db: DatabaseSync, called: Called): Gates {
  const byOrdinal = db.prepare('SELECT * FROM runs WHERE ordinal = ?')
  const cancelled = db.prepare('SELECT 1 FROM signals WHERE run = ? AND name = ? LIMIT 1')
  const give = db.prepare('DELETE FROM gate_places WHERE gate = ? AND run = ?')
  const leave = db.prepare('UPDATE runs SET inside = 0 WHERE ordinal = ?')
  const unwanted = db.prepare(`
    SELECT * FROM runs WHERE ready = 1 AND inside = 1 AND status = 'queued' AND ready_since <= :before
      AND NOT ((:queues IS NULL OR queue IN (SELECT value FROM json_each(:queues)))
        AND (:definitions IS NULL OR definition IN (SELECT value FROM json_each(:definitions))))
    ORDER BY ready_since LIMIT ${BATCH}`)
  const room = prepareRoom(db)
  const line = prepareLine(db)
  const looks = prepareLooks(db)
  const pass = preparePass(db, called)
  const admit = prepareAdmit(room, line, looks, pass)

  function ask(row: RunRow, now: number, place?: number): readonly TaskRef[] {
    const [first] = gatesOf(row)
    if (first === undefined) return []
    line.join(row, first.key, now, place)
    return admit(first.key, now)
  }

  function free(row: GatedRow, now: number): readonly TaskRef[] {
    if (row.inside === 0) return []
    leave.run(row.ordinal)
    const gates = gatesOf(row)
    for (const { key } of gates) give.run(key, row.ordinal)
    return gates.flatMap(({ key }) => admit(key, now))
  }

  return {
    ask(ordinal, now) {
      const row = byOrdinal.get(ordinal) as unknown as RunRow
      if (row.inside === 0 && cancelled.get(ordinal, URGENT_SIGNALS[0] as string) === undefined) return ask(row, now)
      pass(row, now, row.inside === 1)
      return [taskOf(row)]
    },
    free,
    look(now) {
      room.forget(now)
      for (const key of looks.takeDue(now)) admit(key, now)
    },
    takeBack(now, queues, definitions) {
      for (const row of unwanted.all({ before: now - GIVE_BACK_MS, queues, definitions }) as unknown as RunRow[]) {
        if (!gatesOf(row).some(({ key }) => line.first(key, now) !== undefined)) continue
        free(row, now)
        ask(row, now, line.behind(row))
      }
    },
    nextLookAt: looks.next,
  }
}

type Pass = (row: RunRow, now: number, isInside: boolean) => void

/** Prepares the making ready of a run that no gate holds up. */
function preparePass(db: DatabaseSync, called: Called): Pass {
  const makeReady = db.prepare(`
    UPDATE runs SET ready = 1, gate = NULL, inside = ?, place = ?, hint_at = ?, hints = 0 WHERE ordinal = ?`)
  const placeOf = preparePlaces(db, called)
  return (row, now, isInside) => {
    makeReady.run(isInside ? 1 : 0, isBegun(row) ? BEGUN : placeOf(row), now, row.ordinal)
  }
}

/** Lets those in line at a gate pass for whom there is room; gives their tasks. */
function prepareAdmit(room: Room, line: Line, looks: Looks, pass: Pass): (key: string, now: number) => readonly TaskRef[] {
  function firstShut(row: RunRow, now: number): readonly [key: string, opensAt: number] | undefined {
    for (const gate of gatesOf(row)) {
      const opensAt = room.whenOpen(gate, row.epoch === 0, now)
      if (opensAt > now) return [gate.key, opensAt]
    }
    return undefined
  }

  return (key, now) => {
    const passed: TaskRef[] = []
    for (let count = 0; count < MAX_LOOKS; count += 1) {
      const row = line.first(key, now)
      if (row === undefined) return passed
      const [shut, opensAt] = firstShut(row, now) ?? []
      if (shut !== undefined) looks.lookAt(shut, opensAt ?? Infinity)
      if (shut === key) return passed
      if (shut !== undefined) line.join(row, shut, row.ready_since ?? now)
      else {
        room.take(row, gatesOf(row), now)
        pass(row, now, true)
        passed.push(taskOf(row))
      }
    }
    looks.lookAt(key, now)
    return passed
  }
}

/** Gates whose line is to be looked at by time. */
interface Looks {
  readonly lookAt: (key: string, at: number) => void
  /** Those whose time has come; they are forgotten. */
  readonly takeDue: (now: number) => readonly string[]
  readonly next: () => number
}

function prepareLooks(db: DatabaseSync): Looks {
  const put = db.prepare('INSERT INTO gate_looks VALUES (?, ?) ON CONFLICT (gate) DO UPDATE SET at = excluded.at')
  const due = db.prepare(`
    DELETE FROM gate_looks WHERE gate IN (SELECT gate FROM gate_looks WHERE at <= ? ORDER BY at LIMIT ${BATCH}) RETURNING gate`)
  const next = db.prepare('SELECT min(at) AS at FROM gate_looks')
  return {
    lookAt(key, at) {
      if (at < Infinity) put.run(key, at)
    },
    takeDue: (now) => (due.all(now) as unknown as { readonly gate: string }[]).map(({ gate }) => gate),
    next: () => (next.get()?.['at'] as number | null | undefined) ?? Infinity,
  }
}

function isBegun({ epoch, place }: RunRow): boolean {
  return epoch > 0 && place === BEGUN
}

function gatesOf({ gates }: Pick<RunRow, 'gates'>): readonly RunGate[] {
  return gates === null ? [] : (JSON.parse(gates) as RunGate[])
}

/** What is taken of a gate: by those at work, and by those that began. */
interface Room {
  /** From when on there is room for one more; Infinity where only another one's end makes room. */
  readonly whenOpen: (gate: RunGate, isNew: boolean, now: number) => number
  readonly take: (row: RunRow, gates: readonly RunGate[], now: number) => void
  /** Lets go of beginnings that no rate counts any more. */
  readonly forget: (now: number) => void
}

function prepareRoom(db: DatabaseSync): Room {
  const full = db.prepare('SELECT 1 FROM gate_places WHERE gate = ? LIMIT 1 OFFSET ?')
  const nth = db.prepare('SELECT at FROM gate_begun WHERE gate = ? ORDER BY at DESC LIMIT 1 OFFSET ?')
  const enter = db.prepare('INSERT INTO gate_places VALUES (?, ?)')
  // The clock may have been set back.
  const begin = db.prepare(`
    INSERT INTO gate_begun SELECT :gate, at, :run, at + :per
    FROM (SELECT max(:now, coalesce((SELECT max(at) FROM gate_begun WHERE gate = :gate), 0)) AS at)`)
  const forget = db.prepare(`
    DELETE FROM gate_begun WHERE (gate, at, run) IN (SELECT gate, at, run FROM gate_begun WHERE until <= ? LIMIT ${BATCH})`)
  return {
    whenOpen({ key, concurrency, rate }, isNew, now) {
      if (concurrency !== undefined && full.get(key, concurrency - 1) !== undefined) return Infinity
      const last = rate !== undefined && isNew ? nth.get(key, rate.runs - 1)?.['at'] : undefined
      return rate === undefined || last === undefined ? now : Math.max(now, Number(last) + rate.perMs)
    },
    take({ ordinal, epoch }, gates, now) {
      for (const { key, concurrency, rate } of gates) {
        if (concurrency !== undefined) enter.run(key, ordinal)
        if (rate !== undefined && epoch === 0) begin.run({ gate: key, run: ordinal, per: rate.perMs, now })
      }
    },
    forget: (now) => void forget.run(now),
  }
}

/** Those who wait at a gate. */
interface Line {
  /** Behind those of its tenant, unless a place is given. */
  readonly join: (row: RunRow, key: string, since: number, place?: number) => void
  /** Who is next: what was begun before goes on first. */
  readonly first: (key: string, now: number) => RunRow | undefined
  /** The place behind all of its priority at its first gate. */
  readonly behind: (row: RunRow) => number
}

function prepareLine(db: DatabaseSync): Line {
  const join = db.prepare(`
    UPDATE runs SET gate = ?, place = ?, ready = 0, hint_at = NULL, due_at = NULL, ready_since = ? WHERE ordinal = ?`)
  const begun = db.prepare(`SELECT * FROM runs WHERE gate = ? AND place = ${BEGUN} ORDER BY created_at, ordinal LIMIT 1`)
  const next = db.prepare(`
    SELECT * FROM runs WHERE gate = ? AND priority < ? AND place >= 0
    ORDER BY priority DESC, place, created_at, ordinal LIMIT 1`)
  const head = db.prepare('SELECT min(place) AS place FROM runs WHERE gate = ? AND priority = ? AND place >= 0')
  const last = db.prepare('SELECT max(place) AS place FROM runs WHERE gate = ? AND priority = ? AND tenant = ?')
  const end = db.prepare('SELECT max(place) AS place FROM runs WHERE gate = ? AND priority = ?')

  function placeIn(key: string, { priority, tenant }: RunRow): number {
    const floor = Number(head.get(key, priority)?.['place'] ?? 0)
    const own = last.get(key, priority, tenant)?.['place']
    return typeof own === 'number' ? Math.max(floor, own + 1) : floor
  }

  return {
    join(row, key, since, place = isBegun(row) ? BEGUN : placeIn(key, row)) {
      join.run(key, place, since, row.ordinal)
    },
    first(key, now) {
      let best = begun.get(key) as unknown as RunRow | undefined
      if (best !== undefined) return best
      for (let below = Infinity; ;) {
        const row = next.get(key, below) as unknown as RunRow | undefined
        if (row === undefined) return best
        if (best === undefined || urgency(row, now) > urgency(best, now)) best = row
        below = row.priority
      }
    },
    behind: (row) => Number(end.get(gatesOf(row)[0]?.key ?? '', row.priority)?.['place'] ?? -1) + 1,
  }
}
