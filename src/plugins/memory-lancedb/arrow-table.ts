import type { Data, Field, Schema, Table } from 'apache-arrow'
import { COLUMNS, type ColumnKind, type Row } from './columns.ts'
import type { Library } from './library.ts'

/** The name of the column of vectors. */
export const VECTOR = 'vector'

type Arrow = Library['arrow']
type Values = readonly (Row[string] | Float32Array | undefined)[]

/** The schema of a table without vectors. */
export function makeSchema(arrow: Arrow, about: ReadonlyMap<string, string>): Schema {
  const types = {
    text: () => new arrow.Utf8(),
    number: () => new arrow.Float64(),
    texts: () => new arrow.List(new arrow.Field('item', new arrow.Utf8(), true)),
  }
  const fields = Object.entries(COLUMNS).map(
    ([name, { kind, nullable = false }]) => new arrow.Field(name, types[kind](), nullable) as Field,
  )
  return new arrow.Schema(fields, new Map(about))
}

/** The column of vectors of so many numbers. */
export function vectorField(arrow: Arrow, dims: number): Field {
  return new arrow.Field(VECTOR, new arrow.FixedSizeList(dims, new arrow.Field('item', new arrow.Float32(), true)), true)
}

/**
 * Writes rows as one batch of a table with that schema, its vectors beside them. LanceDB would do it too, some ten times slower,
 * and would pad or cut a vector of the wrong length.
 */
export function makeTable(
  arrow: Arrow,
  schema: Schema,
  rows: readonly Row[],
  vectors: readonly (Float32Array | undefined)[],
): Table {
  const children = schema.fields.map((field) => {
    if (field.name === VECTOR) return vectorData(arrow, field, vectors)
    const values = rows.map((row) => row[field.name])
    return WRITERS[(COLUMNS[field.name] as { readonly kind: ColumnKind }).kind](arrow, field, values)
  })
  const data = arrow.makeData({ type: new arrow.Struct(schema.fields), length: rows.length, nullCount: 0, children })
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, data)])
}

/** Reads what a query finds. Arrow's own rows look up each value when it is asked for, which takes longer. */
export async function rowsOf(query: { toArrow(): Promise<unknown> }): Promise<readonly Row[]> {
  const table = (await query.toArrow()) as Table
  const columns = table.schema.fields.map(({ name }, at) => [name, table.getChildAt(at)] as const)
  return Array.from({ length: table.numRows }, (_, row) =>
    Object.fromEntries(columns.map(([name, column]) => [name, column?.get(row) as Row[string]])),
  )
}

const WRITERS: Readonly<Record<ColumnKind, (arrow: Arrow, field: Field, values: Values) => Data>> = {
  text: (arrow, { type }, values) => textData(arrow, type, values),
  number: (arrow, { type }, values) => arrow.makeData({ type, ...validity(values), data: numbersOf(values) } as never),
  texts: (arrow, { type }, values) => {
    const lists = values as readonly (readonly string[])[]
    const child = textData(arrow, (type as unknown as { readonly children: readonly [Field] }).children[0].type, lists.flat())
    return arrow.makeData({
      type,
      length: lists.length,
      nullCount: 0,
      valueOffsets: offsets(lists.map((list) => list.length)),
      child,
    } as never)
  },
}

function numbersOf(values: Values): Float64Array {
  const numbers = new Float64Array(values.length)
  // `Float64Array.from` with a function takes several times as long.
  for (let at = 0; at < numbers.length; at += 1) numbers[at] = (values[at] ?? 0) as number
  return numbers
}

function textData(arrow: Arrow, type: Field['type'], values: Values): Data {
  const texts = values as readonly (string | null | undefined)[]
  // No text takes more than three bytes for each of its units. To write all into one buffer spares a buffer for each.
  const room = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + 3 * (text?.length ?? 0), 0))
  const valueOffsets = new Int32Array(texts.length + 1)
  let end = 0
  for (let at = 0; at < texts.length; at += 1) {
    end += room.write(texts[at] ?? '', end)
    valueOffsets[at + 1] = end
  }
  return arrow.makeData({ type, ...validity(values), valueOffsets, data: room.subarray(0, end) } as never)
}

function vectorData(arrow: Arrow, { type }: Field, vectors: readonly (Float32Array | undefined)[]): Data {
  const { listSize, children } = type as unknown as { readonly listSize: number; readonly children: readonly [Field] }
  const flat = new Float32Array(vectors.length * listSize)
  vectors.forEach((vector, at) => vector !== undefined && flat.set(vector, at * listSize))
  const child = arrow.makeData({ type: children[0].type, length: flat.length, nullCount: 0, data: flat } as never)
  return arrow.makeData({ type, ...validity(vectors), child } as never)
}

function offsets(lengths: readonly number[]): Int32Array {
  const result = new Int32Array(lengths.length + 1)
  lengths.forEach((length, at) => (result[at + 1] = (result[at] as number) + length))
  return result
}

function validity(values: Values): { readonly length: number; readonly nullCount: number; readonly nullBitmap?: Uint8Array } {
  const { length } = values
  const nullBitmap = new Uint8Array(Math.ceil(length / 8))
  let nullCount = 0
  for (let at = 0; at < length; at += 1)
    if (values[at] === undefined || values[at] === null) nullCount += 1
    else nullBitmap[at >> 3] = (nullBitmap[at >> 3] as number) | (1 << (at & 7))
  return { length, nullCount, ...(nullCount > 0 && { nullBitmap }) }
}
