import type { PinnedDefinition } from '../../core/index.ts'
import { showTime } from '../terminal/duration.ts'

/** What a run is pinned to, who has it, and what is different now. */
export function pinnedText({ definition, registered, latest, differences }: PinnedDefinition): string {
  const seen =
    registered === undefined
      ? 'no worker that registered it is on record'
      : `last registered ${showTime(registered.at)} by ${registered.by}`
  if (latest === undefined || latest.definition === definition) return `${definition}, ${seen}`
  const changed = differences.length === 0 ? '' : `: ${differences.join('; ')}`
  return `${definition}, ${seen}; the latest is ${latest.definition}, registered ${showTime(latest.at)}${changed}`
}
