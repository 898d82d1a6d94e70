import {
  type Decision,
  type EffectRecord,
  type Failure,
  type Json,
  type ModelAnswer,
  type ModelEffect,
  type Planner,
  type RunView,
  answerText,
  inputMessage,
  modelAnswer,
  systemMessage,
} from '../../core/index.ts'
import {
  ABOVE_0,
  COUNT,
  MEMORY,
  type ModelRecord,
  OBJECT,
  TEXT,
  act,
  askAgain,
  checkOptions,
  fail,
  failedWith,
  isHandoff,
  isModel,
  isRepair,
  memorySettings,
  modelPlanner,
  oneOf,
  outputFormat,
  pastMessages,
  readOutput,
  stopFault,
} from '../../planning/index.ts'
import type { PlanExecutePlannerOptions } from './options.ts'
import { parsePlan } from './plan.ts'
import { type PlanState, type PlanStep, type StepResult, initialState, planState } from './state.ts'
import { type Settings, askModel, outputOf, stepEffect, summarize } from './steps.ts'
import { planTexts } from './texts.ts'

const OPTIONS = {
  model: TEXT,
  revisions: COUNT,
  maxSteps: ABOVE_0,
  resultLimit: ABOVE_0,
  answer: oneOf('model', 'last-step'),
  memory: MEMORY,
  texts: OBJECT,
}

/**
 * Plans first and works then: the model writes a plan as data, its steps run one after the other, and at the end the model
 * writes the answer from the results. A step names a tool, whose input may refer to earlier outputs, or is a question for
 * the model. After a failed step the model writes a new plan, a bounded number of times. The plan stands in the planner's
 * state, and so in the history.
 *
 * The run fails with `PLAN_FAILED` when a plan cannot be read after one more turn, or when a step fails and no revision is
 * left; it also fails when a model call fails, or an answer was cut, withheld or broken off.
 *
 * @throws OpspawnError `LIMIT_INVALID`, `OPTIONS_INVALID`
 */
export function planExecutePlanner(options: PlanExecutePlannerOptions = {}): Planner {
  const { revisions = 2, maxSteps = 20, resultLimit = 8_000, answer = 'model', model } = options
  checkOptions('planExecutePlanner', options, OPTIONS)
  const memory = memorySettings('planExecutePlanner', options.memory)
  const settings: Settings = {
    model,
    revisions,
    maxSteps,
    resultLimit,
    answer,
    memory,
    texts: { ...planTexts, ...options.texts },
  }
  return modelPlanner('plan-execute', options, memory, (run) => decide(run, settings))
}

function decide(run: RunView, settings: Settings): Decision {
  const last = run.latest[0]
  const state = planState(run)
  if (last === undefined || state === undefined) return act(firstTurn(run, settings), initialState)
  if (run.rejectedNow) return mendOutput(run, settings, state, last)
  switch (state.phase) {
    case 'planning':
      return afterPlan(run, settings, state, last as ModelRecord)
    case 'working':
      return isModel(last) ? afterQuestion(run, settings, state, last) : afterTool(run, settings, state, last)
    default:
      return afterAnswer(run, settings, state, last as ModelRecord)
  }
}

function firstTurn(run: RunView, { texts, maxSteps, model, memory }: Settings): ModelEffect {
  const form = texts.template({ tools: run.tools, maxSteps })
  const system = run.instructions === undefined ? form : `${run.instructions}\n\n${form}`
  const messages = [systemMessage(system), ...pastMessages(run, memory), inputMessage(run.input)]
  return { kind: 'model', key: `plan-${run.decisions}`, ...(model === undefined ? undefined : { model }), messages }
}

function afterPlan(run: RunView, settings: Settings, state: PlanState, record: ModelRecord): Decision {
  const answer = modelAnswer(record)
  if (answer === undefined) return failedWith(record)
  // A plan that was cut is no whole JSON, so it is refused with the malformed ones.
  const fault = stopFault(answer, true)
  if (fault !== undefined) return fault
  const done = state.results.filter(({ status }) => status === 'completed').map(({ id }) => id)
  const parsed = parsePlan(run, answerText(answer), { maxSteps: settings.maxSteps, done })
  if (parsed.problem !== undefined) {
    if (isRepair(record))
      return fail('PLAN_FAILED', `the model's plan cannot be carried out, also when asked again: ${parsed.problem}`)
    return act(askAgain(record, answer, `repair-${run.decisions}`, settings.texts.badPlan(parsed.problem)), state)
  }
  return nextStep(run, settings, {
    ...state,
    phase: 'working',
    plan: parsed.steps,
    step: 0,
    told: state.results.length,
    conversation: record.effect.key,
  })
}

function nextStep(run: RunView, settings: Settings, state: PlanState): Decision {
  if (state.step >= state.plan.length) return allDone(run, settings, state)
  const effect = stepEffect(run, settings, state)
  return 'problem' in effect ? stepFailed(run, settings, state, effect.problem) : act(effect.effect, state)
}

