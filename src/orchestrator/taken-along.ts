import { OpspawnError, type RunEvent, type RunEventBody, toFailure } from '../core/index.ts'

/** What a fork takes along: the events behind its start, and the last one of the old run that it may hold. */
export interface TakenAlong {
  readonly seq: number
  readonly history: readonly RunEventBody[]
}

type Ended = RunEvent & { readonly type: 'effect-end' }

/**
 * The part of a history that a new run begins with. What was asked for up to the cut is kept, and:
 * - a completed effect has its outcome, even one that came behind the cut: it is not performed again;
 * - a failure that a later decision has seen is kept, for what came after it depends on it;
 * - an unsafe call that may have happened is kept as unknown, unless it may be repeated;
 * - everything else is open, without a trace of what was tried: it is let in and performed anew.
 * Decisions of which nothing is kept are left out from the end on: the planner makes them anew.
 */
export function takenAlong(events: readonly RunEvent[], cut: number = events.length, repeatUnknown: boolean): TakenAlong {
  const kept = events.slice(1, cut).filter(isKept)
  const keys = new Set(kept.flatMap((event) => (event.type === 'decision' ? event.effects.map(({ key }) => key) : [])))
  const ends = endsToKeep(events, kept, keys, repeatUnknown)
  const unknown = repeatUnknown ? [] : [...keys].filter((key) => !ends.has(key) && isUnderWay(events, key))
  const settled = new Set([...ends.keys(), ...unknown])
  const decisions = withoutLast(kept, settled)
  const history = decisions.filter((event) => !('key' in event) || (settled.has(event.key) && event.seq <= cut))
  const later = [...ends.values()].filter(({ seq }) => seq > cut)
  const bodies = [...history, ...later].map(bodyOf)
  return { seq: cut, history: [...bodies, ...unknown.map(unknownEnd)] }
}

/** The outcomes that stand, by the keys of their effects. */
function endsToKeep(
  events: readonly RunEvent[],
  kept: readonly RunEvent[],
  keys: ReadonlySet<string>,
  repeatUnknown: boolean,
): ReadonlyMap<string, Ended> {
  const lastDecision = kept.findLast((event) => event.type === 'decision' && event.effects.length > 0)?.seq ?? 0
  const ends = new Map<string, Ended>()
  for (const event of events) {
    if (event.type !== 'effect-end' || !keys.has(event.key)) continue
    const isSeen = event.seq < lastDecision
    if (event.outcome.status === 'completed' || isSeen || (!repeatUnknown && event.outcome.status === 'unknown'))
      ends.set(event.key, event)
  }
  return ends
}

/** What belongs to the old run alone is left behind: its claims, its end, what people asked of it. */
function isKept(event: RunEvent): boolean {
  if (event.type === 'signal') return !event.name.startsWith('opspawn.')
  return event.type !== 'run-claim' && event.type !== 'run-end' && event.type !== 'cancel-request'
}

/** Without the decisions at the end of which no effect has settled. */
function withoutLast(kept: readonly RunEvent[], settled: ReadonlySet<string>): readonly RunEvent[] {
  const isVain = (event: RunEvent): boolean => event.type === 'decision' && !event.effects.some(({ key }) => settled.has(key))
  const last = kept.findLastIndex((event) => event.type === 'decision' && !isVain(event))
  return kept.filter((event, index) => index <= last || !isVain(event))
}

/** An unsafe call was begun and has not settled: the old run, or nobody, works on it. */
function isUnderWay(events: readonly RunEvent[], key: string): boolean {
  return isStarted(events, key) && !events.some((event) => event.type === 'effect-end' && event.key === key)
}

function isStarted(events: readonly RunEvent[], key: string): boolean {
  return events.findLast((event) => 'key' in event && event.key === key && TRIES.includes(event.type))?.type === 'effect-start'
}

const TRIES: readonly string[] = ['effect-start', 'effect-retry']

function unknownEnd(key: string): RunEventBody {
  const error = new OpspawnError(
    'EFFECT_UNKNOWN',
    'the call was under way in the run that this one was forked from; it may have happened',
  )
  return { type: 'effect-end', key, outcome: { status: 'unknown', error: toFailure(error, 'EFFECT_UNKNOWN') }, durationMs: 0 }
}

function bodyOf({ version: _version, seq: _seq, at: _at, ...body }: RunEvent): RunEventBody {
  return body as RunEventBody
}
