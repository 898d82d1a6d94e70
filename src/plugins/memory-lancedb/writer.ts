import type { MemoryRecord, MemoryScope, OperationOptions } from '../../core/index.ts'
import { encodeScope, untilAborted, type TakenPlaces } from '../../remembering/index.ts'
import { VECTOR } from './arrow-table.ts'
import { RECORD, keyOf, placeOf, recordReader, toRow } from './columns.ts'
import { quote, quoteAll } from './predicate.ts'
import type { RecordTable } from './table.ts'

/** A record to write; without a vector it keeps the one it has, if its text is the same. */
export type Put = { readonly record: MemoryRecord; readonly vector?: Float32Array | undefined }

/** What a write decides by: the table, and what the writes before it in the same commit came to. */
export interface View extends TakenPlaces {
  find(scope: MemoryScope, id: string): MemoryRecord | undefined
}

/** A write: what it must know, and what it comes to. */
export interface Write<T> {
  /** Scopes whose last `seq` it needs. */
  readonly scopes: readonly MemoryScope[]
  /** Records that it may ask for. */
  readonly finds: readonly { readonly scope: MemoryScope; readonly id: string }[]
  /** Records whose ids were made at random just now: they are not in the table. @default none */
  readonly made?: Write<T>['finds']
  /** Places that it may ask for. @default none */
  readonly places?: readonly { readonly scope: MemoryScope; readonly seq: number }[]
  /** Whether what it changes leaves bytes behind that must go. @default false */
  readonly leavesGarbage?: boolean
  /** @throws OpspawnError when it cannot be done; the other writes of the commit go on. */
  readonly plan: (view: View) => { readonly puts: readonly Put[]; readonly result: T }
}

/** The one way to the table: writes that wait for each other are committed together, other work is done alone. */
export interface Writer {
  write<T>(write: Write<T>, options?: OperationOptions): Promise<T>
  /** Does something under both locks, alone. */
  alone<T>(work: () => Promise<T>, options?: OperationOptions): Promise<T>
  /** Refuses what comes from now on. Done when everything that was asked for before is. */
  close(): Promise<void>
}

/** Records that are looked for or written in one commit: a commit costs the same for one as for hundreds. */
const BATCH = 4096
/** Values in one `IN`. */
const CHUNK = 1000
/** Scopes in one predicate, each with a bound of its own: longer ones are nested too deep for LanceDB's parser. */
const BOUNDED = 100

type Job = {
  readonly size: number
  readonly write: Write<unknown> | undefined
  readonly start: () => boolean
  readonly work: (() => Promise<unknown>) | undefined
  readonly settle: (outcome: () => unknown) => void
}

/** Makes the writer of a table. `onCommit` is told of every commit, `closed` makes the error of what comes too late. */
export function createWriter(table: RecordTable, onCommit: () => void, closed: () => Error): Writer {
  const waiting: Job[] = []
  const seqs = createSeqs(table)
  let running: Promise<void> | undefined
  let isClosed = false

  async function ask<T>(job: Pick<Job, 'size' | 'write' | 'work'>, { signal }: OperationOptions = {}): Promise<T> {
    if (isClosed) throw closed()
    const result = new Promise<T>((resolve, reject) => {
      waiting.push({
        ...job,
        start() {
          if (signal?.aborted === true) reject(signal.reason as Error)
          return signal?.aborted !== true
        },
        settle: (outcome) => resolve((async () => outcome() as T)()),
      })
    })
    running ??= drain()
    // Who has aborted by now hears it from the signal, and not from the job.
    result.catch(() => {})
    return untilAborted(result, signal)
  }
  async function drain(): Promise<void> {
    // Who asks in the same moment comes along; who asks while a commit is under way comes with the next.
    await new Promise<void>((resolve) => void setImmediate(resolve))
    while (waiting.length > 0) {
      const jobs = take(waiting).filter((job) => job.start())
      if (jobs.length > 0) await perform(jobs)
    }
    running = undefined
  }
  async function perform(jobs: readonly Job[]): Promise<void> {
    const [{ work }] = jobs as [Job]
    try {
      if (work === undefined) await table.lock.hold(() => commit(table, seqs, jobs))
      else {
        const result = await table.lock.hold(() => table.tidying.hold(work))
        jobs[0]?.settle(() => result)
      }
    } catch (error) {
      for (const job of jobs)
        job.settle(() => {
          throw error
        })
      return
    }
    onCommit()
  }

  return {
    write: (write, options) => ask({ size: sizeOf(write), write: write as Write<unknown>, work: undefined }, options),
    alone: (work, options) => ask({ size: BATCH, write: undefined, work }, options),
    async close() {
      isClosed = true
      while (running !== undefined) await running
    },
  }
}

