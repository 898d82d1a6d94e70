/** What the parts of `lancedb-child.ts` share: what it was given, tables to fill, and how times are taken. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Table } from '@lancedb/lancedb'
import { Field, FixedSizeList, Float32, Schema, Utf8 } from 'apache-arrow'
import { lancedbMemory } from 'opspawn/plugins/memory-lancedb'
import type { Memory, MemoryHandle } from 'opspawn'
import { seeded } from './seeded.ts'
import { embedderOf, sentence, type Cloud } from './lancedb-data.ts'
import { median } from './statistics.ts'

const [, , givenPart = '', givenFolder = '', rowsText = '10000', dimsText = '384'] = process.argv
export const part: string = givenPart
export const folder: string = givenFolder
export const rows: number = Number(rowsText)
export const dims: number = Number(dimsText)
/** Rows that are given to LanceDB at once, raw or ours. */
export const STEP = 5_000
export const ASKED = 60
export const WARM = 10
/** Numbers of queries, beyond those of rows. */
export const QUERIES = 50_000_000

export const random: () => number = seeded(20_261_121)
export const textOf = (at: number): string => `${at} ${sentence(random, 10, 30)}`

export interface Row extends Record<string, unknown> {
  readonly key: string
  readonly tenant: string
  readonly text: string
  readonly vector: Float32Array
}

export async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

/** Medians of some ways to answer, asked in turn. */
export async function answering(
  ways: Readonly<Record<string, (at: number) => Promise<unknown>>>,
): Promise<Record<string, number>> {
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
  for (let at = 0; at < ASKED; at += 1)
    for (const [name, ask] of Object.entries(ways)) {
      const took = await milliseconds(() => ask(at))
      if (at >= WARM) times.get(name)?.push(took)
    }
  return Object.fromEntries([...times].map(([name, all]) => [name, median(all)]))
}

export async function rawTable(name = 'raw'): Promise<Table> {
  const schema = new Schema([
    ...['key', 'tenant', 'text'].map((name) => new Field(name, new Utf8(), false)),
    new Field('vector', new FixedSizeList(dims, new Field('item', new Float32(), true)), true),
  ])
  return (await connect(join(folder, name))).createEmptyTable('rows', schema)
}

export async function fillRaw(table: Table, count: number, make: (at: number) => Row): Promise<void> {
  for (let from = 0; from < count; from += STEP)
    await table.add(Array.from({ length: Math.min(STEP, count - from) }, (_, at) => make(from + at)))
}

export function ourMemory(cloud: Cloud, name = 'ours'): Memory & AsyncDisposable {
  return lancedbMemory({ path: join(folder, name), embedder: embedderOf(cloud) })
}

export async function fillOurs(handle: MemoryHandle, count: number, text: (at: number) => string): Promise<void> {
  for (let from = 0; from < count; from += STEP)
    await handle.append(
      Array.from(
        { length: Math.min(STEP, count - from) },
        (_, at) => ({ id: `row-${from + at}`, kind: 'fact', text: text(from + at) }) as const,
      ),
    )
}

export function sizeOf(path: string): { readonly files: number; readonly bytes: number } {
  const all = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return {
    files: all.length,
    bytes: all.reduce(
      (sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    ),
  }
}
