import type { Decision, Effect, Failure, Json, ModelEffect, Planner, RunDefinition, RunView } from '../core/index.ts'
import { askToCompensate } from './planner-compensation.ts'
import { decisionProblem } from './planner-decision.ts'
import { firstDifference, show } from './planner-difference.ts'
import { type ScriptedHistory, scriptedHistory } from './planner-history.ts'
import { tryPrompt } from './planner-prompt.ts'
import type { PlannerRule } from './planner-rule.ts'
import type { PlannerDialect, PlannerScenario } from './planner-scenario.ts'
import { watchAmbient } from './planner-traps.ts'
import { performScripted } from './planner-world.ts'

/** What {@link drivePlanner} needs. */
export interface DriveOptions {
  readonly createPlanner: () => Planner | Promise<Planner>
  readonly definition: RunDefinition
  readonly dialect: PlannerDialect
  readonly maxDecisions: number
  /** Rules that are not held against this planner. */
  readonly skipped: readonly string[]
}

interface Drive extends DriveOptions {
  readonly scenario: PlannerScenario
  readonly planner: Planner
  readonly history: ScriptedHistory
  /** Model effects in the order of asking, with the number of effects settled before. */
  readonly asked: { readonly effect: ModelEffect; readonly after: number }[]
}

/**
 * Drives a planner through a scenario, checking every decision on the way.
 *
 * @throws Error naming the rule that was broken, the scenario and the place.
 */
export async function drivePlanner(options: DriveOptions, scenario: PlannerScenario): Promise<void> {
  const planner = await options.createPlanner()
  const drive: Drive = { ...options, scenario, planner, history: scriptedHistory(options.definition, scenario), asked: [] }
  const left = await driveToEnd(drive, true)
  if (left === undefined) return
  // Cancelled just before its end, it would be made good by a run of its own, which comes to an end too.
  const { ends: _, refusals: __, withoutTools: ___, ...undone } = { ...scenario, name: `${scenario.name}, made good` }
  const origin = { compensates: 'run-0', input: left }
  await driveToEnd({ ...drive, scenario: undone, history: scriptedHistory(options.definition, undone, origin), asked: [] }, false)
}

/** Gives what the planner would have made good at last, if anything. */
async function driveToEnd(drive: Drive, mayBeCancelled: boolean): Promise<Json | undefined> {
  const { history, scenario } = drive
  const waiting: Effect[] = []
  let left: Json | undefined
  for (;;) {
    const decision = await askPlanner(drive)
    if (mayBeCancelled) left = await askToCompensate({ ...drive, hold: (rule, problem) => hold(drive, rule, problem) })
    if (decision.type === 'finish' && history.view.rejected.length < (scenario.refusals ?? 0)) {
      history.add({ type: 'output-reject', output: decision.output, issues: [{ path: '/answer', message: 'must be string' }] })
      // The engine ends a run whose output does not fit when its turns for mending are used up.
      if (history.view.rejected.length > history.view.limits.repairs) return left
      continue
    }
    if (decision.type === 'finish' || decision.type === 'fail') {
      checkEnd(drive, decision)
      return left
    }
    if (decision.type === 'act') waiting.push(...record(drive, decision))
    if (history.view.decisions > drive.maxDecisions)
      stop(drive, 'ends', `it did not end the run within ${drive.maxDecisions} decisions`)
    if (waiting.length === 0) stop(drive, 'ends', 'it waits although nothing is under way')
    await settleSome(drive, waiting)
  }
}

function record(drive: Drive, decision: Decision & { readonly type: 'act' }): readonly Effect[] {
  const { history, scenario, asked } = drive
  for (const effect of decision.effects) {
    if (effect.kind === 'model') asked.push({ effect, after: history.view.settled.length })
    const isUnwanted = scenario.withoutTools === true && (effect.kind === 'tool' || effect.kind === 'run')
    hold(
      drive,
      'valid-decision',
      isUnwanted ? `effect "${effect.key}" carries out a tool call of an answer that is not whole` : undefined,
    )
  }
  history.decide(decision.effects, decision.state)
  const effects = history.view.latest.map((one) => one.effect)
  return scenario.order === 'reverse' ? effects.toReversed() : effects
}

/** Settles the next effect; a planner that is not reactive is asked again only when nothing is open any more. */
async function settleSome(drive: Drive, waiting: Effect[]): Promise<void> {
  const { history, scenario, dialect, planner } = drive
  for (let effect = waiting.shift(); effect !== undefined; effect = waiting.shift()) {
    const { settled } = history.view
    const modelCalls = settled.filter((one) => one.effect.kind === 'model').length
    const toolCalls = settled.filter((one) => one.effect.kind === 'tool' || one.effect.kind === 'run').length
    history.settle(effect, performScripted(scenario, dialect, effect, { run: history.view, modelCalls, toolCalls }))
    if (planner.reactive === true || waiting.length === 0) return
    const { type } = await askPlanner(drive)
    const early = `asked while effects are open it decided "${type}"; a planner that wants to be asked early sets reactive, any other waits`
    hold(drive, 'idles-while-open', type === 'idle' ? undefined : early)
  }
}

