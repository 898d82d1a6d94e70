import { type Orchestrator, type PendingApproval, type RunEvent, type RunRecord, toFailure } from '../../core/index.ts'
import type { Call } from '../calling/command.ts'
import type { LoadedConfig } from '../opening/config-file.ts'
import { showTime } from '../terminal/duration.ts'
import { effectText } from '../showing/event-text.ts'
import { eventsUntil } from './history.ts'
import { viewOf } from '../showing/timeline.ts'
import { withToday } from '../opening/today.ts'
import { oneLine } from '../terminal/visible.ts'

/** A run that was set aside. Times are epoch milliseconds. */
export interface Paused {
  readonly since: number
  readonly by?: string
  readonly reason?: string
}

/** A run that crashed too many workers, with what is known of it. */
export interface Quarantined {
  readonly since: number
  /** Its claims since anything was settled, oldest first; the last one set it aside. */
  readonly claims: readonly { readonly at: number; readonly epoch: number; readonly worker: string }[]
  /** What was under way then; with `begun` the body of an unsafe call may have been entered. */
  readonly open: readonly { readonly key: string; readonly what: string; readonly begun: boolean }[]
}

/** A run that no worker with the agents of today takes up: its definition is another, or there is none of that name. */
export interface Parked {
  /** That the run is pinned to, as `agent@hash`. */
  readonly definition: string
  /** That of today, in the same form; absent where there is no such agent. */
  readonly present?: string
}

/** What a person needs to know to decide about a run; empty where nothing is to be decided. */
export interface Attention {
  readonly paused?: Paused
  readonly quarantined?: Quarantined
  readonly parked?: Parked
  /** What it waits for a person for; only of runs in which that can be. */
  readonly approvals?: readonly PendingApproval[]
}

/** The definitions of today, by agent. */
export type Definitions = ReadonlyMap<string, string>

/** Looks at what a run needs a person for. */
export async function attentionOf(
  runs: Orchestrator,
  record: RunRecord,
  definitions: Definitions | undefined,
): Promise<Attention> {
  const { runId, status, seq } = record
  const parked = definitions === undefined ? undefined : parkedBy(record, definitions)
  const more = parked === undefined ? undefined : { parked }
  if (status === 'paused') return { ...more, paused: pausedIn(record, await eventsUntil(runs, runId, 0, seq)) }
  if (status === 'quarantined') return { ...more, quarantined: quarantinedIn(record, await eventsUntil(runs, runId, 0, seq)) }
  if (status !== 'waiting') return { ...more }
  return { ...more, approvals: await (await runs.run(runId)).approvals() }
}

function parkedBy({ status, agent, definition }: RunRecord, definitions: Definitions): Parked | undefined {
  const present = definitions.get(agent)
  if (present === definition || !WAITS_FOR_A_WORKER.includes(status)) return undefined
  return { definition: `${agent}@${definition}`, ...(present === undefined ? undefined : { present: `${agent}@${present}` }) }
}

const WAITS_FOR_A_WORKER: readonly string[] = ['queued', 'waiting', 'paused', 'quarantined']

const WORDS: readonly string[] = ['opspawn.pause', 'opspawn.resume']

function pausedIn({ updatedAt }: RunRecord, events: readonly RunEvent[]): Paused {
  const asked = events.findLast((event) => event.type === 'signal' && WORDS.includes(event.name))
  // One that came from another store may have been set aside without a word.
  if (asked?.type !== 'signal' || asked.name !== WORDS[0]) return { since: updatedAt }
  const { by, reason } = (asked.payload ?? {}) as { readonly by?: unknown; readonly reason?: unknown }
  return {
    since: asked.at,
    ...(typeof by === 'string' ? { by } : undefined),
    ...(typeof reason === 'string' && reason !== '' ? { reason } : undefined),
  }
}

function quarantinedIn({ updatedAt }: RunRecord, events: readonly RunEvent[]): Quarantined {
  const settled = events.findLastIndex((event) => event.type === 'effect-end')
  const claims = events.slice(settled + 1).filter((event) => event.type === 'run-claim')
  const open = [...viewOf(events).effects.values()].filter(({ outcome }) => outcome === undefined)
  return {
    since: updatedAt,
    claims: claims.map(({ at, epoch, worker }) => ({ at, epoch, worker })),
    open: open.map(({ effect, started }) => ({ key: effect.key, what: effectText(effect), begun: started })),
  }
}

/** The same on one line; nothing where nothing is to be decided. */
export function attentionText({ paused, quarantined, parked, approvals = [] }: Attention): string {
  const parts = [
    paused === undefined ? '' : `since ${showTime(paused.since)}${byWhom(paused)}`,
    quarantined === undefined ? '' : `after ${quarantined.claims.length} claims in which nothing was settled`,
    approvals.some(({ kind }) => kind === 'outcome') ? 'a call may have happened: resolve' : '',
    approvals.some(({ kind }) => kind === 'approval') ? 'waits for a person: approve or deny' : '',
    parked === undefined ? '' : `pinned to ${parked.definition}: ${parkedText(parked)}`,
  ]
  return parts.filter((part) => part !== '').join('; ')
}

/** Who set it aside, and why. */
export function byWhom({ by, reason }: Paused): string {
  return `${by === undefined ? '' : ` by ${oneLine(by)}`}${reason === undefined ? '' : `: ${oneLine(reason)}`}`
}

/** Why nobody takes a run up. */
export function parkedText({ present }: Parked): string {
  return `no worker of this configuration takes it up: it has ${present === undefined ? 'no such agent' : present}`
}

/** The definitions of today; nothing where they cannot be told, which is said. */
export async function definitionsToday(call: Call, config: LoadedConfig | undefined): Promise<Definitions | undefined> {
  if (config === undefined) return undefined
  const { definitionsOf } = await import('../../orchestrator/index.ts')
  try {
    return await withToday(config.options, [], ({ agents, options }) => definitionsOf(agents, options))
  } catch (error) {
    const { code, message } = toFailure(error, 'INTERNAL')
    call.output.note(`whether workers of ${config.path} would take these runs up is not known: ${code}: ${oneLine(message)}`)
    return undefined
  }
}
