import {
  type Effect,
  type Failure,
  type Json,
  type ModelEffect,
  type OfferedTool,
  OpspawnError,
  type RunView,
  answerText,
  callEffect,
  modelAnswer,
  offeredTool,
  toFailure,
  userMessage,
} from '../../core/index.ts'
import { type MemorySettings, boundText } from '../../planning/index.ts'
import { follow, substitute } from './references.ts'
import { type PlanState, type PlanStep, type StepResult, resultOf } from './state.ts'
import type { PlanTexts } from './texts.ts'

/** The options of the planner, filled in. */
export interface Settings {
  readonly model: string | undefined
  readonly revisions: number
  readonly maxSteps: number
  readonly resultLimit: number
  readonly answer: 'model' | 'last-step'
  readonly memory: MemorySettings | undefined
  readonly texts: PlanTexts
}

/** The effect that carries out the step which the state stands at, or why there is none. */
export function stepEffect(
  run: RunView,
  settings: Settings,
  state: PlanState,
): { readonly effect: Effect } | { readonly problem: Failure } {
  const step = state.plan[state.step] as PlanStep
  if (step.tool === undefined) return { effect: askModel(run, settings, state, 'step', settings.texts.step(step.id, step.goal)) }
  // The plan was checked against the same tools: a run keeps its definition.
  const tool = offeredTool(run, step.tool) as OfferedTool
  const input = substitute(step.input ?? {}, ({ id, pointer, text }) => {
    const result = resultOf(state.results, id)
    const value = result === undefined ? undefined : follow(outputOf(run, result), pointer)
    return value === undefined ? { problem: `there is nothing at {{${text}}}` } : { value }
  })
  if (input.problem !== undefined)
    return { problem: toFailure(new OpspawnError('TOOL_INPUT_INVALID', input.problem), 'TOOL_INPUT_INVALID') }
  return { effect: callEffect(`step-${run.decisions}`, tool, input.value) }
}

/** Goes on with the conversation: the results that it does not hold yet, then what is asked. */
export function askModel(
  run: RunView,
  settings: Settings,
  state: PlanState,
  what: 'plan' | 'step' | 'answer',
  text: string,
): ModelEffect {
  const news = state.results
    .slice(state.told)
    .filter((result) => result.status === 'completed')
    .map((result) =>
      settings.texts.result(result.id, result.goal, boundText(asText(outputOf(run, result)), settings.resultLimit)),
    )
  return {
    kind: 'model',
    key: `${what}-${run.decisions}`,
    ...(settings.model === undefined ? undefined : { model: settings.model }),
    ...(state.conversation === undefined ? undefined : { continues: state.conversation }),
    messages: [userMessage([...news, text].join('\n\n'))],
  }
}

/** The whole output of a completed step, from the history. */
export function outputOf(run: RunView, result: StepResult): Json {
  const record = result.key === undefined ? undefined : run.effects.get(result.key)
  if (record?.outcome?.status !== 'completed') return null
  const answer = modelAnswer(record)
  return answer === undefined ? record.outcome.value : answerText(answer)
}

/** The beginning of a value, for the state. */
export function summarize(value: Json): string {
  return boundText(asText(value), 200)
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
