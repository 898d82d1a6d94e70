import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import * as nodeSqlite from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock, Store } from '../../src/index.ts'
import { memoryStore } from '../../src/plugins/store-memory/index.ts'
import { checkOptions } from '../../src/plugins/store-sqlite/options.ts'
import { FileStore } from '../../src/plugins/store-sqlite/sqlite-store.ts'
import { threadsOver } from '../durable/inline-threads.ts'
import { faultySqlite, sqliteError, type StatementHook } from './faulty-sqlite.ts'
import { sharedStore } from '../engine/support/wrappers.ts'
import type { Life } from './life.ts'
import { type DiskTrouble, pick, type Weather } from './weather.ts'

/** What is planted around the statements of each worker. */
export type Statements = (life: Life) => StatementHook

/** Where runs are kept in a simulation. */
export type BackendName = 'memory' | 'sqlite'

/** The store of one simulation, seen from its workers and from outside. */
export interface Backend {
  /** What one worker has of it; with a file, everything of it dies with the worker. */
  connect(life: Life): Store
  /** That no fault touches, for the world outside and the judge. */
  readonly truth: Store
  close(): Promise<void>
}

/** The in-memory store, shared by all workers: it outlives them, as a server would. */
function memoryBackend(clock: Clock): Backend {
  const truth = memoryStore({ clock, retain: 10_000, retainHistories: 10_000 })
  // For a worker it survives like a disk: runs go ahead of what they write.
  const durable = sharedStore(truth, { capabilities: { ...truth.capabilities, durability: 'disk' } })
  return { truth, connect: () => durable, close: async () => {} }
}

/** Chance of a fault at one statement, and of a crash. */
const FAULT_ODDS = 0.003
const CRASH_ODDS = 0.002
const PASSING: readonly DiskTrouble[] = ['busy', 'disk-io', 'disk-full']

/** Faults by chance and by weather, and now and then the worker's death, at any statement. */
function chance(weather: Weather, life: Life): StatementHook {
  return (sql, moment) => {
    const [word = ''] = sql.trimStart().split(/\W/, 1)
    if (weather.isCalm || word === 'ROLLBACK' || word === 'PRAGMA') return undefined
    const luck = weather.random()
    if (luck < CRASH_ODDS) {
      weather.note(`${life.name} dies ${moment} ${shorten(sql)}`)
      life.die()
      throw sqliteError('disk-io')
    }
    if (moment === 'after') return undefined
    const fault = faultAt(weather, word !== 'SELECT', luck)
    if (fault === undefined) return undefined
    weather.note(`${life.name}: ${fault} at ${shorten(sql)}`)
    throw sqliteError(fault)
  }
}

function faultAt({ disk, random }: Weather, writes: boolean, luck: number): DiskTrouble | undefined {
  if (disk !== undefined && writes && luck < 0.5) return disk
  return luck < CRASH_ODDS + FAULT_ODDS ? pick(PASSING, random) : undefined
}

/** First what was planted, then the weather; the dead execute nothing. */
function hooked(weather: Weather, life: Life, plant: StatementHook | undefined): StatementHook {
  const hook = chance(weather, life)
  return (sql, moment) => {
    if (life.isDead) throw sqliteError('disk-io')
    return plant?.(sql, moment) ?? hook(sql, moment)
  }
}

const shorten = (sql: string): string => sql.replaceAll(/\s+/g, ' ').trim().slice(0, 60)

/** A file with the schema in it, to be copied: making the schema anew takes as long as a short simulation. */
let template: string | undefined

async function emptyFile(folder: string): Promise<string> {
  if (template === undefined || !existsSync(template)) {
    template = join(mkdtempSync(join(tmpdir(), 'opspawn-template-')), 'runs.db')
    const made = template
    process.once('exit', () => rmSync(join(made, '..'), { recursive: true, force: true }))
    const store = new FileStore(checkOptions({ path: template, durability: 'process' }), threadsOver(nodeSqlite))
    await store.open()
    await store[Symbol.asyncDispose]()
  }
  const path = join(folder, 'runs.db')
  copyFileSync(template, path)
  return path
}

/** A SQLite file, opened by each worker for itself as by a process of its own. */
async function sqliteBackend(clock: Clock, weather: Weather, statements?: Statements): Promise<Backend> {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-simulation-'))
  const path = await emptyFile(folder)
  // So short that a lock that is held is an error at once: waiting would take real time.
  const settings = checkOptions({ path, durability: 'process', busyMs: 1e-6, clock })
  const open: [Life, FileStore][] = []
  const truth = new FileStore(settings, threadsOver(nodeSqlite))
  return {
    truth,
    connect(life) {
      const { sqlite, crash } = faultySqlite(hooked(weather, life, statements?.(life)))
      life.onDeath = crash
      const threads = threadsOver(sqlite, () => life.isDead)
      const store = new FileStore(settings, threads)
      open.push([life, store])
      return store
    },
    async close() {
      for (const [life, store] of open) if (!life.isDead) await store[Symbol.asyncDispose]()
      await truth[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Opens the store of a simulation. */
export async function openBackend(name: BackendName, clock: Clock, weather: Weather, statements?: Statements): Promise<Backend> {
  return name === 'memory' ? memoryBackend(clock) : sqliteBackend(clock, weather, statements)
}
