import { mkdtemp, rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, Index } from '@lancedb/lancedb'
import MiniSearch from 'minisearch'
import { packed, type Found, type Retriever, type Text } from './retriever.ts'

/** FTS5 with its English stemmer; any of the words will do. */
const fts5: Retriever = {
  title: 'SQLite FTS5',
  async open(texts) {
    const database = new DatabaseSync(':memory:')
    database.exec(`CREATE VIRTUAL TABLE texts USING fts5(id UNINDEXED, text, tokenize = 'porter unicode61')`)
    const insert = database.prepare('INSERT INTO texts VALUES (?, ?)')
    database.exec('BEGIN')
    for (const { id, text } of texts) insert.run(id, text)
    database.exec('COMMIT')
    const select = database.prepare('SELECT id, -bm25(texts) AS sure FROM texts WHERE texts MATCH ? ORDER BY bm25(texts) LIMIT ?')
    const rank = async (query: string, limit: number): Promise<Found> => {
      const words = query.match(/[\p{L}\p{N}]+/gu) ?? []
      if (words.length === 0) return []
      return select.all(words.map((word) => `"${word}"`).join(' OR '), limit) as unknown as Found
    }
    return { rank, within: packed(texts, rank), close: async () => database.close() }
  },
}

const miniSearch: Retriever = {
  title: 'MiniSearch',
  async open(texts) {
    const index = new MiniSearch<Text>({ fields: ['text'], idField: 'id' })
    index.addAll([...texts])
    const rank = async (query: string, limit: number): Promise<Found> =>
      index
        .search(query)
        .slice(0, limit)
        .map(({ id, score }) => ({ id: String(id), sure: score }))
    return { rank, within: packed(texts, rank), close: async () => undefined }
  },
}

const lanceFts: Retriever = {
  title: 'LanceDB FTS',
  async open(texts) {
    const folder = await mkdtemp(join(tmpdir(), 'opspawn-recall-'))
    const connection = await connect(folder)
    const table = await connection.createTable(
      'texts',
      texts.map(({ id, text }) => ({ id, text })),
    )
    await table.createIndex('text', { config: Index.fts() })
    const rank = async (query: string, limit: number): Promise<Found> => {
      const rows = await table
        .query()
        .fullTextSearch(query, { columns: ['text'] })
        .select(['id', '_score'])
        .limit(limit)
        .toArray()
      return rows.map((row: { id: string; _score: number }) => ({ id: row.id, sure: row._score }))
    }
    const close = async (): Promise<void> => {
      table.close()
      connection.close()
      await rm(folder, { recursive: true, force: true })
    }
    return { rank, within: packed(texts, rank), close }
  },
}

/** What a window of the last turns gives: no search at all. */
const latest: Retriever = {
  title: 'the latest',
  async open(texts) {
    const rank = async (_query: string, limit: number): Promise<Found> =>
      texts
        .toReversed()
        .slice(0, limit)
        .map(({ id }, at) => ({ id, sure: 1 / (at + 1) }))
    return { rank, within: packed(texts, rank), close: async () => undefined }
  },
}

export const raw: readonly Retriever[] = [lanceFts, fts5, miniSearch, latest]