function sizeOf({ finds, made = [] }: Pick<Write<unknown>, 'finds' | 'made'>): number {
  return Math.max(1, finds.length + made.length)
}

/** Takes the writes at the head, as many as go into a commit, or one piece of work. */
function take(waiting: Job[]): readonly Job[] {
  let count = 1
  let size = waiting[0]?.size ?? 0
  while (waiting[0]?.work === undefined && waiting[count] !== undefined && waiting[count]?.work === undefined) {
    size += waiting[count]?.size ?? 0
    if (size > BATCH) break
    count += 1
  }
  return waiting.splice(0, count)
}

async function commit(table: RecordTable, seqs: Seqs, jobs: readonly Job[]): Promise<void> {
  const writes = jobs.map((job) => job.write as Write<unknown>)
  const finds = writes.flatMap((write) => write.finds)
  const places = writes.flatMap((write) => write.places ?? [])
  const [records, taken] = await Promise.all([
    recordsOf(table, finds),
    takenOf(table, places),
    seqs.load(writes.flatMap((write) => write.scopes)),
  ])
  const present = new Set(records.keys())
  const puts = new Map<string, Put>()
  const view: View = {
    find: (scope, id) => records.get(keyOf(scope, id)),
    lastSeq: (scope) => seqs.last(scope),
    isTaken: (scope, seq) => taken.has(placeOf(encodeScope(scope), seq)),
  }
  let leavesGarbage = false
  const outcomes = writes.map((write) => {
    try {
      const plan = write.plan(view)
      leavesGarbage ||= write.leavesGarbage === true
      for (const put of plan.puts) {
        const key = keyOf(put.record.scope, put.record.id)
        puts.set(key, withVector(put, records.get(key), puts.get(key)))
        records.set(key, put.record)
        taken.add(placeOf(encodeScope(put.record.scope), put.record.seq))
        seqs.raise(put.record)
      }
      return () => plan.result
    } catch (error) {
      return () => {
        throw error
      }
    }
  })
  // New rows go beside the files that upkeep may be folding; the others are in them.
  const isChange = [...puts.keys()].some((key) => present.has(key))
  const known = new Set([...finds, ...writes.flatMap((write) => write.made ?? [])].map(({ scope, id }) => keyOf(scope, id)))
  const areNew = !isChange && [...puts.keys()].every((key) => known.has(key))
  const write = (): Promise<number> => writeOut(table, puts, areNew)
  try {
    if (leavesGarbage) await table.garbage.note()
    if (puts.size > 0) seqs.follow(await (isChange ? table.tidying.hold(write) : write()))
  } catch (error) {
    seqs.forget()
    throw error
  }
  jobs.forEach((job, at) => job.settle(outcomes[at] as () => unknown))
}

/** Of two writes of one record in a commit the later has the vector of the earlier, if the text is the same. */
function withVector(put: Put, before: MemoryRecord | undefined, pending: Put | undefined): Put {
  return put.vector === undefined && before?.text === put.record.text ? { ...put, vector: pending?.vector } : put
}

