import {
  answerText,
  answerToolCalls,
  type Effect,
  isRecorded,
  type LiveEvent,
  type ModelAnswer,
  type Outcome,
  type RunEvent,
  type RunStreamEvent,
} from '../../core/index.ts'
import { showDuration } from '../terminal/duration.ts'
import { brief, oneLine } from '../terminal/visible.ts'

/** How much an event matters to who looks through a log. */
export type Level = 'debug' | 'info' | 'warn' | 'error'

/** The levels, the least first. */
export const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error']

/** An event for people, on one line. */
export interface EventText {
  readonly level: Level
  readonly text: string
}

/** Tells an event in a few words. */
export function eventText(event: RunStreamEvent): EventText {
  return isRecorded(event) ? recordedText(event) : liveText(event)
}

/** What an effect is, in a few words: `tool weather {"city":"Bergen"}`. */
export function effectText(effect: Effect): string {
  switch (effect.kind) {
    case 'model':
      return `model ${effect.model ?? 'default'}`
    case 'tool':
      return `tool ${oneLine(effect.tool)} ${brief(effect.input)}`
    case 'run':
      return `run ${oneLine(effect.agent)} ${brief(effect.input)}`
    case 'recall':
      return `recall ${brief(effect.query)}`
    case 'remember':
      return `remember ${effect.entries.length} entries`
    case 'wait':
      return waitText(effect.for)
    default:
      return 'an effect of a newer version'
  }
}

function waitText(what: (Effect & { readonly kind: 'wait' })['for']): string {
  if (what.type === 'time') return `wait ${showDuration(what.ms)}`
  return what.type === 'signal' ? `wait for signal ${oneLine(what.name)}` : `wait for approval: ${oneLine(what.question)}`
}

/** What an effect or a run came to, in a few words. */
export function outcomeText(outcome: Outcome): string {
  if (outcome.status !== 'completed') return `${outcome.status} ${outcome.error.code}: ${oneLine(outcome.error.message)}`
  const answer = outcome.value as unknown as ModelAnswer | null
  if (typeof answer !== 'object' || !Array.isArray(answer?.content) || answer.usage === undefined) return brief(outcome.value)
  const calls = answerToolCalls(answer).map(({ toolName, input }) => `calls ${toolName} ${brief(input)}`)
  return oneLine([answerText(answer), ...calls].filter((part) => part !== '').join('; '))
}

type Tellers = { readonly [T in RunEvent['type']]: (event: Extract<RunEvent, { readonly type: T }>) => EventText }

const info = (text: string): EventText => ({ level: 'info', text })
const debug = (text: string): EventText => ({ level: 'debug', text })
const warn = (text: string): EventText => ({ level: 'warn', text })

const RECORDED: Tellers = {
  'run-start': ({ origin }) => info(brief(origin.input)),
  'run-claim': ({ epoch, worker }) => debug(`epoch ${epoch} by ${oneLine(worker)}`),
  'session-load': ({ messages }) => debug(`${messages.length} messages of earlier runs`),
  decision: ({ effects }) =>
    info(effects.map((effect) => `${oneLine(effect.key)}: ${effectText(effect)}`).join('; ') || 'nothing'),
  'effect-route': ({ key, tool }) => info(`${oneLine(key)}: meant for ${oneLine(tool)}`),
  'policy-verdict': ({ key, verdict, rule, reason, dryRun }) =>
    warn(`${oneLine(key)}: ${dryRun === true ? 'dry run, it would ' : ''}${verdict} by rule ${oneLine(rule)}${because(reason)}`),
  'approval-request': ({ key, question }) => warn(`${oneLine(key)}: ${oneLine(question)}`),
  'approval-response': ({ key, approved, by, reason }) =>
    info(`${oneLine(key)}: ${approved ? 'approved' : 'denied'} by ${oneLine(by)}${because(reason)}`),
  'effect-start': ({ key, attempt }) => debug(`${oneLine(key)}: attempt ${attempt}`),
  'effect-retry': ({ key, attempt, error }) =>
    warn(`${oneLine(key)}: attempt ${attempt} failed, ${error.code}: ${oneLine(error.message)}`),
  'effect-end': ({ key, outcome, durationMs }) => ({
    level:
      outcome.status === 'failed' || outcome.status === 'unknown' ? 'error' : outcome.status === 'completed' ? 'info' : 'warn',
    text: `${oneLine(key)}: ${outcomeText(outcome)} (${showDuration(durationMs)})`,
  }),
  signal: ({ name, payload }) => info(`${oneLine(name)} ${brief(payload)}`),
  'cancel-request': ({ reason, timeout }) => warn(timeout === true ? 'the time is up' : oneLine(reason) || 'no reason given'),
  'output-reject': ({ issues }) => warn(oneLine(issues.map(({ message }) => message).join('; '))),
  'run-end': ({ outcome, successor }) => ({
    level: outcome.status === 'failed' ? 'error' : outcome.status === 'cancelled' ? 'warn' : 'info',
    text:
      successor !== undefined
        ? `goes on as ${oneLine(successor)}`
        : outcome.status === 'completed'
          ? `completed ${brief(outcome.output)}`
          : `${outcome.status} ${outcome.error.code}: ${oneLine(outcome.error.message)}`,
  }),
}

function because(reason: string | undefined): string {
  return reason === undefined || reason === '' ? '' : `: ${oneLine(reason)}`
}

function recordedText(event: RunEvent): EventText {
  const tell = Object.hasOwn(RECORDED, event.type) ? RECORDED[event.type] : undefined
  return tell === undefined ? debug('an event of a newer version') : (tell as (event: RunEvent) => EventText)(event)
}

function liveText(event: LiveEvent): EventText {
  switch (event.type) {
    case 'text-delta':
    case 'reasoning-delta':
    case 'tool-input-delta':
      return debug(`${oneLine(event.key)}: ${JSON.stringify(event.delta)}`)
    case 'tool-progress':
      return debug(`${oneLine(event.key)}: ${brief(event.value)}`)
    case 'tool-log':
      return info(`${oneLine(event.key)}: ${oneLine(event.message)}${event.data === undefined ? '' : ` ${brief(event.data)}`}`)
    case 'delta-reset':
      return debug(`${oneLine(event.key)}: what was said does not hold`)
    case 'lag':
      return warn(`${event.dropped} live events were dropped`)
    default:
      return debug('an event of a newer version')
  }
}
