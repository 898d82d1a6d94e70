import type { DocumentPage, DocumentTable, Json, OperationOptions, PageOptions, StoredDocument } from '../../core/index.ts'
import { abortable } from './abortable.ts'
import type { Lane } from './lane.ts'
import type { At, DocumentRow, KeeperCalls, WriterCalls } from './message.ts'

const DEFAULT_PAGE = 100

/** The documents of a file: written by one of its threads, read by the other. */
export class Documents implements DocumentTable {
  readonly #writer: Lane<WriterCalls>
  readonly #keeper: Lane<KeeperCalls>
  readonly #at: () => At

  constructor(writer: Lane<WriterCalls>, keeper: Lane<KeeperCalls>, at: () => At) {
    this.#writer = writer
    this.#keeper = keeper
    this.#at = at
  }

  async get(kind: string, key: string, options?: OperationOptions): Promise<StoredDocument | undefined> {
    const row = await abortable(options, () => this.#keeper.call('getDocument', kind, key))
    return row === undefined ? undefined : toDocument(row)
  }

  async put(
    kind: string,
    key: string,
    value: Json,
    expectedVersion: number,
    options?: OperationOptions,
  ): Promise<StoredDocument> {
    const at = this.#at()
    const text = JSON.stringify(value)
    const version = await abortable(options, () => this.#writer.call('putDocument', at, kind, key, text, expectedVersion))
    return toDocument({ key, value: text, version, updated_at: at.now })
  }

  async list(kind: string, page: PageOptions, options?: OperationOptions): Promise<DocumentPage> {
    const { cursor, limit = DEFAULT_PAGE } = page
    const { now } = this.#at()
    const rows = await abortable(options, () => this.#keeper.call('listDocuments', kind, cursor, limit + 1))
    const documents = rows.slice(0, limit).map(toDocument)
    const last = documents.at(-1)
    return { documents, now, ...(rows.length > limit && last !== undefined && { cursor: last.key }) }
  }

  async delete(kind: string, key: string, expectedVersion: number, options?: OperationOptions): Promise<void> {
    await abortable(options, () => this.#writer.call('deleteDocument', kind, key, expectedVersion))
  }
}

function toDocument({ key, value, version, updated_at }: DocumentRow): StoredDocument {
  return { key, value: JSON.parse(value) as Json, version, updatedAt: updated_at }
}
