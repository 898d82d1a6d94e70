import { type Effect, type EffectRecord, type Json, type OfferedTool, OpspawnError, toFailure } from '../core/index.ts'
import { validInput } from './perform-tool.ts'
import type { RunContext } from './run-context.ts'
import type { RunLog } from './run-log.ts'
import { hashJson } from './system.ts'

/**
 * Decides whether a call may be made, before anything of it happens, on every path: rules, the tool's own wish for an
 * approval, and the data-flow rule. What is refused settles at once; what needs a person waits, bound to the exact
 * arguments. Gives true when the effect may be performed.
 */
export function admit(context: RunContext, log: RunLog, record: EffectRecord): boolean | Promise<boolean> {
  const { effect } = record
  if (effect.kind !== 'tool' && effect.kind !== 'run') return true
  const offered = offeredFor(context, effect)
  if (offered === undefined) {
    const what = effect.kind === 'tool' ? `tool "${effect.tool}"` : `agent "${effect.agent}"`
    const code = effect.kind === 'tool' ? 'TOOL_UNKNOWN' : 'AGENT_UNKNOWN'
    settle(log, effect.key, 'failed', new OpspawnError(code, `agent "${context.view.agent}" was not given ${what}`))
    return false
  }
  const verdict = verdictOn(context, effect, offered)
  if (verdict.verdict === 'allow')
    return effect.kind === 'tool' && offered.effect === 'unsafe' ? hasValidInput(context, log, effect) : true
  if (verdict.verdict === 'deny') {
    const { rule, reason } = verdict
    log.record({
      type: 'policy-verdict',
      key: effect.key,
      verdict: 'deny',
      rule,
      ...(reason === undefined ? undefined : { reason }),
    })
    settle(
      log,
      effect.key,
      'denied',
      new OpspawnError('POLICY_DENIED', `${offered.name} may not be called here: ${reason ?? rule}`, { details: { rule } }),
    )
    return false
  }
  return ask(context, log, effect, offered, verdict)
}

async function ask(
  context: RunContext,
  log: RunLog,
  effect: Call,
  offered: OfferedTool,
  { rule, reason }: FullVerdict,
): Promise<false> {
  if (!(await hasValidInput(context, log, effect))) return false
  log.record({
    type: 'policy-verdict',
    key: effect.key,
    verdict: 'ask',
    rule,
    ...(reason === undefined ? undefined : { reason }),
  })
  log.record({
    type: 'approval-request',
    key: effect.key,
    hash: hashCall(offered.name, effect.input),
    question: reason ?? `May ${context.view.agent} call ${offered.name}?`,
    expiresAt: log.now() + context.engine.policy.approvalMs,
  })
  return false
}

type Call = Effect & { kind: 'tool' | 'run' }

/** The tool that an effect uses; for an agent that is called directly, a stand-in of its name. */
function offeredFor(context: RunContext, effect: Call): OfferedTool | undefined {
  const { tools } = context.view
  if (effect.kind === 'tool') return tools.find((tool) => tool.name === effect.tool && tool.delegate === undefined)
  return tools.find((tool) => tool.delegate?.agent === effect.agent && (effect.tool === undefined || tool.alias === effect.tool))
}

interface FullVerdict {
  readonly verdict: 'allow' | 'ask' | 'deny'
  readonly rule: string
  readonly reason?: string | undefined
}

function verdictOn(context: RunContext, effect: Call, offered: OfferedTool): FullVerdict {
  const { engine, view, ready } = context
  const ruled = engine.policy.decide({ agent: view.agent, tool: offered, tenant: view.tenant, input: effect.input })
  if (ruled.verdict !== 'allow') return ruled
  if (offered.labels.includes('outbound') && view.labels.has('private') && view.labels.has('untrusted')) {
    return {
      verdict: 'ask',
      rule: 'data-flow',
      reason: `This run has read private and untrusted data; ${offered.name} could send it out.`,
    }
  }
  if (ready.tools.get(offered.name)?.tool.approval === true && offered.delegate === undefined)
    return { verdict: 'ask', rule: `tool ${offered.name}` }
  return ruled
}

/** Nobody is asked about a call that could not be made, and none is announced. */
function hasValidInput(context: RunContext, log: RunLog, effect: Call): boolean | Promise<boolean> {
  const ready = effect.kind === 'tool' ? context.ready.tools.get(effect.tool) : undefined
  if (ready === undefined) return true
  const refuse = (error: unknown): false => {
    settle(log, effect.key, 'failed', error)
    return false
  }
  try {
    const checking = validInput(ready, effect)
    return checking instanceof Promise ? checking.then(() => true, refuse) : true
  } catch (error) {
    return refuse(error)
  }
}

function settle(log: RunLog, key: string, status: 'failed' | 'denied', error: unknown): void {
  log.record({ type: 'effect-end', key, outcome: { status, error: toFailure(error, 'INTERNAL') }, durationMs: 0 })
}

/** What an approval binds to: a call by name with exactly these arguments. */
export function hashCall(name: string, input: Json): string {
  return hashJson({ name, input })
}
