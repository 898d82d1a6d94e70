import * as sqlite from 'node:sqlite'

/** Where in the life of a statement something may happen. */
export type Moment = 'before' | 'after'

/** Called around every statement; what it throws is thrown by the statement, and `skip` before one leaves it out. */
export type StatementHook = (sql: string, moment: Moment) => 'skip' | undefined

/** SQLite's own codes for what can go wrong with a disk or a lock. */
export const SQLITE_ERRORS = {
  busy: 5,
  'read-only': 8,
  'disk-io': 10,
  'disk-full': 13,
} as const

/** An error as `node:sqlite` throws it. */
export function sqliteError(name: keyof typeof SQLITE_ERRORS): Error {
  const errcode = SQLITE_ERRORS[name]
  return Object.assign(new Error(`simulated: ${name}`), { code: 'ERR_SQLITE_ERROR', errcode, errstr: name })
}

/** `node:sqlite` whose statements can fail, and whose process can die between any two of them. */
export interface FaultySqlite {
  readonly sqlite: Pick<typeof sqlite, 'DatabaseSync'>
  /** Closes all that was opened, as the end of a process does: a transaction that is open is gone, and so are all locks. */
  readonly crash: () => void
}

const EXECUTING = ['run', 'get', 'all'] as const

/** Opens real files through the real SQLite; only what happens around the statements is ours. */
export function faultySqlite(hook: StatementHook): FaultySqlite {
  const opened = new Set<sqlite.DatabaseSync>()

  function around<T>(sql: string, work: () => T): T {
    if (hook(sql, 'before') === 'skip') return undefined as T
    const value = work()
    hook(sql, 'after')
    return value
  }

  function statement(inner: sqlite.StatementSync, sql: string): sqlite.StatementSync {
    const changed: Record<string, unknown> = {
      *iterate(...given: never[]) {
        hook(sql, 'before')
        yield* inner.iterate(...given)
      },
    }
    for (const name of EXECUTING) changed[name] = (...given: never[]) => around<unknown>(sql, () => inner[name](...given))
    return over(inner, changed)
  }

  const DatabaseSync = new Proxy(sqlite.DatabaseSync, {
    construct(Target, given: ConstructorParameters<typeof sqlite.DatabaseSync>) {
      const inner = new Target(...given)
      opened.add(inner)
      return over(inner, {
        exec: (sql: string) => around(sql, () => inner.exec(sql)),
        prepare: (sql: string) => statement(inner.prepare(sql), sql),
        close() {
          opened.delete(inner)
          if (inner.isOpen) inner.close()
        },
      })
    },
  })
  return {
    sqlite: { DatabaseSync },
    crash() {
      for (const db of opened) db.close()
      opened.clear()
    },
  }
}

/** An object like another, but for some members. */
function over<T extends object>(inner: T, members: Readonly<Record<string, unknown>>): T {
  return new Proxy(inner, {
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(members, name)) return members[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
