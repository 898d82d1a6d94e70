import {
  type Amounts,
  type Decision,
  type Json,
  OpspawnError,
  toFailure,
  type Validation,
  toJson,
  type ModelEffect,
} from '../core/index.ts'
import { admit } from './admission.ts'
import { continueAsNew } from './continuing.ts'
import { decide } from './decision.ts'
import { finishRun } from './finishing.ts'
import { isTooLong } from './history-limits.ts'
import { matchSignals } from './inbox.ts'
import { modelOf } from './perform-model.ts'
import { within } from './later.ts'
import { type Progress, watchTime } from './progress.ts'
import { describeIssues } from './schema.ts'
import { estimateCall, ONE_STEP, priceOf } from './spending.ts'

/** Set aside for an answer whose length nobody bounded, in tokens. */
const UNBOUNDED_ANSWER = 4096

/**
 * Asks the planner once and records what it decided. A promise comes back only where something had to be waited for: an
 * ordinary step takes no detour through the event loop.
 */
export function decideOnce(progress: Progress): void | Promise<void> {
  const { view } = progress.log
  try {
    const decision = decide(progress.context.ready.planner, view)
    if (!(decision instanceof Promise)) return carryOut(progress, decision)
    return decideLater(progress, decision)
  } catch (error) {
    fail(progress, error)
  }
}

/** A decision that took too long, and meanwhile the run was cancelled or taken away, does not count any more. */
async function decideLater(progress: Progress, deciding: Promise<Decision>): Promise<void> {
  const { turn } = progress
  try {
    const { engine, ready } = progress.context
    const { decideMs } = engine.timing
    const decision = await within(engine.clock, decideMs, deciding, () => tooSlow(ready.planner.name, decideMs))
    if (progress.turn === turn) await carryOut(progress, decision)
  } catch (error) {
    if (progress.turn === turn) fail(progress, error)
  }
}

function tooSlow(planner: string, limitMs: number): OpspawnError {
  const text = `planner "${planner}" did not decide within ${limitMs} ms; raise timing.decideMs if it needs longer`
  return new OpspawnError('PLANNER_FAILED', text, { details: { planner, limitMs } })
}

function fail(progress: Progress, error: unknown): void {
  finishRun(progress, { status: 'failed', error: toFailure(error, 'PLANNER_FAILED') })
}

function carryOut(progress: Progress, decision: Decision): void | Promise<void> {
  switch (decision.type) {
    case 'act':
      return act(progress, decision)
    case 'finish':
      keepState(progress, decision)
      return conclude(progress, decision)
    case 'fail':
      keepState(progress, decision)
      finishRun(progress, { status: 'failed', error: decision.error })
      return undefined
    case 'continue':
      return continueAsNew(progress, decision.input)
    default:
      return undefined
  }
}

/** What the planner leaves at the end, in a decision that asks for nothing. */
function keepState({ log }: Progress, { state }: { readonly state?: Json }): void {
  if (state !== undefined) log.record({ type: 'decision', effects: [], state })
}

function act(progress: Progress, decision: Decision & { type: 'act' }): void | Promise<void> {
  const { log } = progress
  const { view } = log
  if (view.decisions >= view.limits.decisions) {
    fail(
      progress,
      new OpspawnError(
        'BUDGET_EXCEEDED',
        `the planner decided ${view.decisions} times without an end; the limit is limits.decisions`,
      ),
    )
    return undefined
  }
  if (isTooLong(progress)) return undefined
  const { effects, state } = decision
  const reserved = reserve(progress, decision)
  if (state === undefined && reserved === undefined) log.record({ type: 'decision', effects })
  else
    log.record({
      type: 'decision',
      effects,
      ...(state === undefined ? undefined : { state }),
      ...(reserved === undefined ? undefined : { reserved }),
    })
  return admitFrom(progress, 0)
}

/** Lets the effects of the last decision in, one after the other, since each may have to be waited for. */
function admitFrom(progress: Progress, first: number): void | Promise<void> {
  const { log, context } = progress
  const { latest } = log.view
  for (let index = first; index < latest.length; index += 1) {
    const record = latest[index]
    if (record === undefined) continue
    const { effect } = record
    if (effect.kind === 'wait') {
      if (effect.for.type === 'approval') askPerson(progress, effect.key, effect.for)
      if (record.dueAt !== undefined) watchTime(progress, effect.key, record.dueAt)
      if (effect.for.type === 'signal') matchSignals(log)
      continue
    }
    const admitted = admit(context, log, record)
    if (admitted instanceof Promise) {
      return admitLater(progress, index, admitted)
    }
    settleAdmission(progress, record, admitted)
  }
  progress.askPlanner = log.view.open === 0 || latest.some((record) => record.outcome !== undefined)
  return undefined
}

/** Apart from the loop, so that an ordinary step makes no closure. */
async function admitLater(progress: Progress, index: number, admitted: Promise<boolean>): Promise<void> {
  const { turn } = progress
  const ok = await admitted
  if (progress.turn !== turn) return
  const record = progress.log.view.latest[index]
  if (record !== undefined) settleAdmission(progress, record, ok)
  await admitFrom(progress, index + 1)
}

