import { connect, type Connection, type Table } from '@lancedb/lancedb'
import { Field, FixedSizeList, Float32, Schema, Utf8 } from 'apache-arrow'
import type { Contender, Place, Store } from '../contender.ts'
import { fillDisk } from '../disk-full.ts'

const COLUMNS = ['key', 'tenant', 'id', 'thread', 'note', 'text'] as const
const schema = new Schema([
  ...COLUMNS.map((name) => new Field(name, new Utf8(), name !== 'key')),
  new Field('vector', new FixedSizeList(4, new Field('item', new Float32(), true)), true),
])

/** What one must know to ask for: a declared key, doubled quotes, old versions thrown away after a deletion. */
type Care = Readonly<{ careful: boolean }>

async function tableOf(database: Connection, name: string, { careful }: Care): Promise<Table> {
  const table = await database.createEmptyTable(name, schema)
  if (careful) await table.setUnenforcedPrimaryKey('key')
  return table
}

function storeOver(table: Table, place: Place, { careful }: Care): Store {
  const where = (column: string, value: string): string => `${column} = '${careful ? value.replaceAll("'", "''") : value}'`
  const texts = async (filter: string): Promise<string[]> => {
    const rows = (await table
      .query()
      .where(filter)
      .select([...COLUMNS])
      .limit(10_000)
      .toArray()) as { text: string }[]
    return rows.map((row) => row.text)
  }
  const row = (tenant: string, id: string, text: string, more: Readonly<Record<string, string>>): Record<string, unknown> => ({
    key: JSON.stringify([tenant, id]),
    tenant,
    id,
    thread: '',
    note: '',
    text,
    vector: place.embed(text),
    ...more,
  })
  return {
    async put(tenant, { id, text, note = '' }) {
      const merge = table.mergeInsert('key').whenMatchedUpdateAll().whenNotMatchedInsertAll()
      await merge.execute([row(tenant, id, text, { note })])
    },
    async seen(tenant) {
      const filter = where('tenant', tenant)
      const search = table.query().nearestTo([0.5, 0.5, 0.5, 0.5]).where(filter).select(['text', '_distance'])
      const found = (await search.limit(10_000).toArray()) as { text: string }[]
      return [...new Set([...(await texts(filter)), ...found.map((one) => one.text)])]
    },
    withNote: (tenant, note) => texts(`${where('tenant', tenant)} AND ${where('note', note)}`),
    clear: async (tenant) => void (await table.delete(where('tenant', tenant))),
    async erase(tenant, id) {
      await table.delete(`${where('tenant', tenant)} AND ${where('id', id)}`)
      await (careful ? table.optimize({ cleanupOlderThan: new Date() }) : table.optimize())
    },
    append: async (tenant, thread, text) => void (await table.add([row(tenant, crypto.randomUUID(), text, { thread })])),
    thread: (tenant, thread) => texts(`${where('tenant', tenant)} AND ${where('thread', thread)}`),
    breakStorage: fillDisk,
    close: () => Promise.resolve(table.close()),
  }
}

function contender(care: Care, configured: string): Contender {
  return {
    isOurs: false,
    packages: ['@lancedb/lancedb', 'apache-arrow'],
    configured,
    keepsIn: ['folder'],
    hasVectors: true,
    hasOwnIds: true,
    async open(place) {
      return storeOver(await tableOf(await connect(place.folder), 'entries', care), place, care)
    },
    async openSpaces(place, names) {
      const database = await connect(place.folder)
      return Promise.all(names.map(async (name) => storeOver(await tableOf(database, name, care), place, care)))
    },
  }
}

export const lancedb: Contender = contender(
  { careful: false },
  'a table with an explicit schema; mergeInsert; filters are texts with the value in quotes, as its pages write them; delete, then optimize; spaces are tables',
)

export const lancedbWithCare: Contender = contender(
  { careful: true },
  'the same with setUnenforcedPrimaryKey, quotes in values doubled, and optimize({ cleanupOlderThan: now }) after delete',
)
