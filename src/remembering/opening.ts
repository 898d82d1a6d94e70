import { memoryClosed } from './faults.ts'

/** Something that a memory opens at its first call and closes once. */
export interface Opening<T> {
  /** Gives it, opening it if need be; what could not be opened is tried again. @throws OpspawnError `MEMORY_FAILED` once it is closed */
  readonly get: () => Promise<T>
  /** From now on nothing is given. `act` is called by the first call alone, with what was opened, if anything was. */
  readonly close: (act: (opened: T | undefined) => void | Promise<void>) => Promise<void>
}

/** Makes an opening for the memory of a name. */
export function createOpening<T>(name: string, open: () => Promise<T>): Opening<T> {
  let opened: Promise<T> | undefined
  let isClosed = false
  return {
    async get() {
      if (isClosed) throw memoryClosed(name)
      // What could not be opened may be there at the next call.
      opened ??= open().catch((error: unknown) => {
        opened = undefined
        throw error
      })
      return opened
    },
    async close(act) {
      if (isClosed) return
      isClosed = true
      // What could not be opened has nothing to close.
      await act(await opened?.catch(() => undefined))
    },
  }
}
