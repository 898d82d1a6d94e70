import { type EffectRecord, type OfferedTool, OpspawnError, toFailure, type ToolEffect } from '../core/index.ts'
import { approvalHash, type Call, judgedInput, offeredFor, ruledInput } from './approved.ts'
import { within } from './later.ts'
import { checkInput } from './perform-run.ts'
import { toolTimeLimit, validInput } from './perform-tool.ts'
import { type PolicyCall, stricter, type Verdict } from './policy.ts'
import { askFront, keepRoute, toolOf } from './routing.ts'
import type { RoutedCall, RunContext } from './run-context.ts'
import type { RunLog } from './run-log.ts'

/**
 * Decides whether a call may be made, before anything of it happens, on every path: rules, the tool's own wish for an
 * approval, and the data-flow rule. What is refused settles at once; what needs a person waits, bound to the exact
 * arguments. Arguments are judged as the body gets them, defaults and conversions of the schema included. Gives true when
 * the effect may be performed.
 */
export function admit(context: RunContext, log: RunLog, record: EffectRecord): boolean | Promise<boolean> {
  const { effect } = record
  if (effect.kind !== 'tool' && effect.kind !== 'run') return true
  const offered = offeredFor(context, effect)
  if (offered === undefined) {
    settle(log, effect.key, 'failed', notGiven(context, effect))
    return false
  }
  if (effect.kind === 'tool' && context.ready.hasFronts) return admitThrough(context, log, record, { effect, offered })
  return judge(context, log, record, { effect, offered })
}

/** Of what is not there for an agent: nobody can tell by it whether rules hide it. */
function notGiven({ view }: RunContext, effect: Call): OpspawnError {
  const what = effect.kind === 'tool' ? `tool "${effect.tool}"` : `agent "${effect.agent}"`
  const code = effect.kind === 'tool' ? 'TOOL_UNKNOWN' : 'AGENT_UNKNOWN'
  return new OpspawnError(code, `agent "${view.agent}" was not given ${what}`)
}

/** Asks a front tool what the call is meant for, and judges that. */
function admitThrough(
  context: RunContext,
  log: RunLog,
  record: EffectRecord,
  asked: Target & { readonly effect: ToolEffect },
): boolean | Promise<boolean> {
  const { key } = asked.effect
  let routed: RoutedCall | undefined
  try {
    routed = askFront(context, asked.effect)
  } catch (error) {
    settle(log, key, 'failed', error)
    return false
  }
  if (routed === undefined) return judge(context, log, record, asked)
  const { effect, offered, hash } = routed
  keepRoute(context, key, routed)
  log.record({ type: 'effect-route', key, tool: effect.tool, hash })
  const target = { effect, offered, front: { tool: asked.offered, input: asked.effect.input } }
  const call = policyCall(context, target)
  if (!context.engine.policy.hides(call)) return judge(context, log, record, target)
  // The history says which rule it was; whoever called it learns no more than of a tool that there is not.
  noteVerdict(log, key, ruledOn(context, call, target))
  settle(log, key, 'failed', notGiven(context, effect))
  return false
}

/** A call as rules see it: whose it is, and with the arguments as they were given. */
export function policyCall({ origin }: RunContext, { effect, offered }: Target): PolicyCall {
  const { agent, tenant, caller, actsFor, rules } = origin
  const input = ruledInput(offered, effect.input)
  return { agent, tenant, caller, actsFor, rules, ownRules: effect.rules, tool: offered, input }
}

function judge(context: RunContext, log: RunLog, record: EffectRecord, target: Target): boolean | Promise<boolean> {
  const { engine } = context
  const { effect, offered } = target
  const call = policyCall(context, target)
  const verdict = verdictOn(context, call, target)
  if (engine.policy.looksInto(call)) return admitChecked(context, log, record, { target, call, verdict })
  noteTried(log, effect.key, verdict)
  if (verdict.verdict === 'deny') return refuse(log, effect.key, offered, verdict)
  if (verdict.verdict === 'allow' && (effect.kind === 'run' || offered.effect !== 'unsafe')) return true
  return admitChecked(context, log, record, { target, verdict })
}

/** What a call comes to: as it is made, and through which front tool. */
export interface Target {
  readonly effect: Call
  readonly offered: OfferedTool
  readonly front?: Pick<PolicyCall, 'tool' | 'input'>
}

/** A call while it is judged. */
interface Judged {
  readonly target: Target
  /** Present where rules look into the arguments. */
  readonly call?: PolicyCall
  /** On the arguments as they were given. */
  readonly verdict: Verdict
}

/** Nobody is asked about a call that could not be made, and none is announced. */
function admitChecked(context: RunContext, log: RunLog, record: EffectRecord, judged: Judged): boolean | Promise<boolean> {
  let checking: unknown
  try {
    checking = checkedInput(context, judged.target.effect)
  } catch (error) {
    return failCheck(log, record, judged, error)
  }
  if (checking instanceof Promise) return admitLater(context, log, record, judged, checking)
  return passCheck(context, log, record, judged, checking)
}

/** Apart, so that the usual call makes no functions for a promise. */
function admitLater(
  context: RunContext,
  log: RunLog,
  record: EffectRecord,
  judged: Judged,
  checking: Promise<unknown>,
): Promise<boolean> {
  return checking.then(
    (made) => passCheck(context, log, record, judged, made),
    (error: unknown) => failCheck(log, record, judged, error),
  )
}

function passCheck(context: RunContext, log: RunLog, record: EffectRecord, judged: Judged, made: unknown): boolean {
  return !isOver(log, record) && conclude(context, log, judged, made)
}

