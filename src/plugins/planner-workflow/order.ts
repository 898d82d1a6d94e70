import type { Report } from './problem.ts'
import { nearest } from './structure.ts'

/** Who needs whom, by index. */
export interface Order {
  /** What each task needs. */
  readonly needs: readonly (readonly number[])[]
  /** Each task behind those that it needs. */
  readonly sorted: readonly number[]
  /** Whether one task is settled whenever the other runs. */
  isBefore(earlier: number, later: number): boolean
}

/** A task's name with what it says it needs. */
export interface Needing {
  readonly name: string
  readonly needs: readonly string[]
  /** Whether `needs` is a list in the document, for the places of problems. */
  readonly isList: boolean
}

/** Joins tasks into a graph, and reports what is missing, named twice or goes in a circle. In time linear in what there is. */
export function orderTasks(tasks: readonly Needing[], report: Report): Order {
  const byName = new Map(tasks.map(({ name }, index) => [name, index]))
  const needs = tasks.map((task) => resolveNeeds(task, byName, report))
  const dependents: number[][] = tasks.map(() => [])
  const missing = needs.map((list, index) => {
    for (const need of list) dependents[need]?.push(index)
    return list.length
  })
  const sorted = missing.flatMap((count, index) => (count === 0 ? [index] : []))
  // The list grows while it is gone through.
  for (const index of sorted) {
    for (const dependent of dependents[index] ?? []) {
      missing[dependent] = (missing[dependent] ?? 0) - 1
      if (missing[dependent] === 0) sorted.push(dependent)
    }
  }
  if (sorted.length < tasks.length) reportCycles(tasks, needs, new Set(sorted), report)
  const before = ancestors(needs, sorted)
  return {
    needs,
    sorted,
    isBefore: (earlier, later) => (((before[later]?.[earlier >> 5] ?? 0) >>> (earlier & 31)) & 1) === 1,
  }
}

function resolveNeeds(task: Needing, byName: ReadonlyMap<string, number>, report: Report): readonly number[] {
  const found = new Set<number>()
  for (const [position, need] of task.needs.entries()) {
    const path = ['tasks', task.name, 'needs', ...(task.isList ? [position] : [])]
    const index = byName.get(need)
    if (index === undefined) {
      const near = nearest(need, [...byName.keys()])
      const hint = near === undefined ? '' : `; did you mean "${near}"?`
      report.add('needs', path, `there is no task ${JSON.stringify(need)} to need${hint}`)
    } else if (found.has(index)) report.add('needs', path, `the task "${need}" is needed twice; name it once`)
    else found.add(index)
  }
  return [...found]
}

/** Names one circle for each group of tasks that wait for one another. */
function reportCycles(
  tasks: readonly Needing[],
  needs: readonly (readonly number[])[],
  sorted: ReadonlySet<number>,
  report: Report,
): void {
  const seen = new Set<number>(sorted)
  for (let start = 0; start < tasks.length; start += 1) {
    const way: number[] = []
    const place = new Map<number, number>()
    let at: number | undefined = start
    while (at !== undefined && !seen.has(at)) {
      seen.add(at)
      place.set(at, way.length)
      way.push(at)
      at = needs[at]?.find((need) => !sorted.has(need))
    }
    const from = at === undefined ? undefined : place.get(at)
    if (from === undefined) continue
    const names = [...way.slice(from), at as number].map((index) => tasks[index]?.name ?? '')
    const text = names.length > 12 ? [...names.slice(0, 6), `… ${names.length - 11} more …`, ...names.slice(-5)] : names
    const path = ['tasks', names[0] ?? '', 'needs']
    report.add('cycle', path, `tasks need one another in a circle: ${text.join(' → ')}`, 'key')
  }
}

/** All that is behind each task, as bits. */
function ancestors(needs: readonly (readonly number[])[], sorted: readonly number[]): readonly Uint32Array[] {
  const words = Math.ceil(needs.length / 32)
  const before = needs.map(() => new Uint32Array(words))
  for (const index of sorted) {
    const own = before[index] as Uint32Array
    for (const need of needs[index] ?? []) {
      const other = before[need] as Uint32Array
      for (let word = 0; word < words; word += 1) own[word] = (own[word] ?? 0) | (other[word] ?? 0)
      own[need >> 5] = (own[need >> 5] ?? 0) | (1 << (need & 31))
    }
  }
  return before
}
