/** Parts of `lancedb-child.ts`: very many tenants in one table. */
import { join } from 'node:path'
import { Index } from '@lancedb/lancedb'
import type { Memory } from 'opspawn'
import { cloudOf, wordless } from './lancedb-data.ts'
import {
  QUERIES,
  WARM,
  answering,
  dims,
  fillRaw,
  folder,
  milliseconds,
  ourMemory,
  rawTable,
  rows,
  sizeOf,
  textOf,
} from './lancedb-setup.ts'
import { median, quantile } from './statistics.ts'

const TENANTS = 1_000
const MANY_ASKED = 300

/** P5: recall of one tenant of very many. */
export async function tenants(): Promise<Record<string, number>> {
  const cloud = cloudOf(dims, true)
  const raw = await rawTable()
  const each = rows / TENANTS
  const tenantOf = (at: number): string => `tenant-${Math.floor(at / each)}`
  await fillRaw(raw, rows, (at) => ({ key: `row-${at}`, tenant: tenantOf(at), text: textOf(at), vector: cloud.vector(at) }))
  await raw.createIndex('tenant', { config: Index.btree() })
  await raw.optimize()
  await using memory = ourMemory(cloud)
  const figures = await fillAndKeep(memory)
  const times = await answering({
    opspawn: (at: number) => oneTenant(memory, at),
    floor: (at: number) =>
      raw
        .query()
        .nearestTo(cloud.vector(QUERIES + at))
        .distanceType('cosine')
        .where(`tenant = 'tenant-${(at * 37) % TENANTS}'`)
        .select(['key', 'text', '_distance'])
        .limit(10)
        .toArray(),
  })
  for (const [name, value] of Object.entries(times)) figures[`${name} lance-tenant`] = value
  return { ...figures, ...sizes() }
}

/** The large table, ours alone: also while upkeep is at work, and opened again. */
export async function million(): Promise<Record<string, number>> {
  const cloud = cloudOf(dims, true)
  let figures: Record<string, number>
  {
    await using memory = ourMemory(cloud)
    figures = await fillAndKeep(memory)
    await tell(figures, 'tenant', memory)
  }
  const again = ourMemory(cloud)
  figures['opspawn lance-open'] = await milliseconds(() => oneTenant(again, 1))
  await tell(figures, 'reopened', again)
  await again[Symbol.asyncDispose]()
  return { ...figures, ...sizes() }
}

/** Takes in the rows of all tenants, eight tenants at a time, and recalls before, during and after upkeep. */
async function fillAndKeep(memory: Memory): Promise<Record<string, number>> {
  const figures: Record<string, number> = {}
  const each = rows / TENANTS
  let next = 0
  const began = performance.now()
  async function fill(): Promise<void> {
    while (next < TENANTS) {
      const tenant = next++
      const entries = Array.from({ length: each }, (_, at) => ({ kind: 'fact', text: textOf(tenant * each + at) }) as const)
      await memory.bind({ tenant: `tenant-${tenant}` }).append(entries)
      const done = (tenant + 1) * each
      const seconds = (performance.now() - began) / 1_000
      if (tenant % 50 === 49) console.error(`${done.toLocaleString('en')} rows, ${Math.round(seconds)} s, ${mebibytes()} MiB`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, fill))
  figures['opspawn lance-insert'] = (performance.now() - began) / 1_000
  figures['opspawn lance-filled'] = mebibytes()
  await tell(figures, 'unkept', memory)
  const from = performance.now()
  let isKept = false
  const keeping = memory.maintain().finally(() => (isKept = true))
  const during: number[] = []
  while (!isKept) during.push(await milliseconds(() => oneTenant(memory, during.length)))
  await keeping
  figures['opspawn lance-maintain'] = (performance.now() - from) / 1_000
  noteTimes(figures, 'during', during)
  return figures
}

async function tell(figures: Record<string, number>, row: string, memory: Memory): Promise<void> {
  const times: number[] = []
  for (let at = 0; at < WARM + MANY_ASKED; at += 1) times.push(await milliseconds(() => oneTenant(memory, at)))
  noteTimes(figures, row, times.slice(WARM))
}

function noteTimes(figures: Record<string, number>, row: string, times: readonly number[]): void {
  figures[`opspawn lance-${row}`] = median(times)
  figures[`opspawn lance-${row}-p99`] = quantile(times, 0.99)
}

function sizes(): Record<string, number> {
  return {
    'opspawn lance-disk': sizeOf(join(folder, 'ours')).bytes / (rows * dims * 4),
    'opspawn lance-rss': mebibytes(),
    'opspawn lance-peak': Math.round(process.resourceUsage().maxRSS / 1_024),
  }
}

async function oneTenant(memory: Memory, at: number): Promise<void> {
  const { items } = await memory.bind({ tenant: `tenant-${(at * 37) % TENANTS}` }).recall(wordless(QUERIES + at))
  if (items.length !== 10) throw new Error(`a recall gave ${items.length} records instead of 10`)
}

const mebibytes = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20)
