import { seededRandom } from '../../src/testing/index.ts'

/** What ails the disk under all workers at the moment. */
export type DiskTrouble = 'busy' | 'read-only' | 'disk-io' | 'disk-full'

/** How much chaos there is, and the record of what happened. */
export interface Weather {
  /** The only source of chance: the same seed gives the same story. */
  readonly random: () => number
  /** Set at the end, so that everything can come to rest. */
  isCalm: boolean
  disk: DiskTrouble | undefined
  /** Hints are dropped while it is down. */
  isBrokerDown: boolean
  /** Chance that a worker freezes with a write on its way, which is a zombie's when it arrives. */
  zombieOdds: number
  /** What happened, line by line. */
  readonly trace: string[]
  note(text: string): void
}

/** Stormy weather. @param now the simulation's time in milliseconds since its beginning. */
export function createWeather(seed: number, now: () => number): Weather {
  const trace: string[] = []
  return {
    random: seededRandom(seed),
    isCalm: false,
    disk: undefined,
    isBrokerDown: false,
    zombieOdds: 0.03,
    trace,
    note: (text) => void trace.push(`${String(now()).padStart(7)} ms  ${text}`),
  }
}

/** One of some, or nothing where there is none. */
export function pick<T>(items: readonly T[], random: () => number): T | undefined {
  return items[Math.floor(random() * items.length)]
}
