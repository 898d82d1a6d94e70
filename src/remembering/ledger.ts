import {
  OpspawnError,
  type AppendReceipt,
  type MemoryEntry,
  type MemoryPatch,
  type MemoryRecord,
  type MemoryScope,
} from '../core/index.ts'
import { contentHash } from './content-hash.ts'
import { checkId, checkValidity } from './entry.ts'
import { found, inputInvalid } from './faults.ts'

/** What an append is decided by. The memory reads it, and writes what comes out, without anything in between. */
export interface AppendBasis {
  readonly scope: MemoryScope
  /** Epoch milliseconds. */
  readonly now: number
  /** The highest `seq` that the scope has ever given, 0 for none. */
  readonly lastSeq: number
  /** The record of an id in this scope, expired ones left out and forgotten ones too. */
  readonly find: (id: string) => MemoryRecord | undefined
  /** Makes an id that the scope has not. */
  readonly newId: () => string
  /** See `MemoryHandle.append`. */
  readonly idempotencyKey?: string | undefined
}

/** What an append comes to: records to insert, records to put in the place of those they close, and the answer. */
export interface AppendPlan {
  readonly inserted: readonly MemoryRecord[]
  readonly closed: readonly MemoryRecord[]
  readonly receipt: AppendReceipt
}

/** The ids that {@link planAppend} will look for: for memories that must fetch them first. */
export function idsOf(entries: readonly MemoryEntry[], idempotencyKey?: string): readonly string[] {
  return entries.flatMap((entry, at) => [
    ...(entry.id !== undefined ? [entry.id] : idempotencyKey !== undefined ? [`${idempotencyKey}-${at}`] : []),
    ...(entry.supersedes !== undefined ? [entry.supersedes] : []),
  ])
}

/** Checks an idempotency key. @throws OpspawnError `MEMORY_INPUT_INVALID` */
export function checkIdempotencyKey(key: unknown): string | undefined {
  // The position behind it must still fit into an id.
  if (typeof key === 'string' && key.length > 500) throw inputInvalid('idempotencyKey', 'must be at most 500 characters')
  return key === undefined ? undefined : checkId(key, 'idempotencyKey')
}

/**
 * Decides what appending checked entries comes to: which are new, which are there already, what they supersede.
 *
 * @throws OpspawnError `MEMORY_CONFLICT`, `MEMORY_RECORD_UNKNOWN`, `MEMORY_INPUT_INVALID` for one that has expired already
 */
export function planAppend(entries: readonly MemoryEntry[], basis: AppendBasis): AppendPlan {
  const inserted = new Map<string, MemoryRecord>()
  const closed = new Map<string, MemoryRecord>()
  const lookUp = (id: string): MemoryRecord | undefined => inserted.get(id) ?? closed.get(id) ?? basis.find(id)
  const outcomes = entries.map((entry, at): AppendReceipt['outcomes'][number] => {
    const { idempotencyKey: key } = basis
    const id = entry.id ?? (key === undefined ? basis.newId() : `${key}-${at}`)
    const hash = contentHash(entry)
    const present = lookUp(id)
    if (present !== undefined) {
      if (present.contentHash === hash) return { id, status: 'duplicate' }
      throw conflict(`entries/${at}: the id ${found(id)} is taken by a record of other content`, id)
    }
    if (entry.expiresAt !== undefined && entry.expiresAt <= basis.now)
      throw inputInvalid(`entries/${at}/expiresAt`, `must be in the future, after ${basis.now}, not ${entry.expiresAt}`)
    const seq = basis.lastSeq + inserted.size + 1
    const record = { ...entry, id, scope: basis.scope, seq, createdAt: basis.now, version: 1, contentHash: hash }
    if (entry.supersedes !== undefined) {
      const old = close(lookUp(entry.supersedes), entry.supersedes, record, at)
      if (inserted.has(old.id)) inserted.set(old.id, old)
      else closed.set(old.id, old)
    }
    inserted.set(id, freezeDeep(record))
    return { id, status: 'inserted' }
  })
  return { inserted: [...inserted.values()], closed: [...closed.values()], receipt: { outcomes } }
}

