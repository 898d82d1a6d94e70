import type { Table } from '@lancedb/lancedb'
import type { Library } from './library.ts'

/** The columns that have an index from the beginning, and which. */
const KINDS = {
  words: ({ lance }: Library) =>
    lance.Index.fts({
      // LanceDB 0.32 and later could not tidy up indexes with positions.
      withPosition: false,
      // Our own words are indexed, as they are.
      baseTokenizer: 'whitespace',
      maxTokenLength: 4096,
      lowercase: false,
      stem: false,
      removeStopWords: false,
      asciiFolding: false,
    }),
  key: ({ lance }: Library) => lance.Index.btree(),
  /** Also of tenants: their scopes stand side by side. */
  scope: ({ lance }: Library) => lance.Index.btree(),
  kind: ({ lance }: Library) => lance.Index.bitmap(),
} as const

/** The columns that have an index. */
export const INDEXED: readonly string[] = Object.keys(KINDS)

/** The columns whose index is not there yet. */
export async function missingIndexes(table: Table): Promise<readonly string[]> {
  const present = new Set((await table.listIndices()).flatMap((index) => index.columns))
  return INDEXED.filter((column) => !present.has(column))
}

/** Makes the indexes of some columns, in the place of those that are there. */
export async function makeIndexes(table: Table, library: Library, columns: readonly string[]): Promise<void> {
  for (const column of columns)
    await table.createIndex(column, { config: KINDS[column as keyof typeof KINDS](library), replace: true })
}

/** Whether rows were written that are in no index yet. */
export const isBehind = async (table: Table): Promise<boolean> => (await table.indexStats('scope_idx'))?.numUnindexedRows !== 0
