import type { Json, JsonObject } from './json.ts'
import type { OperationOptions, PageOptions } from './operation.ts'

/**
 * Whose memory it is. Labels are matched exactly: no prefixes, wildcards, trimming or case folding.
 *
 * @property tenant Whose it is.
 * @property agent Name of the agent.
 * @property user A person; the engine names none.
 * @property session The run's, if it has one.
 */
export type MemoryScope = Readonly<{ tenant: string; agent?: string; user?: string; session?: string }>

/** What a memory can do; what it lacks it declares instead of failing silently. */
export interface MemoryCapabilities {
  /** Recall finds by words. */
  readonly lexical: boolean
  /** Recall finds by meaning. */
  readonly vector: boolean
  /** Entries may expire. */
  readonly ttl: boolean
  /** Concurrent appends in one process lose nothing. */
  readonly atomicAppend: boolean
  /** Several processes may share it. */
  readonly multiProcess: boolean
  /** `forget` with mode `erase` removes the bytes. */
  readonly erase: boolean
  /** What an acknowledged write survives. */
  readonly durability: 'none' | 'process' | 'disk' | 'replicated'
}

/** Something to remember. */
export interface MemoryEntry {
  /** Caller's id; made up when absent. The same id with the same content is a no-op, with another a conflict. */
  readonly id?: string
  /** What the text is; filters may name it. */
  readonly kind: 'message' | 'fact' | 'summary' | 'document'
  /** What is remembered, found and given to models. */
  readonly text: string
  /** Who said it, of a message. */
  readonly role?: 'system' | 'user' | 'assistant' | 'tool'
  /** Structured form of the text, such as message parts. */
  readonly content?: Json
  /** When it happened (epoch milliseconds). */
  readonly occurredAt?: number
  /** When it begins to be true (epoch milliseconds). */
  readonly validFrom?: number
  /** When it ceases to be true (epoch milliseconds). */
  readonly validTo?: number
  /** Not returned from then on (epoch milliseconds). */
  readonly expiresAt?: number
  /** The entry that this one replaces; it stays, closed. */
  readonly supersedes?: string
  /** Where it comes from: a file and its lines, a run, a person. */
  readonly source?: JsonObject
  /** Flat, typed values that filters may name. */
  readonly metadata?: { readonly [field: string]: Scalar }
}

type Scalar = string | number | boolean | null

/** An entry as stored. */
export interface MemoryRecord extends MemoryEntry {
  /** The caller's, or the one that was made up. */
  readonly id: string
  /** When it was recorded (epoch milliseconds). */
  readonly createdAt: number
  /** Raised by every update. */
  readonly version: number
  /** Id of the entry that replaced this one; absent while it holds. */
  readonly supersededBy?: string
}

/**
 * A condition on entries: a tree, never text. Fields are `kind`, `role`, the time members, and `metadata.<field>`.
 *
 * @property op How field and value are compared, or conditions are joined.
 * @property field Name of a member or `metadata.<field>`.
 * @property value To compare with.
 * @property values Of which one must be equal.
 * @property filters Of which all (`and`) or any (`or`) must hold.
 * @property filter Which must not hold.
 */
