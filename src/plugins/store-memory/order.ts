import type { Level, Line } from './line.ts'
import type { MemoryRun } from './memory-run.ts'

/** So long a run waits to rise by one priority, in milliseconds: none waits for ever, however many more urgent ones come. */
const AGE_MS = 60_000
/** The place of runs that were begun before: they go on ahead of those that were not. */
export const BEGUN = -1
/** Lines of tenants without waiting runs are kept up to so many, so that they need not be made anew for each run. */
const SPARE = 64

/**
 * Gives a run its place in its tenant's line. Places are called in turn: a tenant's next run stands one behind its last one,
 * and a tenant who had none waiting stands with the first. So each tenant gets every second call when there are two of
 * them, every third when there are three, however many runs one of them queues.
 *
 * @param first the run that waits for the same, and is called next.
 */
export function takePlace(run: MemoryRun, level: Level, first: MemoryRun | undefined): void {
  const { tenant } = run.origin
  let line = level.lines.get(tenant)
  if (line === undefined) level.lines.set(tenant, (line = { tenant, level, last: 0, waiting: 0 }))
  const floor = first === undefined || first.place === BEGUN ? level.served : first.place
  run.place = line.waiting === 0 ? floor : Math.max(floor, line.last + 1)
  line.last = run.place
  joinLine(run, line)
}

/** Counts a run that waits in its line. */
export function joinLine(run: MemoryRun, line: Line): void {
  line.waiting += 1
  run.line = line
}

/** The run waits no more. */
export function leaveLine(run: MemoryRun): void {
  const { line } = run
  if (line === undefined) return
  run.line = undefined
  line.waiting -= 1
  if (line.waiting === 0 && line.level.lines.size > SPARE) line.level.lines.delete(line.tenant)
}

/** The order at one priority: by place, then who was accepted first. */
export function comesBefore(left: MemoryRun, right: MemoryRun): boolean {
  if (left.place !== right.place) return left.place < right.place
  return left.createdAt !== right.createdAt ? left.createdAt < right.createdAt : left.ordinal < right.ordinal
}

/** Of runs that are first at their priorities, whether one goes before another now. */
export function isMoreUrgent(left: MemoryRun, right: MemoryRun, now: number): boolean {
  if (left.priority === right.priority) return comesBefore(left, right)
  const ahead = urgency(left, now) - urgency(right, now)
  return ahead === 0 ? left.priority > right.priority : ahead > 0
}

function urgency({ priority, readySince }: MemoryRun, now: number): number {
  return priority + Math.max(0, now - readySince) / AGE_MS
}
