import type { DatabaseSync } from 'node:sqlite'
import { OpspawnError } from '../../core/index.ts'
import { rollBack } from './database.ts'
import { toRefusal } from './failures.ts'
import type { GroupCommit } from './group-commit.ts'
import type { AppendArguments, Replies, Requests, WriterCalls } from './message.ts'
import type { RunStatement } from './statements.ts'

/** What transactions of tools are made of. */
export type TransactionCall = 'begin' | 'statement' | 'appendWithin' | 'commit' | 'rollBack'

/** What the turns work with. */
export interface TurnOptions {
  readonly db: DatabaseSync
  readonly path: string
  readonly group: GroupCommit
  readonly append: WriterCalls['append']
  readonly statement: RunStatement
}

type Request = Requests[number]

/**
 * Lets transactions of tools and groups of other operations take turns, since a file has one writer: while a transaction
 * is open all else waits, and between two of them all that waits is done. One that is open for too long is rolled back.
 */
export class TransactionTurns {
  readonly #options: TurnOptions
  /** Came while a transaction was open. */
  #held: Request[] = []
  /** Begins that wait for their turn, first come first served. */
  #begins: Request[] = []
  #open: string | undefined
  #timer: NodeJS.Timeout | undefined
  /** Rolled back for being open too long, and not given up by their owner yet. */
  readonly #overdue = new Map<string, number>()
  #answer: (replies: Replies) => void = () => {}

  constructor(options: TurnOptions) {
    this.#options = options
  }

  /** Serves all that came, and what comes meanwhile, as far as it is its turn. */
  serve(requests: Requests, answer: (replies: Replies) => void, more: () => Requests | undefined): void {
    this.#answer = answer
    this.#goOn(this.#take(requests), () => {
      // Whoever waits for a turn gets it even if groups never stop coming.
      const next = this.#begins.length > 0 ? undefined : more()
      return next === undefined ? undefined : this.#take(next)
    })
  }

  /** The owner of an open transaction is gone: it is rolled back with the end of the connection. */
  close(): void {
    clearTimeout(this.#timer)
  }

  #goOn(ready: Requests, more: () => Requests | undefined): void {
    if (ready.length > 0) this.#options.group.work(ready, this.#answer, more)
    while (this.#open === undefined && this.#begins.length > 0) this.#begin(this.#begins.shift() as Request)
  }

  /** Carries out what belongs to transactions; gives what is to be done now. */
  #take(requests: Requests): Request[] {
    const ready: Request[] = []
    for (const request of requests) {
      const name = request[1]
      if (name === 'begin') this.#begins.push(request)
      else if (isOfTransaction(name)) ready.push(...this.#carryOut(request))
      else if (this.#open === undefined) ready.push(request)
      else this.#held.push(request)
    }
    return ready
  }

  #begin([id, , transaction, limitMs]: Request): void {
    const { group, path } = this.#options
    try {
      group.begin(true)
    } catch (error) {
      this.#answer([[id, undefined, toRefusal(error, path)]])
      return
    }
    this.#open = transaction as string
    this.#timer = setTimeout(() => this.#expire(transaction as string, limitMs as number), limitMs as number)
    this.#answer([[id, undefined]])
  }

  /** Gives what was held back, where it is the end. */
  #carryOut([id, name, transaction, ...args]: Request): Request[] {
    const { path } = this.#options
    if (name === 'rollBack') return this.#rollBack(id, transaction as string)
    try {
      this.#requireOpen(transaction as string)
      const value = this.#call(name, args)
      this.#answer([[id, value]])
      return name === 'commit' ? this.#end() : []
    } catch (error) {
      this.#answer([[id, undefined, toRefusal(error, path)]])
      if (this.#open !== transaction) return []
      // A refusal changed nothing, and it goes on. Where SQLite ended it, or only a part was done, nothing may be left of it.
      const goesOn = OpspawnError.is(error) && name !== 'commit' && this.#options.db.isTransaction
      return goesOn ? [] : this.#end()
    }
  }

  #call(name: string, args: readonly unknown[]): unknown {
    const { db, append, statement } = this.#options
    if (name === 'commit') return db.exec('COMMIT')
    if (name === 'statement') return statement(...(args as Parameters<RunStatement>))
    return append(...(args as unknown as AppendArguments))
  }

  #rollBack(id: number, transaction: string): Request[] {
    this.#overdue.delete(transaction)
    this.#begins = this.#begins.filter((begin) => begin[2] !== transaction || this.#refuse(begin))
    const released = this.#open === transaction ? this.#end() : []
    this.#answer([[id, undefined]])
    return released
  }

  /** A begin that nobody waits for any more. */
  #refuse([id, , transaction]: Request): false {
    this.#answer([[id, undefined, toRefusal(notOpen(transaction as string), this.#options.path)]])
    return false
  }

  /** Ends what is open, rolled back if it was not committed, and lets the keeper and other processes have a turn. */
  #end(): Request[] {
    clearTimeout(this.#timer)
    if (this.#options.db.isTransaction) rollBack(this.#options.db)
    this.#open = undefined
    this.#options.group.makeRoom()
    const released = this.#held
    this.#held = []
    return released
  }

  #expire(transaction: string, limitMs: number): void {
    if (this.#open !== transaction) return
    this.#overdue.set(transaction, limitMs)
    this.#goOn(this.#end(), () => undefined)
  }

  #requireOpen(transaction: string): void {
    if (this.#open === transaction) return
    const limitMs = this.#overdue.get(transaction)
    if (limitMs === undefined) throw notOpen(transaction)
    const text = `the transaction was open for more than ${limitMs} ms and was rolled back; keep what takes time out of it, or raise transactionMs of sqliteStore. Do not wait in it for other runs: they wait for it`
    throw new OpspawnError('TOOL_TIMEOUT', text, { details: { limitMs } })
  }
}

function isOfTransaction(name: string): boolean {
  return name === 'statement' || name === 'appendWithin' || name === 'commit' || name === 'rollBack'
}

function notOpen(transaction: string): OpspawnError {
  return new OpspawnError('STATE_INVALID', `transaction ${transaction} is not open; it was rolled back`)
}
