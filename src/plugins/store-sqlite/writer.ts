import { prepareAccept } from './accept.ts'
import { prepareAppend } from './append.ts'
import { prepareBringIn } from './bring-in.ts'
import { prepareClaim } from './claim.ts'
import { openDatabase, type Sqlite } from './database.ts'
import { prepareDocumentWriting } from './document-rows.ts'
import { prepareGates } from './gates.ts'
import { GroupCommit } from './group-commit.ts'
import { prepareHistory } from './history.ts'
import type { Calls, Replies, Requests, ThreadData, WriterCalls } from './message.ts'
import type { Called } from './order.ts'
import { preparePrune } from './prune.ts'
import { prepareRelease } from './release.ts'
import { SharedState } from './shared-state.ts'
import { prepareSignals } from './signals.ts'
import { prepareStatements } from './statements.ts'
import { TransactionTurns, type TransactionCall } from './transaction-turns.ts'
import { Wakefulness } from './wakefulness.ts'

/** What goes on in the writing thread. */
export interface Served {
  /** Carries requests out; answers come in any order. */
  serve(requests: Requests, answer: (replies: Replies) => void, more: () => Requests | undefined): void
  /** Waits a little, without sleeping, for more messages than were received; gives whether there are. */
  readonly watch?: (received: () => number) => boolean
  close(): void | Promise<void>
}

/** A lone run's next write comes when its last one has been answered. */
const WATCH_MS = 0.15

/** Opens the file for writing. */
export function openWriter(sqlite: Sqlite, data: ThreadData): Served {
  const db = openDatabase(sqlite, data)
  const write = prepareHistory(db)
  const called: Called = new Map()
  const gates = prepareGates(db, called)
  const signals = prepareSignals(db, gates)
  const append = prepareAppend(db, write, signals, gates)
  const calls: Omit<WriterCalls, TransactionCall> = {
    create: prepareAccept(db, write, called, gates),
    claim: prepareClaim(db, write, called, gates),
    append,
    release: prepareRelease(db, signals, gates),
    signal: signals.signal,
    bringIn: prepareBringIn(db, write),
    ...prepareDocumentWriting(db),
    prune: preparePrune(db),
    vacuum: () => db.exec('VACUUM'),
  }
  const shared = new SharedState(data.shared)
  const wakefulness = new Wakefulness(WATCH_MS)
  const group = new GroupCommit({
    db,
    path: data.path,
    calls: calls as unknown as Calls,
    alone: ['vacuum'],
    isDurable,
    syncs: data.durability === 'disk',
    busyMs: data.busyMs,
    shared,
  })
  const turns = new TransactionTurns({ db, path: data.path, group, append, statement: prepareStatements(sqlite, db) })
  return {
    serve: (requests, answer, more) => turns.serve(requests, answer, more),
    watch: (received) => {
      if (!wakefulness.begin()) return false
      while (wakefulness.goesOn()) if (shared.posted !== received()) return true
      return false
    },
    close() {
      turns.close()
      db.close()
    },
  }
}

/**
 * What people or other runs rely on is on the disk before it is answered. A claim, or a run given back to wait, is not:
 * a power cut that takes it back also ends its worker, and the run is taken up again where its history stands.
 */
function isDurable(name: string, args: readonly unknown[]): boolean {
  if (name === 'claim' || name === 'prune') return false
  if (name !== 'release') return true
  const { how } = args[2] as { readonly how: string }
  return how === 'park' || how === 'quarantine'
}