function settleAdmission(progress: Progress, record: Progress['log']['view']['latest'][number], admitted: boolean): void {
  if (admitted) progress.startable.push(record.effect.key)
  else if (record.dueAt !== undefined) watchTime(progress, record.effect.key, record.dueAt)
}

/** Asks a person what a planner wants to know. */
export function askPerson(
  progress: Progress,
  key: string,
  ask: { readonly question: string; readonly deadlineMs?: number },
): void {
  const { log, context } = progress
  const expiresAt = log.now() + (ask.deadlineMs ?? context.engine.policy.approvalMs)
  log.record({ type: 'approval-request', key, hash: key, question: ask.question, expiresAt })
}

/** Sets aside what the model calls of a decision may use; gives the amounts to record where they are more than a step each. */
function reserve(
  progress: Progress,
  decision: Decision & { type: 'act' },
): { readonly key: string; readonly amounts: Amounts }[] | undefined {
  const { log } = progress
  const { limits } = log.view
  const metered = limits.tokens !== undefined || limits.cost !== undefined
  let recorded: { key: string; amounts: Amounts }[] | undefined
  for (const effect of decision.effects) {
    if (effect.kind !== 'model') continue
    let amounts = ONE_STEP
    if (metered) {
      amounts = mostOf(progress, effect)
      recorded ??= []
      recorded.push({ key: effect.key, amounts })
    }
    log.spend({ reserve: amounts })
    progress.reserving.push(effect.key)
  }
  return recorded
}

/** The most that a model call may use, its price included where the model has one. */
function mostOf(progress: Progress, effect: ModelEffect): Amounts {
  const { context, log } = progress
  const { agent } = context.ready
  const model = Object.hasOwn(agent.models, effect.model ?? 'default') ? modelOf(context, effect) : undefined
  const price = model === undefined ? undefined : priceOf(context.engine.prices, model.provider, model.modelId)
  const longest = effect.settings?.maxOutputTokens ?? agent.settings?.maxOutputTokens ?? UNBOUNDED_ANSWER
  return estimateCall(log.view, effect, log.view.limits, shownLength(progress, effect), longest, price)
}

/** What tools and the wished form of the answer add to a prompt, in characters. */
function shownLength(progress: Progress, { tools, responseFormat }: ModelEffect): number {
  const { ready, view } = progress.context
  const shown =
    tools === undefined ? [] : ready.functionsFor(view.tools).filter(({ name }) => tools === 'all' || tools.includes(name))
  return JSON.stringify(shown).length + JSON.stringify(responseFormat ?? null).length
}

/** Checks an output and ends the run with it, or has the planner mend it. */
function conclude(progress: Progress, decision: Decision & { type: 'finish' }): void | Promise<void> {
  const schema = progress.context.ready.output
  // What a run says that makes another one good is no output of its agent.
  if (schema === undefined || progress.log.origin.compensates !== undefined) {
    finishRun(progress, { status: 'completed', output: decision.output }, decision.messages)
    return undefined
  }
  try {
    const checked = schema.validate(decision.output)
    if (checked instanceof Promise) return concludeLater(progress, decision, checked)
    concludeWith(progress, decision, checked)
  } catch (error) {
    uncheckable(progress, error)
  }
  return undefined
}

async function concludeLater(
  progress: Progress,
  decision: Decision & { type: 'finish' },
  checking: Promise<Validation>,
): Promise<void> {
  const { turn } = progress
  try {
    const { clock, timing } = progress.context.engine
    const limitMs = timing.decideMs
    const checked = await within(clock, limitMs, checking, () => new Error(`it did not answer within ${limitMs} ms`))
    if (progress.turn === turn) concludeWith(progress, decision, checked)
  } catch (error) {
    if (progress.turn === turn) uncheckable(progress, error)
  }
}

function uncheckable(progress: Progress, thrown: unknown): void {
  const message = `the output of agent "${progress.log.view.agent}" could not be checked, its schema failed: ${toFailure(thrown, 'INTERNAL').message}`
  finishRun(progress, {
    status: 'failed',
    error: toFailure(new OpspawnError('OUTPUT_INVALID', message, { cause: thrown }), 'OUTPUT_INVALID'),
  })
}

function concludeWith(progress: Progress, { output, messages }: Decision & { type: 'finish' }, checked: Validation): void {
  const { log } = progress
  const { view } = log
  if (checked.issues === undefined) {
    finishRun(progress, { status: 'completed', output: toJson(checked.value, { maxSize: view.limits.payload }) }, messages)
  } else if (view.rejected.length < view.limits.repairs) {
    log.record({ type: 'output-reject', output, issues: checked.issues })
    progress.askPlanner = true
  } else {
    const error = new OpspawnError(
      'OUTPUT_INVALID',
      `the output of agent "${view.agent}" does not fit its schema: ${describeIssues(checked.issues)}`,
      {
        details: { issues: checked.issues, output } as unknown as Json,
      },
    )
    finishRun(progress, { status: 'failed', error: toFailure(error, 'OUTPUT_INVALID') })
  }
}
