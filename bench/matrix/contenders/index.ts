import { existsSync } from 'node:fs'
import type { Contender } from '../contender.ts'

interface Column {
  /** Folder of the plugin of ours that it needs. */
  readonly plugin?: string
  /** Only what a process asks of is imported. */
  load(): Promise<Contender>
}

const all: Readonly<Record<string, Column>> = {
  'opspawn in-process': { plugin: 'memory-in-process', load: async () => (await import('./opspawn.ts')).inProcess },
  'opspawn keyv': { plugin: 'memory-keyv', load: async () => (await import('./opspawn.ts')).keyvMemory },
  'opspawn sqlite': { plugin: 'memory-sqlite', load: async () => (await import('./opspawn.ts')).sqliteMemory },
  'opspawn lancedb': { plugin: 'memory-lancedb', load: async () => (await import('./opspawn.ts')).lancedbMemory },
  'opspawn composite': { plugin: 'memory-composite', load: async () => (await import('./opspawn.ts')).compositeMemory },
  'LangGraph InMemoryStore': { load: async () => (await import('./langgraph.ts')).langgraph },
  'mem0 OSS': { load: async () => (await import('./mem0.ts')).mem0 },
  Keyv: { load: async () => (await import('./keyv.ts')).keyv },
  LanceDB: { load: async () => (await import('./lancedb.ts')).lancedb },
  'LanceDB with care': { load: async () => (await import('./lancedb.ts')).lancedbWithCare },
}

/** Whether that plugin stands in the built package; a peer always does. */
const isBuilt = ({ plugin }: Column): boolean =>
  plugin === undefined || existsSync(new URL(`../../../dist/plugins/${plugin}/index.js`, import.meta.url))

/** The columns, by title: our memories as far as they are built, then the peers. */
export const columns: ReadonlyMap<string, Column> = new Map(Object.entries(all).filter(([, column]) => isBuilt(column)))

/** Our memories that are not built, so have no column. */
export const missing: readonly string[] = Object.keys(all).filter((title) => !columns.has(title))