function afterQuestion(run: RunView, settings: Settings, state: PlanState, record: ModelRecord): Decision {
  const answer = modelAnswer(record)
  if (answer === undefined) return failedWith(record)
  const text = answerText(answer)
  const fault = stopFault(answer, false)
  if (fault?.error.code === 'MODEL_INTERRUPTED') return fault
  if (fault !== undefined) return stepFailed(run, settings, state, fault.error, record.effect.key)
  if (text.trim() === '')
    return stepFailed(run, settings, state, fail('MODEL_ANSWER_INVALID', 'the model answered nothing').error, record.effect.key)
  const next = stepDone(state, record.effect.key, text)
  return nextStep(run, settings, { ...next, told: next.results.length, conversation: record.effect.key })
}

function afterTool(run: RunView, settings: Settings, state: PlanState, record: EffectRecord): Decision {
  const { effect, outcome } = record
  if (outcome === undefined) return { type: 'idle' }
  if (outcome.status !== 'completed') return stepFailed(run, settings, state, outcome.error, effect.key)
  if (isHandoff(run, effect)) return { type: 'finish', output: outcome.value }
  return nextStep(run, settings, stepDone(state, effect.key, outcome.value))
}

function stepDone(state: PlanState, key: string, value: Json): PlanState {
  const { id, goal } = state.plan[state.step] as PlanStep
  const result: StepResult = { id, goal, key, status: 'completed', summary: summarize(value) }
  return { ...state, step: state.step + 1, results: [...state.results, result] }
}

function stepFailed(run: RunView, settings: Settings, state: PlanState, failure: Failure, key?: string): Decision {
  const { id, goal } = state.plan[state.step] as PlanStep
  if (state.revisions >= settings.revisions) {
    const { error } = fail(
      'PLAN_FAILED',
      `step "${id}" failed after ${state.revisions} revised plans: ${failure.code}: ${failure.message}`,
    )
    const causes = [{ name: failure.code, message: failure.message }, ...(failure.causes ?? [])].slice(0, 4)
    return { type: 'fail', error: { ...error, causes } }
  }
  const result: StepResult = {
    id,
    goal,
    ...(key === undefined ? undefined : { key }),
    status: 'failed',
    summary: summarize(`${failure.code}: ${failure.message}`),
  }
  const next: PlanState = { ...state, phase: 'planning', revisions: state.revisions + 1, results: [...state.results, result] }
  return act(askModel(run, settings, state, 'plan', settings.texts.revise(id, goal, failure)), next)
}

function allDone(run: RunView, settings: Settings, state: PlanState): Decision {
  if (settings.answer === 'last-step') {
    const output = outputOf(run, state.results.at(-1) as StepResult)
    const read = typeof output === 'string' ? readOutput(run, output) : output
    // Text where JSON is wanted goes out as it stands: the engine refuses it and says why.
    return { type: 'finish', output: read ?? output }
  }
  const effect = { ...askModel(run, settings, state, 'answer', settings.texts.answer), ...outputFormat(run) }
  return act(effect, { ...state, phase: 'answering' })
}

function afterAnswer(run: RunView, settings: Settings, state: PlanState, record: ModelRecord): Decision {
  const answer = modelAnswer(record)
  if (answer === undefined) return failedWith(record)
  const fault = stopFault(answer, false)
  if (fault !== undefined) return fault
  const text = answerText(answer)
  const output = text.trim() === '' ? undefined : readOutput(run, text)
  if (output !== undefined) return { type: 'finish', output }
  const problem = text.trim() === '' ? 'it is empty' : 'it is not one JSON value that fits the requested schema'
  if (isRepair(record))
    return fail('MODEL_ANSWER_INVALID', `the model's answer cannot be used, also when asked again: ${problem}`)
  return act(askAgain(record, answer, `repair-${run.decisions}`, settings.texts.badAnswer(problem)), state)
}

/** The engine refused the output: the model is told why, and writes the answer itself from then on. */
function mendOutput(run: RunView, settings: Settings, state: PlanState, last: EffectRecord): Decision {
  const text = settings.texts.repairMessage(run.rejected.at(-1)?.issues ?? [])
  const answered = state.phase === 'answering' && isModel(last)
  const from: PlanState = answered
    ? { ...state, conversation: last.effect.key, told: state.results.length }
    : withLatest(state, last)
  return act({ ...askModel(run, settings, from, 'answer', text), ...outputFormat(run) }, { ...from, phase: 'answering' })
}

/** Adds the last step, which gave the refused output. */
function withLatest(state: PlanState, { effect, outcome }: EffectRecord): PlanState {
  const value = outcome?.status === 'completed' ? outcome.value : null
  if (effect.kind !== 'model') return stepDone(state, effect.key, value)
  const done = stepDone(state, effect.key, answerText(value as unknown as ModelAnswer))
  return { ...done, told: done.results.length, conversation: effect.key }
}
