import { OpspawnError, type RunFilter, type RunPage, type Signal } from '../../core/index.ts'
import { isPassedOn } from './inbox.ts'
import { forgetHistory, historySize, toRecord, type MemoryRun } from './memory-run.ts'

const DEFAULT_PAGE = 100
/** Runs that went on one after the other: so far a signal follows them. */
const MAX_LINKS = 10_000

/** Of how many finished runs the histories are kept. */
export interface KeptHistories {
  readonly runs: number
  /** Past so many events, and messages of the conversations before them, together fewer are kept, but never fewer than `least`. */
  readonly size: number
  readonly least: number
}

/** Finds runs: by id, by idempotency key, and for listings. Forgets the longest finished ones past `retain`. */
export class Catalog {
  readonly #retain: number
  readonly #histories: KeptHistories
  readonly #runs = new Map<string, MemoryRun>()
  readonly #keys = new Map<string, MemoryRun>()
  /** Runs of a session, of a parent and below a root, in order of acceptance. */
  readonly #sessions = new Map<string, Set<MemoryRun>>()
  readonly #children = new Map<string, Set<MemoryRun>>()
  readonly #trees = new Map<string, Set<MemoryRun>>()
  /** Finished runs in the order in which they finished; those before `#kept` are gone, the histories before `#told` too. */
  #finished: (MemoryRun | undefined)[] = []
  #kept = 0
  #told = 0
  /** Of the kept histories of finished runs together. */
  #size = 0

  constructor(retain: number, histories: KeptHistories) {
    this.#retain = retain
    this.#histories = histories
  }

  get(runId: string): MemoryRun | undefined {
    return this.#runs.get(runId)
  }

  running(): readonly MemoryRun[] {
    return [...this.#runs.values()].filter(({ status }) => status === 'running')
  }

  /** The run that a signal is for: the one that it names, or that which goes on in its place. */
  current(runId: string, signal: Signal): MemoryRun | undefined {
    let run = this.get(runId)
    for (let links = 0; run?.successor !== undefined && isPassedOn(signal) && links < MAX_LINKS; links += 1)
      run = this.get(run.successor)
    return run
  }

  byKey(tenant: string, idempotencyKey: string): MemoryRun | undefined {
    return this.#keys.get(inTenant(tenant, idempotencyKey))
  }

  add(run: MemoryRun): void {
    const { runId, tenant, session, parent, rootId } = run.origin
    this.#runs.set(runId, run)
    if (run.idempotencyKey !== undefined) this.#keys.set(inTenant(tenant, run.idempotencyKey), run)
    if (session !== undefined) join(this.#sessions, inTenant(tenant, session), run)
    if (parent !== undefined) join(this.#children, parent.runId, run)
    if (rootId !== runId) join(this.#trees, rootId, run)
  }

  /** Notes that a run has ended, and forgets first histories, then whole runs, of those that ended first. */
  finish(run: MemoryRun): void {
    const finished = this.#finished
    finished.push(run)
    this.#size += historySize(run)
    while (this.#isTooMuch(finished.length - this.#told)) {
      this.#letGo(finished[this.#told])
      this.#told += 1
    }
    if (finished.length - this.#kept <= this.#retain) return
    const gone = finished[this.#kept]
    finished[this.#kept] = undefined
    this.#kept += 1
    this.#letGo(gone)
    if (gone !== undefined) this.#remove(gone)
    // Half of the list is empty now and then: then it is moved up.
    if (this.#kept < 1_000 || this.#kept * 2 < finished.length) return
    this.#finished = finished.slice(this.#kept)
    this.#told = Math.max(0, this.#told - this.#kept)
    this.#kept = 0
  }

  /** @throws OpspawnError `OPTIONS_INVALID` for a cursor that no listing gave. */
  list(filter: RunFilter, page: { readonly cursor?: string; readonly limit?: number }): RunPage {
    const before = page.cursor === undefined ? Infinity : Number(page.cursor)
    if (Number.isNaN(before))
      throw new OpspawnError('OPTIONS_INVALID', `cursor ${JSON.stringify(page.cursor)} does not come from a listing`)
    const limit = page.limit ?? DEFAULT_PAGE
    const found: MemoryRun[] = []
    const candidates = this.#candidates(filter)
    for (let index = candidates.length - 1; index >= 0; index -= 1) {
      const run = candidates[index] as MemoryRun
      if (run.ordinal >= before || !isMatch(run, filter)) continue
      if (found.length === limit) return { runs: found.map(toRecord), cursor: String(found.at(-1)?.ordinal ?? before) }
      found.push(run)
    }
    return { runs: found.map(toRecord) }
  }

  clear(): void {
    for (const map of [this.#runs, this.#keys, this.#sessions, this.#children, this.#trees]) map.clear()
    this.#finished = []
    this.#kept = 0
    this.#told = 0
    this.#size = 0
  }

  #isTooMuch(histories: number): boolean {
    const { runs, size, least } = this.#histories
    return histories > runs || (this.#size > size && histories > least)
  }

  #letGo(run: MemoryRun | undefined): void {
    if (run === undefined || run.forgottenAt !== undefined) return
    this.#size -= historySize(run)
    forgetHistory(run)
  }

  /** The smallest known group that holds all matches, in order of acceptance. */
  #candidates(filter: RunFilter): readonly MemoryRun[] {
    if (filter.runId !== undefined) return present(this.#runs.get(filter.runId))
    if (filter.parentId !== undefined) return [...(this.#children.get(filter.parentId) ?? [])]
    if (filter.rootId !== undefined) return [...present(this.#runs.get(filter.rootId)), ...(this.#trees.get(filter.rootId) ?? [])]
    if (filter.session !== undefined && filter.tenant !== undefined)
      return [...(this.#sessions.get(inTenant(filter.tenant, filter.session)) ?? [])]
    return [...this.#runs.values()]
  }

  #remove(run: MemoryRun): void {
    const { runId, tenant, session, parent, rootId } = run.origin
    this.#runs.delete(runId)
    if (run.idempotencyKey !== undefined) this.#keys.delete(inTenant(tenant, run.idempotencyKey))
    if (session !== undefined) leave(this.#sessions, inTenant(tenant, session), run)
    if (parent !== undefined) leave(this.#children, parent.runId, run)
    if (rootId !== runId) leave(this.#trees, rootId, run)
  }
}

/** The length in front keeps pairs apart that would read the same when joined. */
function inTenant(tenant: string, name: string): string {
  return `${tenant.length}:${tenant}${name}`
}

function join(groups: Map<string, Set<MemoryRun>>, key: string, run: MemoryRun): void {
  const group = groups.get(key)
  if (group === undefined) groups.set(key, new Set([run]))
  else group.add(run)
}

function leave(groups: Map<string, Set<MemoryRun>>, key: string, run: MemoryRun): void {
  const group = groups.get(key)
  group?.delete(run)
  if (group?.size === 0) groups.delete(key)
}

function present(run: MemoryRun | undefined): readonly MemoryRun[] {
  return run === undefined ? [] : [run]
}

function isMatch(run: MemoryRun, filter: RunFilter): boolean {
  const { origin } = run
  return (
    fits(filter.tenant, origin.tenant) &&
    fits(filter.agent, origin.agent) &&
    fits(filter.session, origin.session) &&
    fits(filter.parentId, origin.parent?.runId) &&
    fits(filter.rootId, origin.rootId) &&
    fits(filter.runId, origin.runId) &&
    (filter.status === undefined || filter.status.includes(run.status))
  )
}

function fits(wanted: string | undefined, value: string | undefined): boolean {
  return wanted === undefined || wanted === value
}
