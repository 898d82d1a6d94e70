import {
  type Decision,
  type Message,
  type ModelAnswer,
  type ModelEffect,
  type Planner,
  type RunView,
  addedMessages,
  answerText,
  answerToolCalls,
  assistantMessage,
  callEffect,
  inputMessage,
  modelAnswer,
  systemMessage,
  userMessage,
} from '../../core/index.ts'
import {
  FLAG,
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
  oneOf,
  outputFormat,
  pastMessages,
  readOutput,
  stopFault,
} from '../../planning/index.ts'
import { sortCalls } from './calls.ts'
import type { ToolsPlannerOptions } from './options.ts'
import { type ToolsTexts, toolsTexts } from './texts.ts'
import { outputMessage, runTranscript } from './transcript.ts'

type Settings = Omit<ToolsPlannerOptions, 'texts' | 'memory'> & {
  readonly texts: ToolsTexts
  readonly memory: MemorySettings | undefined
}

const OPTIONS = {
  model: TEXT,
  sessionTranscript: oneOf('answer', 'full'),
  allowCutAnswer: FLAG,
  memory: MEMORY,
  texts: OBJECT,
}

/**
 * Plans with the model's own tool calls. The model sees the agent's instructions, the conversation and the input,
 * nothing else; it calls tools, several at once if it likes, and whatever becomes of them is told to it. Its first answer
 * without a tool call is the output.
 *
 * The run fails when a model call fails, when the answer was cut, withheld or broken off, and when an answer is empty or
 * not the JSON asked for and one more turn has not mended it.
 *
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function toolsPlanner(options: ToolsPlannerOptions = {}): Planner {
  checkOptions('toolsPlanner', options, OPTIONS)
  const memory = memorySettings('toolsPlanner', options.memory)
  const settings: Settings = { ...options, texts: { ...toolsTexts, ...options.texts }, memory }
  return modelPlanner('tools', options, memory, (run) => decide(run, settings))
}

function decide(run: RunView, settings: Settings): Decision {
  const last = run.latest[0]
  if (last === undefined) return act(firstTurn(run, settings))
  if (run.rejectedNow) {
    const issues = run.rejected.at(-1)?.issues ?? []
    return act(nextTurn(run, settings, userMessage(settings.texts.repairMessage(issues))))
  }
  return isModel(last) ? afterAnswer(run, settings, last) : afterCalls(run, settings)
}

function firstTurn(run: RunView, settings: Settings): ModelEffect {
  const instructions = run.instructions === undefined ? [] : [systemMessage(run.instructions)]
  // Joining arrays alone takes a tenth of the time that an item between them costs.
  const messages = instructions.concat(pastMessages(run, settings.memory), [inputMessage(run.input)])
  return Object.assign(shape(run, settings), { messages })
}

/** The next turn of the conversation: the last answer, what became of its calls, and a message if there is one. */
function nextTurn(run: RunView, settings: Settings, message?: Message): ModelEffect {
  const asked = lastModel(run)
  const answer = modelAnswer(asked) as ModelAnswer
  const results = run.latest[0] === asked ? [] : run.latest.map((record) => record.effect.key)
  const added: Message[] = []
  // The calls that were not carried out are found again from the answer; there are none when every call has its effect.
  if (results.length < answerToolCalls(answer).length) {
    const { refusal } = sortCalls(run, answer, settings.texts)
    if (refusal !== undefined) added.push(refusal)
  }
  if (message !== undefined) added.push(message)
  const turn = shape(run, settings)
  turn.continues = asked.effect.key
  if (results.length > 0) turn.results = results
  if (added.length > 0) turn.messages = added
  return turn
}

/** A turn while it is put together. */
type Turn = { -readonly [K in keyof ModelEffect]: ModelEffect[K] }

/** What every turn has. */
function shape(run: RunView, { model }: Settings): Turn {
  const turn: Turn = { kind: 'model', key: `model-${run.decisions}` }
  if (model !== undefined) turn.model = model
  if (run.tools.length > 0) turn.tools = 'all'
  return run.output === undefined ? turn : Object.assign(turn, outputFormat(run))
}

function afterAnswer(run: RunView, settings: Settings, record: ModelRecord): Decision {
  if (record.outcome?.status !== 'completed') return failedWith(record)
  const answer = modelAnswer(record) as ModelAnswer
  const calls = answerToolCalls(answer)
  const cutIsFine = settings.allowCutAnswer === true || calls.length > 0
  const fault = stopFault(answer, cutIsFine)
  if (fault !== undefined) return fault
  if (calls.length > 0) return makeCalls(run, settings, record, answer)
  if (answer.content.some((part) => part.type === 'tool-approval-request')) {
    return fail(
      'MODEL_ANSWER_INVALID',
      'the provider asks for an approval of a tool that it runs itself; this planner cannot give one',
    )
  }
  const text = answerText(answer)
  if (text.trim() === '')
    return oneMoreTurn(run, record, answer, settings.texts.emptyAnswer, 'the model answered with neither text nor a tool call')
  const output = readOutput(run, text)
  if (output === undefined)
    return oneMoreTurn(
      run,
      record,
      answer,
      settings.texts.notJson,
      'the model answered with something else than the JSON asked for',
    )
  if (settings.sessionTranscript !== 'full') return { type: 'finish', output }
  return { type: 'finish', output, messages: [...runTranscript(run, settings.memory, record.effect), assistantMessage(answer)] }
}

function makeCalls(run: RunView, settings: Settings, record: ModelRecord, answer: ModelAnswer): Decision {
  const { good } = sortCalls(run, answer, settings.texts)
  if (good.length === 0) return act(nextTurn(run, settings))
  const effects = good.map(({ call, tool, input }, index) =>
    callEffect(`tool-${run.decisions}-${index}`, tool, input, { id: call.toolCallId, continues: record.effect.key }),
  )
  return { type: 'act', effects }
}

function afterCalls(run: RunView, settings: Settings): Decision {
  const handoff = run.latest.find(({ effect }) => isHandoff(run, effect))
  // A handoff that was refused did not take place: the model goes on.
  if (handoff?.outcome === undefined || handoff.outcome.status === 'denied') return act(nextTurn(run, settings))
  if (handoff.outcome.status !== 'completed') return failedWith(handoff)
  const output = handoff.outcome.value
  if (settings.sessionTranscript !== 'full') return { type: 'finish', output }
  const transcript = [
    ...runTranscript(run, settings.memory, lastModel(run).effect),
    ...addedMessages(run, nextTurn(run, settings)),
  ]
  return { type: 'finish', output, messages: [...transcript, outputMessage(output)] }
}

/** One turn to mend an answer. */
function oneMoreTurn(run: RunView, record: ModelRecord, answer: ModelAnswer, text: string, problem: string): Decision {
  if (isRepair(record)) return fail('MODEL_ANSWER_INVALID', `${problem}, also when asked again`)
  return act(askAgain(record, answer, `repair-${run.decisions}`, text))
}