/** Asks for a decision in every way that must give the same one. */
async function askPlanner(drive: Drive): Promise<Decision> {
  const { history, planner, createPlanner } = drive
  const { view } = history
  const before = structuredClone(view)
  let watched = await watchAmbient(() => attempt(planner, view))
  // A library that is loaded at first use is no fault; the second time it is there.
  if (watched.late) watched = await watchAmbient(() => attempt(planner, view))
  const touched = watched.late
    ? [...watched.touched, 'something that takes longer than a turn of the event loop']
    : watched.touched
  hold(drive, 'no-ambient', touched.length === 0 ? undefined : `deciding touched ${[...new Set(touched)].join(', ')}`)
  const decision = requireDecision(drive, watched.value)
  const changed = firstDifference(before, view)
  hold(drive, 'view-unchanged', changed === undefined ? undefined : `deciding changed the view, ${changed}`)
  const same = (other: Attempt, how: string): void => {
    const difference = firstDifference(decision, requireDecision(drive, other))
    hold(drive, 'same-decision', difference === undefined ? undefined : `${how} it decided otherwise, ${difference}`)
  }
  same(await attempt(planner, view), 'asked twice with the same view')
  same(await attempt(planner, history.refold()), 'asked with a view folded anew from the stored history')
  same(await attempt(await createPlanner(), history.refold()), 'a fresh planner, asked with the same history,')
  const problem = decisionProblem(view, decision)
  if (problem !== undefined) hold(drive, problem.rule, problem.text)
  return decision
}

type Attempt = { readonly decision: Decision } | { readonly thrown: unknown }

async function attempt(planner: Planner, view: RunView): Promise<Attempt> {
  try {
    return { decision: await planner.decide(view) }
  } catch (thrown) {
    return { thrown }
  }
}

function requireDecision(drive: Drive, result: Attempt): Decision {
  if ('decision' in result) return result.decision
  const { thrown } = result
  const isFrozen =
    thrown instanceof TypeError && /read only|not extensible|Cannot (add|delete|assign|redefine)/.test(thrown.message)
  return stop(
    drive,
    'valid-decision',
    `decide threw ${String(thrown)}${isFrozen ? ' (the history is frozen: a planner must not change what it reads)' : ''}`,
  )
}

function checkEnd(drive: Drive, decision: Decision & { readonly type: 'finish' | 'fail' }): void {
  const { ends } = drive.scenario
  hold(
    drive,
    'ends',
    ends === undefined || ends === decision.type ? undefined : `the run must end with "${ends}", not with ${show(decision)}`,
  )
  if (decision.type === 'finish') hold(drive, 'failures-told', lostFailure(drive))
}

/** A failure that neither a later prompt tells of nor ended the run. */
function lostFailure({ history, asked }: Drive): string | undefined {
  const { settled } = history.view
  const lastModel = settled.findLast((one) => one.effect.kind === 'model')
  if (lastModel?.outcome !== undefined && lastModel.outcome.status !== 'completed') {
    return `the run finished although its last model call ("${lastModel.effect.key}") failed`
  }
  for (const [index, { effect, outcome }] of settled.entries()) {
    if (outcome === undefined || outcome.status === 'completed' || (effect.kind !== 'tool' && effect.kind !== 'run')) continue
    const later = asked.filter(({ after }) => after > index)
    if (later.some((one) => tells(history.view, one.effect, outcome.error))) continue
    return `"${effect.key}" came to "${outcome.status}" (${outcome.error.message}), the run finished, and no later prompt says so`
  }
  return undefined
}

function tells(run: RunView, effect: ModelEffect, error: Failure): boolean {
  const text = JSON.stringify(tryPrompt(run, effect))
  return text.includes(JSON.stringify(error.message).slice(1, -1)) || text.includes(error.code)
}

function hold(drive: Drive, rule: PlannerRule, problem: string | undefined): void {
  if (problem !== undefined && !drive.skipped.includes(rule)) stop(drive, rule, problem)
}

function stop({ planner, scenario, history }: Drive, rule: PlannerRule, problem: string): never {
  const { decisions, seq } = history.view
  throw new Error(
    `[${rule}] planner "${planner.name}", scenario "${scenario.name}", after ${decisions} decisions (event ${seq}): ${problem}`,
  )
}