function failCheck(log: RunLog, record: EffectRecord, { target, verdict }: Judged, error: unknown): false {
  if (isOver(log, record)) return false
  const { effect, offered } = target
  if (verdict.verdict === 'deny') return refuse(log, effect.key, offered, verdict)
  settle(log, effect.key, 'failed', error)
  return false
}

/** Cancelled, or taken away, while its schema was still at work. */
function isOver(log: RunLog, record: EffectRecord): boolean {
  return record.outcome !== undefined || log.view.outcome !== undefined
}

/** What the body of a tool, or a child run, gets; a promise only where a schema gives one. */
export function checkedInput(context: RunContext, effect: Call): unknown {
  const checking = check(context, effect)
  return checking instanceof Promise ? bounded(context, effect, checking) : checking
}

/** A schema that never answers must not hold up the run: its call is let in within its own time limit, or not at all. */
function bounded(context: RunContext, effect: Call, checking: Promise<unknown>): Promise<unknown> {
  const { clock, timing } = context.engine
  if (effect.kind === 'tool') {
    const ms = toolTimeLimit(context, toolOf(context, effect), effect)
    const text = `tool "${effect.tool}" was not begun within ${ms} ms: the check of its arguments did not end`
    return within(clock, ms, checking, () => new OpspawnError('TOOL_TIMEOUT', text))
  }
  const ms = effect.timeoutMs ?? timing.toolMs
  const text = `the input of agent "${effect.agent}" could not be checked: its schema did not answer within ${ms} ms`
  return within(clock, ms, checking, () => new OpspawnError('INPUT_INVALID', text))
}

function check(context: RunContext, effect: Call): unknown {
  if (effect.kind === 'tool') {
    const ready = toolOf(context, effect)
    return ready === undefined ? effect.input : validInput(ready, effect)
  }
  const ready = context.engine.agents.get(effect.agent)
  return ready?.input === undefined ? effect.input : checkInput(ready, effect.input)
}

function conclude(context: RunContext, log: RunLog, { target, call, verdict: first }: Judged, made: unknown): boolean {
  const { effect, offered } = target
  if (call === undefined && first.verdict === 'allow') return true
  const input = judgedInput(effect, made)
  const verdict =
    call === undefined
      ? first
      : verdictOn(
          context,
          { ...call, input: ruledInput(offered, input), raw: typeof effect.input === 'string' ? call.input : effect.input },
          target,
        )
  const { key } = effect
  if (call !== undefined) noteTried(log, key, verdict)
  if (verdict.verdict === 'allow') return true
  if (verdict.verdict === 'deny') return refuse(log, key, offered, verdict)
  noteVerdict(log, key, verdict)
  const hash = approvalHash(offered.name, input)
  const isAsGiven = target.front === undefined && hash === approvalHash(offered.name, effect.input)
  log.record({
    type: 'approval-request',
    key,
    hash,
    question: verdict.reason ?? `May ${context.view.agent} call ${offered.name}?`,
    expiresAt: log.now() + context.engine.policy.approvalMs,
    ...(isAsGiven ? undefined : { input }),
  })
  return false
}

function refuse(log: RunLog, key: string, offered: OfferedTool, verdict: Verdict): false {
  noteVerdict(log, key, verdict)
  settle(log, key, 'denied', denial(offered.name, verdict))
  return false
}

/** What a call that rules deny comes to. */
export function denial(name: string, { rule, reason }: Verdict): OpspawnError {
  return new OpspawnError('POLICY_DENIED', `${name} may not be called here: ${reason ?? rule}`, { details: { rule } })
}

/** Rules that are only tried leave their mark, and nothing else comes of them. */
function noteTried(log: RunLog, key: string, { tried }: Verdict): void {
  if (tried === undefined || tried.verdict === 'allow') return
  const { verdict, rule, reason } = tried
  log.record({ type: 'policy-verdict', key, verdict, rule, ...(reason === undefined ? undefined : { reason }), dryRun: true })
}

/** Puts on record what rules said; what they allow is not. */
export function noteVerdict(log: RunLog, key: string, { verdict, rule, reason }: Verdict): void {
  if (verdict === 'allow') return
  log.record({ type: 'policy-verdict', key, verdict, rule, ...(reason === undefined ? undefined : { reason }) })
}

function verdictOn(context: RunContext, call: PolicyCall, target: Target): Verdict {
  const ruled = ruledOn(context, call, target)
  if (ruled.verdict !== 'allow') return ruled
  const { effect, offered, front } = target
  const { view, ready } = context
  if (offered.labels.includes('outbound') && view.labels.has('private') && view.labels.has('untrusted')) {
    return {
      verdict: 'ask',
      rule: 'data-flow',
      reason: `This run has read private and untrusted data; ${offered.name} could send it out.`,
      tried: ruled.tried,
    }
  }
  if (effect.kind !== 'tool') return ruled
  let asking = toolOf(context, effect)
  if (front !== undefined && asking?.tool.approval !== true) asking = ready.tools.get(front.tool.name)
  if (asking?.tool.approval !== true) return ruled
  return { verdict: 'ask', rule: `tool ${asking.tool.name}`, tried: ruled.tried }
}

/** What the rules say. Those about a front tool hold for what is called through it. */
export function ruledOn({ engine: { policy } }: RunContext, call: PolicyCall, { front }: Target): Verdict {
  const named = policy.decide(call)
  const ruled = front === undefined ? named : stricter(named, policy.decide({ ...call, ...front, raw: undefined }))
  return policy.isDryRun && ruled.verdict !== 'allow' ? { verdict: 'allow', rule: ruled.rule, tried: ruled } : ruled
}

function settle(log: RunLog, key: string, status: 'failed' | 'denied', error: unknown): void {
  log.record({ type: 'effect-end', key, outcome: { status, error: toFailure(error, 'INTERNAL') }, durationMs: 0 })
}
