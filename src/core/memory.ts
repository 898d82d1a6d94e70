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

/** The labels of a scope below the tenant. */
export type ScopeLabel = 'agent' | 'user' | 'session'

/**
 * What a memory can do; what it lacks it declares instead of failing silently.
 *
 * @property lexical Recall finds by words.
 * @property vector Recall finds by meaning: there is an embedder.
 * @property ttl Entries may expire.
 * @property atomicAppend Concurrent appends in one process lose nothing.
 * @property multiProcess Several processes may share it.
 * @property erase `forget` with mode `erase` removes the bytes, and looks whether they are gone.
 * @property durability What an acknowledged write survives.
 */
export type MemoryCapabilities = Readonly<{ lexical: boolean; vector: boolean; ttl: boolean; atomicAppend: boolean }> &
  Readonly<{ multiProcess: boolean; erase: boolean; durability: 'none' | 'process' | 'disk' | 'replicated' }>

/**
 * What turns texts into vectors: structurally an AI SDK embedding model of version 2, 3 or 4.
 *
 * @property provider Of the model; with `modelId` it names the space that its vectors are of.
 * @property modelId The provider's name of the model.
 * @property maxEmbeddingsPerCall Most texts in one call; absent: no limit.
 * @property doEmbed Gives one vector for each text, in order.
 * @property doEmbed.embeddings The vectors.
 */
export type EmbeddingModel = Readonly<{ provider: string; modelId: string }> & {
  readonly maxEmbeddingsPerCall?: PromiseLike<number | undefined> | number | undefined
  doEmbed(options: { values: string[]; abortSignal?: AbortSignal }): PromiseLike<{ embeddings: number[][] }>
}

/** Something to remember. */
export interface MemoryEntry {
  /** Caller's id, unique in the scope; made up when absent. The same id with the same content is a no-op, with another a conflict. */
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
  /** Where it comes from: a file and its lines, a run, a person. A summary whose `ids` name a record is forgotten with it. */
  readonly source?: JsonObject
  /** Flat, typed values that filters may name. Names that begin with `opspawn.` are this package's: `opspawn.labels` is read by the engine. */
  readonly metadata?: { readonly [field: string]: Scalar }
}

type Scalar = string | number | boolean | null

/** An entry as stored. */
export interface MemoryRecord extends MemoryEntry {
  /** The caller's, or the one that was made up. */
  readonly id: string
  /** Of the handle that wrote it. */
  readonly scope: MemoryScope
  /** Place in its scope, in the order of recording, from 1; none is left out by an append. */
  readonly seq: number
  /** When it was recorded (epoch milliseconds). */
  readonly createdAt: number
  /** 1, raised by every update. */
  readonly version: number
  /** SHA-256 of the entry without its id, as canonical JSON, in base64url. */
  readonly contentHash: string
  /** Id of the entry that replaced this one; absent while it holds. */
  readonly supersededBy?: string
  /** When that was recorded (epoch milliseconds). */
  readonly supersededAt?: number
}

/**
 * A condition on entries: a tree, never text. Fields are `id`, `kind`, `role`, `text`, `seq`, `version`, the time members,
 * and `metadata.<field>` with a name of at most 64 letters (a to z), digits, `_`, `-` and `.`, beginning with a letter or `_`.
 * Values are equal when type and value are; they are ordered within numbers, and within texts by code point; `contains`
 * looks for a text in a text. A condition on a member that is absent does not hold, but for `ne` and `not`. An empty `in`
 * or `or` fits nothing, an empty `and` everything. At most 32 levels deep and 20,000 conditions and values.
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

/** What reading calls take. */
export interface ReadOptions extends OperationOptions {
  /** Labels that may differ from the handle's: `['session']` reads all sessions. Only what `bind` granted. @default none */
  readonly across?: readonly ScopeLabel[]
  /** Only entries that it fits. */
  readonly filter?: MemoryFilter
}

/** How to recall. */
export interface RecallOptions extends ReadOptions {
  /**
   * Upper bounds of what comes back.
   *
   * @property tokens Of all items together, as the memory counts them. @default 2_000
   * @property items How many, 1 to 1,000. @default 10
   */
  readonly budget?: { readonly tokens?: number; readonly items?: number }
  /**
   * How many neighbours in the same scope come with each item while the budget lasts.
   *
   * @property before Recorded before it, 0 to 10. @default 0
   * @property after Recorded after it, 0 to 10. @default 0
   */
  readonly context?: { readonly before?: number; readonly after?: number }
  /** The state of knowledge at that time (epoch milliseconds): what was recorded, not yet superseded and valid then. */
  readonly asOf?: number
  /** Fail instead of answering with a leg missing. @default false */
  readonly strict?: boolean
}

/**
 * A record that was recalled.
 *
 * @property record As stored.
 * @property score 0 to 1, higher is better; comparable within one answer only.
 * @property parts What each leg gave to the score, by name; `context` for a neighbour that came along. `coverage` is no part of the
 * score: the share of the query's words that the text has, comparable between answers.
 */
