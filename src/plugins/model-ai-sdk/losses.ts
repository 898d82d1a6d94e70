/** Notes that something could not be told to an older model. */
export type Lose = (feature: string, details: string) => void

/** What a call loses on its way to an older model. */
export interface Losses {
  readonly add: Lose
  /** The losses as V4 warnings. */
  readonly warnings: readonly object[]
}

/**
 * Collects the losses of one call. Each feature is noted once: answers are recorded with their warnings, and a prompt
 * may hold the same kind of part a hundred times.
 */
export function createLosses(): Losses {
  const features = new Set<string>()
  const warnings: object[] = []
  return {
    warnings,
    add(feature, details) {
      if (features.has(feature)) return
      features.add(feature)
      warnings.push({ type: 'unsupported', feature, details })
    },
  }
}