async function writeOut(table: RecordTable, puts: ReadonlyMap<string, Put>, areNew: boolean): Promise<number> {
  const given = [...puts.values()].find(({ vector }) => vector !== undefined)?.vector
  const size = await table.makeVectors(given?.length)
  const bare = [...puts].filter(([, { vector }]) => vector === undefined).map(([key]) => key)
  const kept = size === undefined || areNew ? new Map<string, Kept>() : await vectorsOf(table, bare)
  const rows = [...puts.values()].map(({ record }) => toRow(record))
  const vectors = [...puts].map(([key, { record, vector }]) => {
    const old = kept.get(key)
    return vector ?? (old?.text === record.text ? old.vector : undefined)
  })
  return table.merge(rows, vectors, areNew)
}

type Kept = { readonly text: string; readonly vector: Float32Array }

async function vectorsOf(table: RecordTable, keys: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
  const kept = new Map<string, Kept>()
  for (const part of chunks(keys)) {
    const where = `key IN (${quoteAll(part)}) AND ${VECTOR} IS NOT NULL`
    for (const row of await table.read((query) => query.where(where).select(['key', 'text', VECTOR])))
      kept.set(row['key'] as string, {
        text: row['text'] as string,
        vector: Float32Array.from(row[VECTOR] as unknown as Iterable<number>),
      })
  }
  return kept
}

async function recordsOf(table: RecordTable, finds: Write<unknown>['finds']): Promise<Map<string, MemoryRecord>> {
  const read = recordReader()
  const records = new Map<string, MemoryRecord>()
  for (const part of chunks([...new Set(finds.map(({ scope, id }) => keyOf(scope, id)))]))
    for (const row of await table.read((query) => query.where(`key IN (${quoteAll(part)})`).select(['key', RECORD])))
      records.set(row['key'] as string, read(row))
  return records
}

async function takenOf(
  table: RecordTable,
  places: readonly { readonly scope: MemoryScope; readonly seq: number }[],
): Promise<Set<string>> {
  const taken = new Set<string>()
  for (const part of chunks(places.map(({ scope, seq }) => placeOf(encodeScope(scope), seq))))
    for (const row of await table.read((query) => query.where(`place IN (${quoteAll(part)})`).select(['place'])))
      taken.add(row['place'] as string)
  return taken
}

/** The highest `seq` of each scope; looked up again when somebody else has written. */
interface Seqs {
  load(scopes: readonly MemoryScope[]): Promise<void>
  last(scope: MemoryScope): number
  raise(record: MemoryRecord): void
  /** The own commit made the table that version. */
  follow(version: number): void
  /** What was raised did not happen. */
  forget(): void
}

function createSeqs(table: RecordTable): Seqs {
  const known = new Map<string, number>()
  const fresh = new Set<string>()
  let seen: number | undefined
  const raise = (scope: string, seq: number): void => void known.set(scope, Math.max(seq, known.get(scope) ?? 0))
  async function raiseFrom(where: string): Promise<void> {
    for (const row of await table.read((query) => query.where(where).select(['scope', 'seq'])))
      raise(row['scope'] as string, row['seq'] as number)
  }
  return {
    async load(scopes) {
      const version = await table.version()
      if (version !== seen) fresh.clear()
      seen = version
      const missing = [...new Set(scopes.map(encodeScope))].filter((scope) => !fresh.has(scope))
      // Of a scope that was looked up before only what came behind can matter.
      const [before = [], never = []] = [true, false].map((isKnown) => missing.filter((scope) => known.has(scope) === isKnown))
      for (const part of chunks(before, BOUNDED))
        await raiseFrom(part.map((scope) => `(scope = ${quote(scope)} AND seq > ${known.get(scope)})`).join(' OR '))
      for (const part of chunks(never)) await raiseFrom(`scope IN (${quoteAll(part)})`)
      for (const scope of missing) fresh.add(scope)
    },
    last: (scope) => known.get(encodeScope(scope)) ?? 0,
    raise: (record) => raise(encodeScope(record.scope), record.seq),
    follow: (version) => void (seen = version),
    forget() {
      known.clear()
      fresh.clear()
    },
  }
}

/** Lists that go into one predicate. */
export function* chunks<T>(items: readonly T[], size: number = CHUNK): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
