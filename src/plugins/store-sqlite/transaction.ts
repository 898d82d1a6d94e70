import { randomUUID } from 'node:crypto'
import { OpspawnError, type Fence, type TaskRef, type ToolContext } from '../../core/index.ts'
import type { Lane } from './lane.ts'
import type { AppendArguments, SqlRow, SqlValue, StatementKind, WriterCalls } from './message.ts'

/**
 * What a `transactional` tool writes through, on the file of the store: one statement per call, values as parameters in the
 * places of its `?`. The engine's own tables can be read and not written. What a statement violates rejects with
 * `TOOL_FAILED`; it may be caught, and the transaction goes on.
 *
 * @throws OpspawnError `TOOL_FAILED`, `OPTIONS_INVALID`, `PAYLOAD_TOO_LARGE` for more than 10,000 rows, `TOOL_TIMEOUT` when
 * it is open for too long, `STATE_INVALID` when it has ended
 */
export interface SqliteTransaction {
  /**
   * Runs an `INSERT`, `UPDATE` or `DELETE`.
   *
   * @property changes Rows that it changed.
   * @property lastInsertRowid Of the row inserted last in this transaction.
   */
  run(sql: string, ...parameters: SqlValue[]): Promise<{ readonly changes: number; readonly lastInsertRowid: number }>
  /** The first row, if there is one. Its type is the caller's claim. */
  get<Row extends SqlRow = SqlRow>(sql: string, ...parameters: SqlValue[]): Promise<Row | undefined>
  /** All rows. Their type is the caller's claim. */
  all<Row extends SqlRow = SqlRow>(sql: string, ...parameters: SqlValue[]): Promise<readonly Row[]>
}

/**
 * The transaction of a tool's call, from the context of its body.
 *
 * @throws OpspawnError `PLUGIN_CAPABILITY_MISSING` where the tool is not `transactional`, or the store is another one
 */
export function sqliteTransaction({ tx }: Pick<ToolContext, 'tx'>): SqliteTransaction {
  const found = (typeof tx === 'object' && tx !== null ? tx : {}) as Partial<SqliteTransaction>
  if (typeof found.run === 'function' && typeof found.get === 'function' && typeof found.all === 'function')
    return found as SqliteTransaction
  throw new OpspawnError(
    'PLUGIN_CAPABILITY_MISSING',
    "sqliteTransaction: this call has no transaction of a SQLite store; declare the tool `effect: 'transactional'`, and keep the runs in sqliteStore",
  )
}

/** The main thread's end of a transaction. It is begun with the first statement or append: until then nobody waits for it. */
export class OpenTransaction {
  readonly fence: Fence
  /** What the body gets: without the ways to end it. */
  readonly tx: SqliteTransaction
  readonly #writer: Lane<WriterCalls>
  readonly #limitMs: number
  readonly #id: string = randomUUID()
  #beginning: Promise<void> | undefined
  #underWay = 0
  #isOver = false

  constructor(writer: Lane<WriterCalls>, fence: Fence, limitMs: number) {
    this.#writer = writer
    this.fence = fence
    this.#limitMs = limitMs
    const statement = (kind: StatementKind, sql: string, parameters: SqlValue[]): Promise<never> =>
      this.#statement(kind, sql, parameters) as Promise<never>
    this.tx = {
      run: (sql, ...parameters) => statement('run', sql, parameters),
      get: (sql, ...parameters) => statement('get', sql, parameters),
      all: (sql, ...parameters) => statement('all', sql, parameters),
    }
  }

  /** Writes to the history within it. */
  async append(args: AppendArguments): Promise<readonly TaskRef[] | undefined> {
    this.#requireRest()
    await this.#begin()
    return this.#writer.call('appendWithin', this.#id, ...args)
  }

  async commit(): Promise<void> {
    this.#requireRest()
    this.#isOver = true
    if (this.#beginning !== undefined) await this.#writer.call('commit', this.#id)
  }

  /** Nothing of it is left; a thread or a process that is gone has seen to it. */
  async rollBack(): Promise<void> {
    this.#isOver = true
    if (this.#beginning !== undefined) await this.#writer.call('rollBack', this.#id).catch(() => {})
  }

  #begin(): Promise<void> {
    this.#beginning ??= this.#writer.call('begin', this.#id, this.#limitMs)
    return this.#beginning
  }

  async #statement(kind: StatementKind, sql: string, parameters: readonly SqlValue[]): Promise<unknown> {
    requireParts(sql, parameters)
    this.#underWay += 1
    try {
      this.#requireOpen()
      await this.#begin()
      this.#requireOpen()
      return await this.#writer.call('statement', this.#id, kind, sql, parameters)
    } finally {
      this.#underWay -= 1
    }
  }

  #requireOpen(): void {
    if (this.#isOver)
      throw new OpspawnError('STATE_INVALID', 'the transaction of this call has ended; nothing can be done in it any more')
  }

  /** What is not waited for would be part of it or not, by chance. */
  #requireRest(): void {
    if (this.#underWay > 0)
      throw new OpspawnError(
        'TOOL_FAILED',
        'the tool ended while statements of its transaction were under way; await each of them',
      )
  }
}

/** Runs a function in a transaction; appends find it by its run. */
export async function withTransaction<T>(
  open: Map<string, OpenTransaction>,
  transaction: OpenTransaction,
  work: (tx: unknown) => Promise<T>,
): Promise<T> {
  const { runId } = transaction.fence
  if (open.has(runId))
    throw new OpspawnError('STATE_INVALID', `run ${runId} has a transaction open; one must end before the next`)
  open.set(runId, transaction)
  try {
    const value = await work(transaction.tx)
    await transaction.commit()
    return value
  } catch (error) {
    await transaction.rollBack()
    throw error
  } finally {
    open.delete(runId)
  }
}

function requireParts(sql: unknown, parameters: readonly unknown[]): void {
  if (typeof sql !== 'string')
    throw new OpspawnError('OPTIONS_INVALID', `a statement is a text, not a value of type ${typeof sql}`)
  for (const [index, value] of parameters.entries()) {
    if (value === null || value instanceof Uint8Array || ['number', 'bigint', 'string'].includes(typeof value)) continue
    const text = `parameter ${index + 1} of a statement is of type ${typeof value}; give null, a number, a bigint, a text or a Uint8Array, each in a place of its own`
    throw new OpspawnError('OPTIONS_INVALID', text, { details: { parameter: index + 1 } })
  }
}
