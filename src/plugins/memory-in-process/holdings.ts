import { OpspawnError, type MemoryRecord, type MemoryScope } from '../../core/index.ts'
import { createScan, isExpired, memoryClosed, type Scan } from '../../remembering/index.ts'
import type { Commit } from './commit.ts'
import { openJournal, type Journal } from './journal.ts'
import type { InProcessParts } from './options.ts'
import { createSegment, type Segment } from './segment.ts'

/** All that a memory holds, by tenant, and the file that it is written to. Changes come through one queue. */
export interface Holdings {
  /** The tenant's records; empty where there are none. */
  segment(tenant: string): Segment
  segments(): readonly Segment[]
  /** @throws OpspawnError `MEMORY_MISMATCH` for a vector of another size than those that are here. */
  requireSize(vector: Float32Array | undefined): void
  /** Writes a change to the file, then makes it visible. */
  commit(change: Commit): Promise<void>
  /** Builds memory and file anew, without anything that was dropped or has expired. Only where there is something to remove. */
  cleanUp(): Promise<void>
  close(): Promise<void>
}

/** Opens what the options name. @throws OpspawnError as `openJournal` */
export async function openHoldings(parts: InProcessParts): Promise<Holdings> {
  const { path, sync, reembed, embedder, now } = parts
  // One for all tenants: what it scans with takes addresses of the process.
  const scan = createScan()
  let tenants = new Map<string, Segment>()
  // Lines of the file that say what is no more, or no more so.
  let garbage = 0
  let isClosed = false

  function segment(tenant: string): Segment {
    let found = tenants.get(tenant)
    if (found === undefined) tenants.set(tenant, (found = createSegment(scan)))
    return found
  }
  const isOfSize = (vector: Float32Array | undefined): boolean =>
    vector === undefined || vector.length === (dimsIn(tenants) ?? vector.length)
  function requireSize(vector: Float32Array | undefined): void {
    if (!isOfSize(vector)) throw otherSize(parts, dimsIn(tenants) ?? 0, vector?.length ?? 0)
  }
  function apply({ puts, drops }: Commit): void {
    for (const { record, vector } of puts) {
      const owner = segment(record.scope.tenant)
      if (owner.find(record.scope, record.id) !== undefined) garbage += 1
      // One of another size was damaged in the file; it is made anew.
      owner.put(record, isOfSize(vector) ? vector : undefined)
    }
    for (const { scope, id } of drops) {
      const record = segment(scope.tenant).find(scope, id)
      if (record !== undefined) segment(scope.tenant).drop(record)
      garbage += 1
    }
  }
  function* live(): Generator<Commit['puts'][number]> {
    for (const one of tenants.values()) for (const record of recordsOf(one)) yield { record, vector: one.vectorOf(record) }
  }

  const journal: Journal | undefined =
    path === undefined ? undefined : await openJournal({ path, sync, reembed, embedder: embedder?.id }, apply)
  if (journal?.isStale === true) await journal.rewrite(live())
  return {
    segment,
    segments: () => [...tenants.values()],
    requireSize,
    async commit(change) {
      if (isClosed) throw memoryClosed(parts.name)
      for (const { vector } of change.puts) requireSize(vector)
      await journal?.append(change)
      apply(change)
    },
    async cleanUp() {
      if (isClosed) throw memoryClosed(parts.name)
      const { fresh, expired } = cleaned(tenants, now(), scan)
      if (garbage === 0 && expired === 0) return
      tenants = fresh
      await journal?.rewrite(live())
      garbage = 0
    },
    async close() {
      isClosed = true
      await journal?.close()
      tenants = new Map()
    },
  }
}

/** Numbers of each vector, of whichever tenant; undefined where there is none. */
function dimsIn(tenants: ReadonlyMap<string, Segment>): number | undefined {
  for (const { dims } of tenants.values()) if (dims !== undefined) return dims
  return undefined
}

function otherSize({ path, name, embedder }: InProcessParts, expected: number, actual: number): OpspawnError {
  const text = `${path ?? `memory "${name}"`} has vectors of ${expected} numbers, and the embedder ${embedder?.id} now gives ${actual}`
  return new OpspawnError('MEMORY_MISMATCH', text, { details: { expected, actual } })
}

/** The same without what has expired, in structures that hold nothing else. */
function cleaned(
  tenants: ReadonlyMap<string, Segment>,
  time: number,
  scan: Scan,
): { readonly fresh: Map<string, Segment>; readonly expired: number } {
  const fresh = new Map<string, Segment>()
  let expired = 0
  for (const [tenant, one] of tenants) {
    const next = createSegment(scan)
    for (const record of recordsOf(one)) {
      if (isExpired(record, time)) expired += 1
      else next.put(record, one.vectorOf(record))
    }
    for (const shelf of one.shelves()) if (shelf.byId.size > 0) next.shelf(shelf.scope).lastSeq = shelf.lastSeq
    if (next.size > 0) fresh.set(tenant, next)
  }
  return { fresh, expired }
}

/** The records of a tenant, or of those of its scopes that are wanted, in the order of an export. */
export function* recordsOf(segment: Segment, wanted: (scope: MemoryScope) => boolean = () => true): Generator<MemoryRecord> {
  for (const shelf of segment.shelves()) {
    if (!wanted(shelf.scope)) continue
    for (const seq of shelf.seqs) {
      const slot = shelf.bySeq.get(seq)
      if (slot !== undefined) yield segment.at(slot)
    }
  }
}
