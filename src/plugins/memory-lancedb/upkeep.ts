import { INDEXED, isBehind, makeIndexes } from './indexes.ts'
import { leftovers } from './leftovers.ts'
import type { LancedbParts } from './options.ts'
import type { RecordTable } from './table.ts'
import { dropIndex, renewIndex, storedPlan } from './vector-index.ts'
import { planVectors } from './vector-plan.ts'
import { memoryFailed } from '../../remembering/index.ts'

/** Keeps a table tidy beside the writes, and removes for good what was forgotten. */
export interface Upkeep {
  /** Folds in the background what processes before this one left. */
  begin(): Promise<void>
  noteCommit(): void
  /** Folds in the background what is due by now. */
  look(): void
  /** Folds what was written into few files and the indexes, now, unless that has just been done and took long. @throws OpspawnError `MEMORY_FAILED` */
  fold(): Promise<void>
  /**
   * Removes what is no record any more from data, indexes and old versions. Whoever calls it holds both locks.
   *
   * @param texts that must be nowhere in the folder afterwards.
   * @throws OpspawnError `MEMORY_FAILED` (reason `erase-incomplete`)
   */
  purge(texts: readonly string[]): Promise<void>
  readonly failures: number
  readonly folds: number
  /** Done when nothing is under way. */
  idle(): Promise<void>
}

/** Commits after which files are folded, three of each: below, searching them one by one costs little. */
const COMMITS = 24
const PURGES = 3

/**
 * Makes the upkeep of a table.
 *
 * @param now milliseconds of a clock that only rises
 */
export function createUpkeep(
  table: RecordTable,
  { exactUpTo, path }: LancedbParts,
  now = (): number => performance.now(),
): Upkeep {
  // Each folding of a large table may write all of it anew, also where there is nothing new in it.
  let folded: number | undefined
  async function fold(): Promise<void> {
    await table.tidying.hold(async () => {
      if ((await table.version()) === folded) return
      const began = now()
      await table.optimize()
      await planVectors(table, exactUpTo)
      const version = await table.version()
      // What came meanwhile is in that version too, and is not folded.
      folded = now() - began > SHORT_MS && !(await table.ask('read', isBehind)) ? version : undefined
    })
  }
  const background = createBackground({ work: fold, every: COMMITS, now })
  return {
    async begin() {
      if ((await table.ask('read', (inner) => inner.listVersions())).length > COMMITS) background.start()
    },
    noteCommit: () => background.note(),
    look: () => background.look(),
    fold,
    async purge(texts) {
      const isOfAll = storedPlan(await table.vectors())?.kind === 'all'
      // It would be extended at every step, and is built anew in less time than that, behind the erasure.
      if (isOfAll) await dropIndex(table)
      let left: string | undefined
      for (let round = 0; round < PURGES; round += 1) {
        await rewrite(table)
        left = await leftovers(table, path, texts)
        if (left !== undefined) continue
        await table.garbage.clear()
        if (isOfAll) background.start()
        return
      }
      throw memoryFailed('erase-incomplete', `${path} still has ${left}; erase again`)
    },
    get failures() {
      return background.failures
    },
    get folds() {
      return background.runs
    },
    idle: () => background.idle(),
  }
}

async function rewrite(table: RecordTable): Promise<void> {
  await table.optimize()
  const latest = (await table.ask('read', (inner) => inner.listVersions())).at(-1)
  // LanceDB leaves the bytes of rows that are less than a tenth of their file; rows that are written anew leave theirs behind.
  if (latest?.metadata['total_deletion_files'] !== '0') {
    await table.ask('write', (inner) => inner.update({ valuesSql: { version: 'version' } }))
    await table.optimize()
  }
  await table.ask('write', (inner) => makeIndexes(inner, table.library, INDEXED))
  await renewIndex(table)
  await table.optimize(true)
}

/** What runs in the background, and how often it may. */
export interface BackgroundOptions {
  readonly work: () => Promise<void>
  /** Notes after which it runs. */
  readonly every: number
  /** Milliseconds of a clock that only rises. */
  readonly now: () => number
}

/** After work that took longer it rests, so many times as long: folding a large table writes all of it anew. */
const SHORT_MS = 1000
const REST = 2
/** So many times as many notes, and it rests no more: files would become too many to search. */
const PRESSING = 16
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 300_000

/** Work that is done now and then. */
export interface Background {
  readonly runs: number
  readonly failures: number
  start(): void
  note(): void
  /** Starts it if it is due: who notes nothing more may look. */
  look(): void
  idle(): Promise<void>
}

/**
 * Runs work after so many notes, one at a time. After work that took long it rests; after failures it waits longer each time, and a
 * success makes it forget them.
 */
export function createBackground({ work, every, now }: BackgroundOptions): Background {
  let running: Promise<void> | undefined
  let noted = 0
  let [runs, failures, inRow] = [0, 0, 0]
  let notBefore = 0

  function start(): void {
    noted = 0
    const began = now()
    const run = work().then(
      () => {
        runs += 1
        inRow = 0
        const took = now() - began
        notBefore = took > SHORT_MS ? now() + REST * took : 0
      },
      () => {
        failures += 1
        inRow += 1
        notBefore = now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (inRow - 1))
      },
    )
    running = run.finally(() => (running = undefined))
  }
  async function idle(): Promise<void> {
    while (running !== undefined) await running
  }
  function look(): void {
    const isPressing = inRow === 0 && noted >= every * PRESSING
    if (running === undefined && noted >= every && (isPressing || now() >= notBefore)) start()
  }
  return {
    get runs() {
      return runs
    },
    get failures() {
      return failures
    },
    start() {
      if (running === undefined) start()
    },
    note() {
      noted += 1
      look()
    },
    look,
    idle,
  }
}