function close(old: MemoryRecord | undefined, id: string, by: MemoryRecord, at: number): MemoryRecord {
  const where = `entries/${at}/supersedes`
  if (old === undefined)
    throw new OpspawnError('MEMORY_RECORD_UNKNOWN', `${where}: this scope has no record ${found(id)}`, { details: { id } })
  if (old.supersededBy !== undefined)
    throw conflict(`${where}: ${found(id)} is superseded already, by ${found(old.supersededBy)}`, id)
  return freezeDeep({ ...old, supersededBy: by.id, supersededAt: by.createdAt, version: old.version + 1 })
}

/**
 * Decides what an update comes to.
 *
 * @throws OpspawnError `MEMORY_RECORD_UNKNOWN`, `MEMORY_CONFLICT`, `MEMORY_INPUT_INVALID`
 */
export function planUpdate(
  id: string,
  record: MemoryRecord | undefined,
  patch: MemoryPatch,
  { ifVersion, now }: { readonly ifVersion?: number | undefined; readonly now: number },
): MemoryRecord {
  if (record === undefined)
    throw new OpspawnError('MEMORY_RECORD_UNKNOWN', `this scope has no record ${found(id)}`, { details: { id } })
  if (ifVersion !== undefined && ifVersion !== record.version)
    throw conflict(`record ${found(id)} has version ${record.version}, not ${found(ifVersion)}; read it again`, id)
  const next: Record<string, unknown> = { ...record }
  for (const [member, value] of Object.entries(patch)) {
    if (value === null && member !== 'content') delete next[member]
    else if (value !== undefined) next[member] = value
  }
  const changed = next as unknown as MemoryRecord
  checkValidity(changed, 'patch')
  if (patch.expiresAt !== undefined && patch.expiresAt !== null && patch.expiresAt <= now)
    throw inputInvalid('patch/expiresAt', `must be in the future, after ${now}; to remove a record, forget it`)
  return freezeDeep({ ...changed, version: record.version + 1, contentHash: contentHash(changed) })
}

/** Checks `ifVersion`. @throws OpspawnError `MEMORY_INPUT_INVALID` */
export function checkVersion(value: unknown): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) > 0)) return value as number | undefined
  throw inputInvalid('ifVersion', `must be a whole number above 0, not ${found(value)}`)
}

/** Whether a record's time is over. From `expiresAt` on no call returns it, whatever `asOf` says. */
export function isExpired(record: MemoryRecord, now: number): boolean {
  return record.expiresAt !== undefined && record.expiresAt <= now
}

/** A record, unless its time is over. */
export function aliveAt(record: MemoryRecord | undefined, now: number): MemoryRecord | undefined {
  return record === undefined || isExpired(record, now) ? undefined : record
}

/** Of what was made for each entry of an append, that of the inserted ones: in the order of {@link AppendPlan}'s `inserted`. */
export function ofInserted<T>({ outcomes }: AppendReceipt, made: readonly T[]): readonly T[] {
  return made.filter((_, at) => outcomes[at]?.status === 'inserted')
}

/** Whether recall may return a record: not expired, and, now or at `asOf`, recorded, valid and not superseded. */
export function isCurrent(record: MemoryRecord, now: number, asOf?: number): boolean {
  if (isExpired(record, now)) return false
  const at = asOf ?? now
  if (record.validFrom !== undefined && record.validFrom > at) return false
  if (record.validTo !== undefined && record.validTo <= at) return false
  if (asOf === undefined) return record.supersededBy === undefined
  return record.createdAt <= asOf && (record.supersededAt === undefined || record.supersededAt > asOf)
}

/**
 * The summaries among some records of a scope that were made of records which are to be forgotten, of summaries of those, and
 * so on: they go with them.
 */
export function summariesOf(forgotten: ReadonlySet<string>, records: Iterable<MemoryRecord>): readonly MemoryRecord[] {
  const gone = new Set(forgotten)
  const candidates = [...records].filter((record) => record.kind === 'summary' && Array.isArray(record.source?.['ids']))
  const result: MemoryRecord[] = []
  for (let before = -1; before !== result.length;) {
    before = result.length
    for (const record of candidates) {
      const ids = record.source?.['ids'] as readonly string[] | undefined
      if (gone.has(record.id) || ids?.some((id) => gone.has(id)) !== true) continue
      gone.add(record.id)
      result.push(record)
    }
  }
  return result
}

/** Freezes plain data through and through, so that it may be handed out without a copy. */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const item of Object.values(value)) freezeDeep(item)
  return Object.freeze(value)
}

function conflict(text: string, id: string): OpspawnError {
  return new OpspawnError('MEMORY_CONFLICT', text, { details: { id } })
}
