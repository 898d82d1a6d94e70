import type { Effect, Failure, Outcome, RunEvent, RunOrigin } from '../core/index.ts'
import { approvalHash } from './approved.ts'
import { taskPath } from './task-path.ts'

/**
 * One call of a tool or of another agent, or its refusal, as an audit needs it: no arguments, no results, no texts.
 *
 * @property at When it was asked for, in epoch milliseconds of the store's clock.
 * @property endedAt When it settled.
 * @property runId The run that made it.
 * @property rootId The root of that run's tree.
 * @property agent Name of the calling agent.
 * @property actsFor The agents that this one acted for, the nearest first.
 * @property key The effect's.
 * @property task The task of a workflow that it was made for; with `/` between them the tasks of workflows in workflows, the
 * outermost first.
 * @property tool Name of the tool, or of the agent that was called.
 * @property through The front tool that was called for it.
 * @property argumentsHash SHA-256 over the name and the arguments. Arguments that can be guessed can be confirmed by it.
 * @property verdict What rules, data-flow rule and tool said.
 * @property rule The rule that asked or denied; absent for `allow`.
 * @property tried What rules of a dry run would have said.
 * @property approver Who answered the approval.
 * @property attempts Executions in all; 0 where the body was not entered.
 * @property durationMs Of the last execution.
 * @property bytes Of the result as JSON in UTF-8; absent where there is none.
 * @property outcome How it settled.
 * @property code Of the error.
 * @property kind Whether a tool or an agent was called.
 * @property roles Of the caller.
 * @property tried.rule The rule that would have decided.
 * @property tried.verdict What it would have been.
 */
export interface AuditRecord extends Readonly<
  Record<'at' | 'endedAt' | 'attempts' | 'durationMs', number> &
    Record<'runId' | 'rootId' | 'tenant' | 'agent' | 'key' | 'tool' | 'argumentsHash', string> &
    Partial<Record<'session' | 'principal' | 'task' | 'through' | 'rule' | 'approver', string>>
> {
  readonly roles?: readonly string[]
  readonly actsFor?: readonly string[]
  readonly kind: 'tool' | 'run'
  readonly verdict: 'allow' | 'ask' | 'deny'
  readonly tried?: { readonly verdict: 'ask' | 'deny'; readonly rule: string }
  readonly bytes?: number
  readonly outcome: Outcome['status']
  readonly code?: Failure['code']
}

type Call = Effect & { readonly kind: 'tool' | 'run' }
type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What is known of a call that has not settled. */
interface OpenCall {
  readonly effect: Call
  readonly at: number
  retries: number
  isStarted: boolean
  notes: Partial<Writable<AuditRecord>>
}

/** Follows one run's history, an event at a time. */
export interface Auditor {
  /** Takes the next event; gives the record of a call that it settles. */
  take(event: RunEvent): AuditRecord | undefined
}

/** Makes an auditor for a run. What it keeps is of the calls that are open, no more. */
export function createAuditor(origin: RunOrigin): Auditor {
  const open = new Map<string, OpenCall>()
  return {
    take(event) {
      if (event.type === 'decision') {
        for (const effect of event.effects) {
          if (effect.kind !== 'tool' && effect.kind !== 'run') continue
          open.set(effect.key, { effect, at: event.at, retries: 0, isStarted: false, notes: {} })
        }
        return undefined
      }
      const call = 'key' in event ? open.get(event.key) : undefined
      if (call === undefined) return undefined
      if (event.type !== 'effect-end') {
        note(call, event)
        return undefined
      }
      open.delete(event.key)
      return recordOf(origin, call, event)
    },
  }
}

/**
 * The audit of a run: one record for each call of a tool or an agent, and for each refusal, in the order in which they
 * settled. Made from the history alone. Calls that have not settled have no record.
 */
export function auditOf(events: readonly RunEvent[]): readonly AuditRecord[] {
  const first = events[0]
  if (first?.type !== 'run-start') return []
  const auditor = createAuditor(first.origin)
  return events.map((event) => auditor.take(event)).filter((record) => record !== undefined)
}

function note(call: OpenCall, event: RunEvent): void {
  const { notes } = call
  if (event.type === 'effect-route') {
    notes.tool = event.tool
    notes.through = call.effect.kind === 'tool' ? call.effect.tool : call.effect.agent
    notes.argumentsHash = event.hash
  } else if (event.type === 'policy-verdict') {
    const { verdict, rule } = event
    if (event.dryRun === true) notes.tried = { verdict, rule }
    else Object.assign(notes, { verdict, rule })
  } else if (event.type === 'approval-request') {
    // A question about an interrupted call binds to something else.
    if (!call.isStarted) notes.argumentsHash = event.hash
  } else if (event.type === 'approval-response') notes.approver = event.by
  else if (event.type === 'effect-start') call.isStarted = true
  else if (event.type === 'effect-retry') call.retries = event.attempt
}

/** Refused before the body: by rules or a person, or since there is no such tool, or the arguments do not fit. */
const NOT_ENTERED: readonly string[] = ['TOOL_UNKNOWN', 'AGENT_UNKNOWN', 'TOOL_INPUT_INVALID', 'INPUT_INVALID', 'TOOL_CHANGED']

function recordOf(origin: RunOrigin, call: OpenCall, end: RunEvent & { type: 'effect-end' }): AuditRecord {
  const { effect, at, retries, isStarted, notes } = call
  const { outcome, durationMs } = end
  const { runId, rootId, tenant, agent, session, caller, actsFor } = origin
  const name = effect.kind === 'tool' ? effect.tool : effect.agent
  const code = outcome.status === 'completed' ? undefined : outcome.error.code
  const wasMade = outcome.status !== 'denied' && !(code !== undefined && NOT_ENTERED.includes(code))
  return {
    at,
    endedAt: end.at,
    runId,
    rootId,
    tenant,
    ...(session === undefined ? undefined : { session }),
    ...caller,
    agent,
    ...(actsFor === undefined ? undefined : { actsFor }),
    key: effect.key,
    ...taskPath(origin, effect),
    kind: effect.kind,
    tool: name,
    verdict: 'allow',
    ...notes,
    argumentsHash: notes.argumentsHash ?? approvalHash(name, effect.input),
    attempts: retries + (wasMade || isStarted ? 1 : 0),
    durationMs,
    ...(outcome.status === 'completed' ? { bytes: Buffer.byteLength(JSON.stringify(outcome.value)) } : undefined),
    outcome: outcome.status,
    ...(code === undefined ? undefined : { code }),
  }
}
