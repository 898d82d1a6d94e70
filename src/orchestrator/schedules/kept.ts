import {
  type DocumentTable,
  type Json,
  OpspawnError,
  type OperationOptions,
  type Schedule,
  type ScheduleState,
  type SlotResult,
  type StoredDocument,
} from '../../core/index.ts'

const KIND = 'schedule'
/** Attempts to change a schedule that others are changing. */
const ATTEMPTS = 20

/** A schedule as its document has it. */
export interface Kept {
  readonly schedule: Schedule
  readonly paused: boolean
  readonly nextAt: number
  readonly last?: SlotResult
  /** Of the last slot that was run: what an overlap is judged by. */
  readonly lastRunId?: string
}

/** A schedule with the version that it was read at. */
export type Versioned = Readonly<{ kept: Kept; version: number }>

/** A part of a listing, and the store's clock when it was read. */
export type KeptPage = Readonly<{ schedules: readonly Versioned[]; now: number; cursor?: string }>

/** The schedules in a store. */
export interface KeptSchedules {
  find(name: string, options?: OperationOptions): Promise<Versioned | undefined>
  list(page: { readonly cursor?: string; readonly limit?: number }, options?: OperationOptions): Promise<KeptPage>
  /** Gives nothing when it was changed meanwhile. */
  replace(name: string, kept: Kept, version: number, options?: OperationOptions): Promise<Versioned | undefined>
  /** Changes one as it is now, however many others do so; gives nothing for one that there is not. */
  change(name: string, change: (kept: Kept) => Kept, options?: OperationOptions): Promise<Kept | undefined>
  /** Gives whether it was there. */
  remove(name: string, options?: OperationOptions): Promise<boolean>
}

/** Makes the schedules of a table of documents. */
export function keptSchedules(documents: DocumentTable): KeptSchedules {
  const toVersioned = ({ value, version }: StoredDocument): Versioned => ({ kept: value as unknown as Kept, version })

  async function find(name: string, options?: OperationOptions): Promise<Versioned | undefined> {
    const document = await documents.get(KIND, name, options)
    return document === undefined ? undefined : toVersioned(document)
  }

  /** Tries again while others win. */
  async function insist<T>(name: string, attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt()
      } catch (error) {
        if (!OpspawnError.is(error, 'DOCUMENT_CONFLICT') || count === ATTEMPTS) throw error
      }
    }
  }

  return {
    find,
    async list(page, options) {
      const { documents: listed, ...rest } = await documents.list(KIND, page, options)
      return { ...rest, schedules: listed.map(toVersioned) }
    },
    async replace(name, kept, version, options) {
      try {
        return toVersioned(await documents.put(KIND, name, kept as unknown as Json, version, options))
      } catch (error) {
        if (OpspawnError.is(error, 'DOCUMENT_CONFLICT')) return undefined
        throw error
      }
    },
    change: (name, change, options) =>
      insist(name, async () => {
        const found = await find(name, options)
        if (found === undefined) return undefined
        const kept = change(found.kept)
        await documents.put(KIND, name, kept as unknown as Json, found.version, options)
        return kept
      }),
    remove: (name, options) =>
      insist(name, async () => {
        const found = await find(name, options)
        if (found !== undefined) await documents.delete(KIND, name, found.version, options)
        return found !== undefined
      }),
  }
}

/** What callers see of a schedule. */
export function toState({ schedule, paused, nextAt, last }: Kept, isKnown: boolean): ScheduleState {
  return { ...schedule, paused, nextAt, ...(last !== undefined && { last }), isKnown }
}
