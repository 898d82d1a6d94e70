/** The waiting runs of a tenant at one priority. */
export interface Line {
  readonly tenant: string
  readonly level: Level
  /** The place of the one that came last. */
  last: number
  waiting: number
}

/** What is known of a queue at one priority. */
export interface Level {
  /** How far the places have been called. */
  served: number
  readonly lines: Map<string, Line>
}

/** Makes a level that nobody stands at. */
export function createLevel(): Level {
  return { served: 0, lines: new Map() }
}
