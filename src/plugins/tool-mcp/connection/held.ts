import type { McpConnection } from '../port.ts'

/** A connection and those who use it. */
export interface Held {
  readonly connection: McpConnection
  /** Epoch milliseconds. */
  readonly since: number
  uses: number
  isRetired: boolean
}

/** Connections that are of no use any more; each ends once nobody uses it. */
export interface Retirement {
  retire(held: Held): void
  /** Uses a connection. */
  during<T>(held: Held, work: (connection: McpConnection) => Promise<T>): Promise<T>
  /** Settles when all that were to end have ended. */
  ended(): Promise<void>
}

export function retirement(): Retirement {
  const ending = new Set<Promise<void>>()
  const letGo = (held: Held): void => {
    if (!held.isRetired || held.uses > 0) return
    const end: Promise<void> = held.connection.close().finally(() => ending.delete(end))
    ending.add(end)
  }
  return {
    retire(held) {
      if (held.isRetired) return
      held.isRetired = true
      letGo(held)
    },
    async during(held, work) {
      held.uses += 1
      try {
        return await work(held.connection)
      } finally {
        held.uses -= 1
        letGo(held)
      }
    },
    async ended() {
      await Promise.all(ending)
    },
  }
}