export type RecallItem = Readonly<{ record: MemoryRecord; score: number; parts: Readonly<Record<string, number>> }>

/** What recall found, best first; equals by time, then id. */
export interface Recall {
  /** What the budget allowed. */
  readonly items: readonly RecallItem[]
  /** Ways of searching that failed this time, such as `vector`. */
  readonly degraded: readonly string[]
  /** Found, but cut by the budget. */
  readonly omitted: number
  /** Of the items together. */
  readonly tokens: number
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

/** What an update changes; `null` takes an optional member away, and a member that is absent or undefined stays. */
export type MemoryPatch = { readonly [M in keyof Omit<MemoryEntry, 'id' | 'supersedes'>]?: MemoryEntry[M] | null | undefined }

/**
 * What to forget.
 *
 * @property ids The records of these ids.
 * @property filter All that it fits.
 */
export type MemorySelector = { readonly ids: readonly string[] } | { readonly filter: MemoryFilter } | 'all'

/**
 * What forgetting came to.
 *
 * @property count Records hidden or removed, summaries of them included.
 * @property verified The bytes were looked for everywhere and not found; never true for `soft`.
 */
export type ForgetReceipt = { readonly count: number; readonly verified: boolean }

/**
 * What a memory tells about itself; more members may follow.
 *
 * @property records Held, superseded ones included.
 * @property pending Records whose vector is still to be made.
 * @property failures Times that upkeep or an embedder failed since it was opened.
 */
export type MemoryStats = JsonObject & { readonly records: number; readonly pending: number; readonly failures: number }

/**
 * A memory bound to one scope: it cannot name another. What was acknowledged is seen by the next call of any handle of this
 * memory. Every call rejects with the signal's reason on abort; a write that was under way may then have happened, and its ids
 * make a repetition harmless. Every call rejects with `MEMORY_INPUT_INVALID` for what it cannot use, `MEMORY_FAILED` when
 * the memory is closed (`details.reason`) or its storage fails.
 */
export interface MemoryHandle {
  /**
   * Keeps entries, all or none. With `idempotencyKey`, entries without an id get one made of the key and their position,
   * so that a repetition writes nothing twice. Rejects with `MEMORY_CONFLICT` when an id is taken by other content or what an
   * entry supersedes is superseded already, `MEMORY_RECORD_UNKNOWN` when it is not there.
   */
  append(
    entries: readonly MemoryEntry[],
    options?: OperationOptions & { readonly idempotencyKey?: string },
  ): Promise<AppendReceipt>
  /** Finds what is nearest to a query; without words in it, the latest. Expired, superseded and not valid entries are left out. */
  recall(query: string, options?: RecallOptions): Promise<Recall>
  /** Reads records of the handle's own scope by id, in that order; those that are not there, or expired, are left out. */
  get(ids: readonly string[], options?: OperationOptions): Promise<readonly MemoryRecord[]>
  /** Reads records a page at a time, superseded ones included, in the order of recording within each scope. */
  list(page: PageOptions & Pick<ReadOptions, 'across' | 'filter'>, options?: OperationOptions): Promise<MemoryPage>
  /** Changes one record; with `ifVersion`, only that version of it. Rejects with `MEMORY_CONFLICT`, `MEMORY_RECORD_UNKNOWN`. */
  update(id: string, patch: MemoryPatch, options?: OperationOptions & { readonly ifVersion?: number }): Promise<MemoryRecord>
  /** Hides records from every call until upkeep removes them (`soft`), or removes them for good now (`erase`). */
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
  /**
   * Gives a handle. `across` grants labels that its reads may leave open; each must stand in the scope or be absent from it.
   *
   * @throws OpspawnError `OPTIONS_INVALID` when the tenant is missing or a label is not 1 to 1,024 characters of well-formed text.
   */
  bind(scope: MemoryScope, grant?: { readonly across?: readonly ScopeLabel[] }): MemoryHandle
  /** Housekeeping: what expired or was forgotten is removed, vectors that are pending are made, files are compacted. Safe at any time. */
  maintain(options?: OperationOptions): Promise<void>
  /** What it holds, of one tenant or of all. */
  stats(tenant?: string, options?: OperationOptions): Promise<MemoryStats>
  /** Everything of one tenant, as JSON lines: a header, the records by scope and `seq`, and an end with count and hash. */
  export(tenant: string, options?: OperationOptions): AsyncIterable<JsonObject>
  /**
   * Takes in what `export` gave, record by record, ids, times and order kept; those that are there already are passed over,
   * so a broken import may be repeated. Rejects with `MEMORY_MISMATCH` for another format, `MEMORY_INPUT_INVALID` for damage.
   *
   * @property imported How many records were taken in.
   */
  import(lines: AsyncIterable<JsonObject>, options?: OperationOptions): Promise<{ readonly imported: number }>
  /** Closes what was opened. */
  [Symbol.asyncDispose]?(): Promise<void>
}
