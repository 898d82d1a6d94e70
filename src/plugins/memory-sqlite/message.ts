import type { AppendReceipt, MemoryEntry, MemoryPatch, MemoryRecord, MemoryScope, MemorySelector } from '../../core/index.ts'
import type { ListCall, RecallCall } from '../../remembering/index.ts'
import type { Refusal } from './failures.ts'

/** A record between the threads: the key of its scope, its text, and the rest as JSON. */
export type Row = readonly [key: string, text: string, body: string]

/** What a recall asks the thread for. */
export type Searching = Pick<RecallCall, 'scope' | 'across' | 'filter' | 'asOf'>

/** A leg of a recall: its name and what it found, best first. */
export type Found = readonly [name: string, hits: readonly (readonly [score: number, row: Row])[]]

/** What the thread does. Each write is one operation of a group that is committed together. `now` is in epoch milliseconds. */
export interface MemoryCalls {
  /** `ids` are for entries without one, in their order. */
  append(
    now: number,
    scope: MemoryScope,
    entries: readonly MemoryEntry[],
    vectors: readonly Float32Array[],
    ids: readonly string[],
    idempotencyKey: string | undefined,
  ): AppendReceipt
  update(
    now: number,
    scope: MemoryScope,
    id: string,
    patch: MemoryPatch,
    ifVersion: number | undefined,
    vector: Float32Array | undefined,
  ): Row
  /** Gives how many. */
  forget(scope: MemoryScope, what: MemorySelector): number
  /** Takes imported records in; gives how many were new. */
  take(records: readonly MemoryRecord[], vectors: readonly Float32Array[]): number
  /** Sets vectors of records that still have that version. */
  embed(vectors: readonly (readonly [ordinal: number, version: number, vector: Float32Array])[]): void
  /** See `Vectors.complete`. */
  complete(): boolean
  /** Removes what expired, and every byte of what is gone. */
  purge(now: number): void
  pending(after: number, limit: number): readonly (readonly [ordinal: number, version: number, text: string])[]
  get(now: number, scope: MemoryScope, ids: readonly string[]): readonly Row[]
  list(now: number, call: ListCall): { readonly rows: readonly Row[]; readonly cursor: string | undefined }
  search(
    now: number,
    call: Searching,
    words: readonly string[],
    vector: Float32Array | undefined,
    limit: number,
  ): readonly Found[]
  around(
    now: number,
    call: Searching,
    places: readonly (readonly [key: string, seq: number])[],
    before: number,
    after: number,
  ): readonly Row[]
  stats(tenant: string | undefined): { readonly records: number; readonly pending: number }
}

/** Some calls: each has an id, a name and arguments. */
export type Requests = readonly (readonly [id: number, name: string, ...args: unknown[]])[]

/** Answers: the id, the value, and the refusal if there is one. */
export type Replies = readonly (readonly [id: number, value: unknown, refusal?: Refusal])[]

/** What a thread says first: nothing when it is ready, or why it cannot be. */
export const READY_ID = 0

/** What a thread is told when it starts. */
export interface ThreadData {
  readonly path: string
  readonly durability: 'disk' | 'process'
  readonly busyMs: number
  /** Id of the embedder whose vectors it gets. */
  readonly embedder: string | undefined
  readonly reembed: boolean
}
