// What another store has had of a run, checked and made ready for the tables.
import {
  canonicalJson,
  isFinal,
  type Json,
  OpspawnError,
  type RunEvent,
  type RunRecord,
  RUN_TRANSITIONS,
} from '../../core/index.ts'
import { toAccepted } from './encoding.ts'
import type { BroughtRun } from './message.ts'

/** Events in one row, so that reading a part of a long history stays cheap. */
const EVENTS_IN_A_ROW = 100

/**
 * Checks that a record and a history belong together, and makes rows of them. A run that has not ended is set aside: what
 * waited in its inbox and who worked on it stayed where it came from.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function toBrought(record: RunRecord, events: readonly RunEvent[]): BroughtRun {
  const wrong = wrongInRecord(record) ?? wrongInHistory(record, events)
  if (wrong !== undefined)
    throw new OpspawnError('OPTIONS_INVALID', `run ${JSON.stringify(record?.runId) ?? '?'} cannot be taken in: ${wrong}`)
  const { status, seq, epoch, deliveries, createdAt, updatedAt, spending, outcome, transcript, queue, priority } = record
  const { idempotencyKey, labels, successor } = record
  const { origin } = events[0] as RunEvent & { readonly type: 'run-start' }
  const key = idempotencyKey === undefined ? undefined : { idempotencyKey }
  const run = toAccepted({ origin, queue, priority, ...key }, createdAt)
  return {
    run,
    status: isFinal(status) ? status : 'paused',
    seq,
    epoch,
    deliveries,
    createdAt,
    updatedAt,
    spending,
    ended: outcome === undefined ? undefined : JSON.stringify({ outcome, transcript, labels, successor }),
    parts: inRows(events),
  }
}

function inRows(events: readonly RunEvent[]): BroughtRun['parts'] {
  const parts: (readonly [number, string])[] = []
  for (let from = 0; from < events.length; from += EVENTS_IN_A_ROW) {
    const some = events.slice(from, from + EVENTS_IN_A_ROW)
    parts.push([from + some.length, JSON.stringify(some)])
  }
  return parts
}

const TEXTS = ['runId', 'agent', 'definition', 'tenant', 'rootId', 'queue'] as const
const COUNTS = ['seq', 'epoch', 'deliveries', 'depth'] as const
const NUMBERS = ['createdAt', 'updatedAt', 'priority'] as const

type Members = Readonly<Record<string, unknown>>

function wrongInRecord(record: RunRecord): string | undefined {
  if (!isObject(record)) return 'its record is no object'
  const given = record as unknown as Members
  const absent = TEXTS.find((name) => typeof given[name] !== 'string' || given[name] === '')
  if (absent !== undefined) return `its record has no ${absent}`
  const odd = COUNTS.find((name) => !isCount(given[name])) ?? NUMBERS.find((name) => !Number.isFinite(given[name]))
  if (odd !== undefined) return `${odd} of its record is ${JSON.stringify(given[odd])}, which cannot be`
  if (!isObject(record.limits)) return 'its record has no limits'
  if (!isSpending(record.spending)) return 'spending of its record is not what runs have used'
  return wrongInStatus(record)
}

function wrongInStatus({ status, outcome }: RunRecord): string | undefined {
  if (typeof status !== 'string' || !Object.hasOwn(RUN_TRANSITIONS, status)) return 'its record has no status of a run'
  if ((isFinal(status) ? status : undefined) === outcome?.status) return undefined
  return `it is ${status}, and its outcome says otherwise`
}

function isSpending(spending: unknown): boolean {
  if (!isObject(spending)) return false
  const { used, reserved, unreported } = spending as Members
  const isAmounts = (value: unknown): boolean =>
    isObject(value) && ['steps', 'tokens', 'cost'].every((name) => Number.isFinite((value as Members)[name]))
  return isAmounts(used) && isAmounts(reserved) && isCount(unreported)
}

function wrongInHistory(record: RunRecord, events: readonly RunEvent[]): string | undefined {
  const [first] = events
  if (first?.type !== 'run-start') return 'its history does not begin with run-start'
  if (events.length !== record.seq) return `its record counts ${record.seq} events, and there are ${events.length}`
  const odd = events.findIndex((event, index) => !isEvent(event, index + 1))
  if (odd >= 0) return `event ${odd + 1} of its history has no known form, or stands in the wrong place`
  const ends = events.filter((event) => event.type === 'run-end')
  if (ends.length > 1 || !isSame(ends[0]?.outcome, record.outcome))
    return 'its record and the end of its history tell different outcomes'
  if (ends[0] !== undefined && ends[0].seq !== record.seq) return 'its history goes on behind run-end'
  // Labels of an ended run's record are those of all that it saw.
  const { labels: _, messages: __, ...origin } = first.origin
  const other = Object.entries(origin).find(([name, value]) => !isSame(value, (record as unknown as Members)[name]))
  return other === undefined ? undefined : `its record and its first event have another ${other[0]}`
}

function isEvent(event: RunEvent, seq: number): boolean {
  if (!isObject(event)) return false
  const given = event as unknown as Members
  return typeof given['type'] === 'string' && given['version'] === 1 && given['seq'] === seq && Number.isFinite(given['at'])
}

/** The same JSON. */
export function isSame(left: unknown, right: unknown): boolean {
  if (left === undefined || right === undefined) return left === right
  return canonicalJson(left as Json) === canonicalJson(right as Json)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