export type MemoryFilter =
  | { readonly op: 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte' | 'contains'; readonly field: string; readonly value: Scalar }
  | { readonly op: 'in'; readonly field: string; readonly values: readonly Scalar[] }
  | { readonly op: 'exists'; readonly field: string }
  | { readonly op: 'and' | 'or'; readonly filters: readonly MemoryFilter[] }
  | { readonly op: 'not'; readonly filter: MemoryFilter }

/** How to recall. */
export interface RecallOptions extends OperationOptions {
  /**
   * Upper bounds of what comes back.
   *
   * @property tokens Of all items together, as the memory counts them.
   * @property items How many.
   */
  readonly budget?: { readonly tokens?: number; readonly items?: number }
  /** Only entries that it fits. */
  readonly filter?: MemoryFilter
  /** The state of knowledge at that time (epoch milliseconds), superseded entries included. */
  readonly asOf?: number
  /** Fail instead of answering with a leg missing. @default false */
  readonly strict?: boolean
}

/** What recall found, best first. */
export interface Recall {
  /**
   * What the budget allowed.
   *
   * @property record As stored.
   * @property score 0 to 1, higher is better.
   */
  readonly items: readonly { readonly record: MemoryRecord; readonly score: number }[]
  /** Ways of searching that failed this time, such as `vector`. */
  readonly degraded: readonly string[]
  /** Found, but cut by the budget. */
  readonly omitted: number
}

/**
 * What became of each appended entry, in order.
 *
 * @property outcomes One for each entry.
 * @property outcomes.id Its id, the caller's or a made-up one.
 * @property outcomes.status `duplicate`: an entry of that id and content was there already.
 */
export type AppendReceipt = { readonly outcomes: readonly Readonly<{ id: string; status: 'inserted' | 'duplicate' }>[] }

/**
 * A part of a listing; without a cursor it is the last one.
 *
 * @property records At most as many as the limit.
 * @property cursor Gets the next part; absent at the end.
 */
export type MemoryPage = { readonly records: readonly MemoryRecord[]; readonly cursor?: string }

/** What an update changes. */
export type MemoryPatch = Partial<Omit<MemoryEntry, 'id'>>

/**
 * What to forget.
 *
 * @property ids The records of these ids.
 * @property filter All that it fits.
 */
export type MemorySelector = { readonly ids: readonly string[] } | { readonly filter: MemoryFilter } | 'all'

/**
 * What forgetting came to; `verified` when the bytes were looked for and not found.
 *
 * @property count Records hidden or removed.
 * @property verified The bytes were looked for and not found.
 */
export type ForgetReceipt = { readonly count: number; readonly verified: boolean }

/**
 * A memory bound to one scope: it cannot name another. Every call rejects with the signal's reason on abort; an append
 * that was under way may then have been written, and its ids make a repetition harmless.
 */
export interface MemoryHandle {
  /** Keeps entries; one whose id is kept already is left as it is. Rejects with `MEMORY_FAILED`. */
  append(entries: readonly MemoryEntry[], options?: OperationOptions): Promise<AppendReceipt>
  /** Finds what is nearest to a query, best first. */
  recall(query: string, options?: RecallOptions): Promise<Recall>
  /** Reads records by id; those that are not there are left out. */
  get(ids: readonly string[], options?: OperationOptions): Promise<readonly MemoryRecord[]>
  /** Reads records a page at a time, in no order that is promised. */
  list(page: PageOptions & { readonly filter?: MemoryFilter }, options?: OperationOptions): Promise<MemoryPage>
  /** Changes one record; with `ifVersion`, only that version of it. */
  update(id: string, patch: MemoryPatch, options?: OperationOptions & { readonly ifVersion?: number }): Promise<MemoryRecord>
  /** Hides records (`soft`) or removes them for good (`erase`). */
  forget(what: MemorySelector, mode: 'soft' | 'erase', options?: OperationOptions): Promise<ForgetReceipt>
}

/** Long- or short-term memory of agents. Opened once; agents get handles bound to their scope. */
export interface Memory {
  /** Marks a memory, and the version of its contract. */
  readonly spec: 'memory/1'
  /** Unique among the memories of an orchestrator; agents and effects name it. */
  readonly name: string
  /** What it can do. */
  readonly capabilities: MemoryCapabilities
  /** @throws OpspawnError `OPTIONS_INVALID` when the tenant is missing. */
  bind(scope: MemoryScope): MemoryHandle
  /** Housekeeping: expiry, compaction, indexes. Safe at any time. */
  maintain(options?: OperationOptions): Promise<void>
  /** Everything of one tenant, as JSON lines, header first. */
  export(tenant: string, options?: OperationOptions): AsyncIterable<JsonObject>
  /**
   * Takes in what `export` gave, record by record.
   *
   * @property imported How many records were taken in.
   */
  import(lines: AsyncIterable<JsonObject>, options?: OperationOptions): Promise<{ readonly imported: number }>
  /** Closes what was opened. */
  [Symbol.asyncDispose]?(): Promise<void>
}
