import type { Issue } from '../../../core/index.ts'

/** What the validator says of one place. */
export interface ValidatorError {
  readonly keywordLocation: string
  readonly instanceLocation: string
  readonly error: string
}

const MOST_ISSUES = 20

/** The deepest locations: the outer keywords repeat what those below them say. */
export function issuesOf(errors: readonly ValidatorError[]): readonly Issue[] {
  const deepest = errors.filter(
    (one) => !errors.some((other) => other !== one && other.keywordLocation.startsWith(`${one.keywordLocation}/`)),
  )
  return deepest
    .slice(0, MOST_ISSUES)
    .map(({ instanceLocation, error }) => ({ path: instanceLocation.replace(/^#\/?/, '/'), message: error }))
}
