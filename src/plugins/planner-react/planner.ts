import {
  type Decision,
  type EffectRecord,
  type ModelAnswer,
  type ModelEffect,
  type Outcome,
  type Planner,
  type RunView,
  answerText,
  callEffect,
  inputMessage,
  modelAnswer,
  offeredTool,
  systemMessage,
  userMessage,
} from '../../core/index.ts'
import {
  ABOVE_0,
  FLAG,
  LIST,
  MEMORY,
  type MemorySettings,
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
  lastModel,
  memorySettings,
  modelPlanner,
  pastMessages,
  readOutput,
  stopFault,
  wantsJson,
} from '../../planning/index.ts'
import type { ReactPlannerOptions } from './options.ts'
import { outcomeText } from './outcome-text.ts'
import { type ReactTurn, parseReactTurn } from './parse.ts'
import { type ReactTexts, reactTexts } from './texts.ts'

interface Settings {
  readonly shape: Pick<ModelEffect, 'model' | 'settings'>
  readonly observationLimit: number
  readonly allowCutAnswer: boolean
  readonly memory: MemorySettings | undefined
  readonly texts: ReactTexts
}

const OPTIONS = {
  model: TEXT,
  observationLimit: ABOVE_0,
  stopSequences: LIST,
  settings: OBJECT,
  allowCutAnswer: FLAG,
  memory: MEMORY,
  texts: OBJECT,
}

/**
 * Plans in text: thought, action, action input, observation. Works with any model, also one that knows no tool calls. The
 * form that the model has to keep is told in the system message, behind the agent's instructions; see `reactTemplate`.
 *
 * One action per turn. A turn that cannot be read gets one more turn to mend it, then the run fails; it also fails when a
 * model call fails, and when an answer was cut, withheld or broken off.
 *
 * @throws OpspawnError `LIMIT_INVALID`
 */
export function reactPlanner(options: ReactPlannerOptions = {}): Planner {
  checkOptions('reactPlanner', options, OPTIONS)
  const { observationLimit = 8_000, stopSequences = ['\nObservation:'], allowCutAnswer = false, model } = options
  const shape = {
    ...(model === undefined ? undefined : { model }),
    settings: { ...options.settings, ...(stopSequences.length > 0 ? { stopSequences } : undefined) },
  }
  const memory = memorySettings('reactPlanner', options.memory)
  const settings: Settings = { shape, observationLimit, allowCutAnswer, memory, texts: { ...reactTexts, ...options.texts } }
  return modelPlanner('react', options, memory, (run) => decide(run, settings))
}

function decide(run: RunView, settings: Settings): Decision {
  const last = run.latest[0]
  if (last === undefined) return act(firstTurn(run, settings))
  if (run.rejectedNow) {
    const wrong = settings.texts.repairMessage(run.rejected.at(-1)?.issues ?? [])
    return act(tell(run, settings, isModel(last) ? wrong : `${observe(run, settings, last)}\n\n${wrong}`))
  }
  return isModel(last) ? afterAnswer(run, settings, last) : afterAction(run, settings, last)
}

function firstTurn(run: RunView, { shape, texts, memory }: Settings): ModelEffect {
  const form = texts.template({ tools: run.tools, output: wantsJson(run) ? run.output : undefined })
  const system = run.instructions === undefined ? form : `${run.instructions}\n\n${form}`
  return {
    kind: 'model',
    key: `model-${run.decisions}`,
    ...shape,
    messages: [systemMessage(system), ...pastMessages(run, memory), inputMessage(run.input)],
  }
}

/** The next turn of the conversation, begun by a user message. */
function tell(run: RunView, { shape }: Settings, text: string): ModelEffect {
  return {
    kind: 'model',
    key: `model-${run.decisions}`,
    ...shape,
    continues: lastModel(run).effect.key,
    messages: [userMessage(text)],
  }
}

function afterAnswer(run: RunView, settings: Settings, record: ModelRecord): Decision {
  if (record.outcome?.status !== 'completed') return failedWith(record)
  const answer = modelAnswer(record) as ModelAnswer
  const turn = parseReactTurn(answerText(answer))
  const fault = stopFault(answer, settings.allowCutAnswer || isWholeAction(turn))
  if (fault !== undefined) return fault
  switch (turn.type) {
    case 'malformed':
      return oneMoreTurn(run, settings, record, answer, turn.problem)
    case 'final': {
      const output = readOutput(run, turn.text)
      if (output === undefined) return oneMoreTurn(run, settings, record, answer, 'the final answer is not one JSON value')
      return { type: 'finish', output }
    }
    default: {
      const tool = offeredTool(run, turn.action)
      if (tool === undefined)
        return act(tell(run, settings, settings.texts.observation(settings.texts.unknownTool(turn.action, run.tools), turn.cut)))
      return { type: 'act', effects: [callEffect(`tool-${run.decisions}`, tool, turn.input, { continues: record.effect.key })] }
    }
  }
}

/** An action that was written down with its arguments; without them, the output limit may have swallowed them. */
function isWholeAction(turn: ReactTurn): boolean {
  return turn.type === 'action' && turn.hasInput
}

function afterAction(run: RunView, settings: Settings, record: EffectRecord): Decision {
  const { effect, outcome } = record
  // A handoff that was refused did not take place: the model goes on.
  if (isHandoff(run, effect) && outcome?.status !== 'denied')
    return outcome?.status === 'completed' ? { type: 'finish', output: outcome.value } : failedWith(record)
  return act(tell(run, settings, observe(run, settings, record)))
}

function observe(run: RunView, { texts, observationLimit }: Settings, { outcome }: EffectRecord): string {
  const turn = parseReactTurn(answerText(modelAnswer(lastModel(run)) as ModelAnswer))
  return texts.observation(outcomeText(outcome as Outcome, observationLimit), turn.type === 'action' && turn.cut)
}

/** One turn to mend what cannot be read. */
function oneMoreTurn(run: RunView, { texts }: Settings, record: ModelRecord, answer: ModelAnswer, problem: string): Decision {
  if (isRepair(record))
    return fail('MODEL_ANSWER_INVALID', `the model's turn could not be read, also when asked again: ${problem}`)
  return act(askAgain(record, answer, `repair-${run.decisions}`, texts.malformed(problem)))
}
