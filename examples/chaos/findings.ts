import type { RunEvent, RunRecord } from 'opspawn'

/** What became of one run. */
export interface Story {
  readonly record: RunRecord
  readonly events: readonly RunEvent[]
}

/** What a minute of chaos came to. */
export interface Findings {
  readonly lost: readonly string[]
  /** Effects with more than one recorded result, and unsafe ones that happened more than once. */
  readonly repeated: readonly string[]
  /** Unsafe calls that were interrupted: nobody knows whether they happened, and nobody repeated them. */
  readonly unknown: number
  readonly steps: number
  /** From the kill of a worker to the claim of its run by another one, in milliseconds, shortest first. */
  readonly recoveries: readonly number[]
}

/** Looks through all histories. `kills` has the time at which each worker was killed, by its id. */
export function examine(stories: readonly Story[], journal: readonly string[], kills: ReadonlyMap<string, number>): Findings {
  const lost = stories.filter(({ record }) => record.outcome === undefined).map(({ record }) => record.runId)
  const repeated = [...twice(journal)]
  const recoveries: number[] = []
  let unknown = 0
  let steps = 0
  for (const { record, events } of stories) {
    const ends = events.filter((event) => event.type === 'effect-end')
    steps += ends.length
    unknown += ends.filter(({ outcome }) => outcome.status === 'unknown').length
    repeated.push(...[...twice(ends.map(({ key }) => key))].map((key) => `${record.runId} ${key} (result)`))
    if (events.some((event, index) => event.seq !== index + 1)) lost.push(`${record.runId} (gap in its history)`)
    recoveries.push(...recoveriesOf(events, kills))
  }
  return { lost, repeated, unknown, steps, recoveries: recoveries.toSorted((left, right) => left - right) }
}

function recoveriesOf(events: readonly RunEvent[], kills: ReadonlyMap<string, number>): readonly number[] {
  const claims = events.filter((event) => event.type === 'run-claim')
  return claims.flatMap((claim, index) => {
    const next = claims[index + 1]
    const killedAt = kills.get(claim.worker)
    return next === undefined || killedAt === undefined ? [] : [Math.max(0, next.at - killedAt)]
  })
}

function twice(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>()
  return new Set(names.filter((name) => seen.size === seen.add(name).size))
}
