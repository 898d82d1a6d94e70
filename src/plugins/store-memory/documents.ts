import {
  OpspawnError,
  type DocumentPage,
  type DocumentTable,
  type Json,
  type OperationOptions,
  type PageOptions,
  type StoredDocument,
} from '../../core/index.ts'
import { requireLive } from './require-live.ts'

const DEFAULT_PAGE = 100

/** A document as it is kept: its value as JSON, so that nobody holds a part of it. */
interface Kept {
  readonly text: string
  readonly version: number
  readonly updatedAt: number
}

/** Documents in memory, by kind and key. */
export class Documents implements DocumentTable {
  readonly #now: () => number
  readonly #kinds = new Map<string, Map<string, Kept>>()
  /** Of all kinds together, so that none is ever given twice. */
  #lastVersion = 0

  constructor(now: () => number) {
    this.#now = now
  }

  async get(kind: string, key: string, options?: OperationOptions): Promise<StoredDocument | undefined> {
    requireLive(options)
    const kept = this.#kinds.get(kind)?.get(key)
    return kept === undefined ? undefined : toDocument(key, kept)
  }

  async put(
    kind: string,
    key: string,
    value: Json,
    expectedVersion: number,
    options?: OperationOptions,
  ): Promise<StoredDocument> {
    requireLive(options)
    this.#requireVersion(kind, key, expectedVersion)
    this.#lastVersion += 1
    const kept = { text: JSON.stringify(value), version: this.#lastVersion, updatedAt: this.#now() }
    const table = this.#kinds.get(kind) ?? new Map<string, Kept>()
    this.#kinds.set(kind, table.set(key, kept))
    return toDocument(key, kept)
  }

  async list(kind: string, page: PageOptions, options?: OperationOptions): Promise<DocumentPage> {
    requireLive(options)
    const { cursor, limit = DEFAULT_PAGE } = page
    const table = this.#kinds.get(kind) ?? new Map<string, Kept>()
    const keys = [...table.keys()].filter((key) => cursor === undefined || key > cursor).toSorted(byCodeUnits)
    const shown = keys.slice(0, limit)
    const documents = shown.map((key) => toDocument(key, table.get(key) as Kept))
    const last = shown.at(-1)
    return { documents, now: this.#now(), ...(keys.length > limit && last !== undefined && { cursor: last }) }
  }

  async delete(kind: string, key: string, expectedVersion: number, options?: OperationOptions): Promise<void> {
    requireLive(options)
    if (!this.#kinds.get(kind)?.has(key)) throw conflict(kind, key, expectedVersion, undefined)
    this.#requireVersion(kind, key, expectedVersion)
    this.#kinds.get(kind)?.delete(key)
  }

  clear(): void {
    this.#kinds.clear()
  }

  #requireVersion(kind: string, key: string, expected: number): void {
    const version = this.#kinds.get(kind)?.get(key)?.version
    if ((version ?? 0) !== expected) throw conflict(kind, key, expected, version)
  }
}

function toDocument(key: string, { text, version, updatedAt }: Kept): StoredDocument {
  return { key, value: JSON.parse(text) as Json, version, updatedAt }
}

function byCodeUnits(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}

function conflict(kind: string, key: string, expected: number, version: number | undefined): OpspawnError {
  const found = version === undefined ? 'is not there' : `has version ${version}`
  return new OpspawnError('DOCUMENT_CONFLICT', `${kind} ${key} ${found}, and version ${expected} was expected; read it again`, {
    details: { kind, key },
  })
}
