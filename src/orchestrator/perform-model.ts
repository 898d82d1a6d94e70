import {
  type FunctionTool,
  type Json,
  type LiveEvent,
  type Model,
  type ModelAnswer,
  type ModelCallOptions,
  type ModelEffect,
  type ModelResult,
  OpspawnError,
  type ModelStream,
} from '../core/index.ts'
import { show } from './checks/show.ts'
import type { Execution, Performed } from './execution.ts'
import { invalidAnswer, recordAnswer } from './model-answer.ts'
import { readModelStream } from './model-stream.ts'
import type { RunContext } from './run-context.ts'

/**
 * Calls a model: streams where somebody watches, asks for the whole answer otherwise. The recorded answer is the same, but for `structuredOutputText`, which streams do not carry.
 *
 * @throws OpspawnError `MODEL_UNKNOWN`, `MODEL_UNAVAILABLE` on time-out, `MODEL_ANSWER_INVALID`; whatever the model throws
 */
export function performModel(context: RunContext, effect: ModelEffect, execution: Execution): Promise<Performed> {
  const { engine, ready, view } = context
  const model = modelOf(context, effect)
  const options = callOptions(context, effect, execution.signal)
  const timeoutMs = ready.agent.modelTimeoutMs ?? engine.timing.modelMs
  execution.arm(
    timeoutMs,
    () => new OpspawnError('MODEL_UNAVAILABLE', `model ${model.provider}/${model.modelId} did not answer within ${timeoutMs} ms`),
  )
  return engine.hub.wantsLive(view.id) ? stream(context, model, options, execution) : generate(context, model, options)
}

function generate(context: RunContext, model: Model, options: ModelCallOptions): Promise<Performed> {
  const maxSize = context.view.limits.payload
  return Promise.resolve(model.doGenerate(options)).then((result) => ({
    value: recordResult(model, result, maxSize) as unknown as Json,
  }))
}

async function stream(context: RunContext, model: Model, options: ModelCallOptions, execution: Execution): Promise<Performed> {
  const { hub } = context.engine
  const runId = context.view.id
  const emit = (event: LiveEvent): void => {
    if (execution.isOver) return
    execution.hasEmitted = true
    hub.live(runId, event)
  }
  const result = await model.doStream(options)
  const parts: unknown = (result as { stream?: unknown } | undefined | null)?.stream
  if (!isStream(parts)) throw invalidAnswer(model, 'doStream gave no stream')
  const raw = await readModelStream(parts, execution.effect.key, emit, execution.signal).catch((error: unknown) => {
    throw OpspawnError.is(error, 'MODEL_ANSWER_INVALID') ? invalidAnswer(model, error.message, error) : error
  })
  return { value: recordAnswer(model, raw, context.view.limits.payload) as unknown as Json }
}

function isStream(value: unknown): value is ModelStream {
  return typeof value === 'object' && value !== null && ('getReader' in value || Symbol.asyncIterator in value)
}

function recordResult(model: Model, result: ModelResult, maxSize: number): ModelAnswer {
  if (typeof result !== 'object' || result === null) throw invalidAnswer(model, `doGenerate gave ${show(result)}`)
  return recordAnswer(model, result, maxSize)
}

/** The model that an effect names. @throws OpspawnError `MODEL_UNKNOWN` */
export function modelOf(context: Pick<RunContext, 'ready'>, effect: ModelEffect): Model {
  const { agent } = context.ready
  const name = effect.model ?? 'default'
  const model = Object.hasOwn(agent.models, name) ? agent.models[name] : undefined
  if (model === undefined) {
    throw new OpspawnError(
      'MODEL_UNKNOWN',
      `agent "${agent.name}" has no model "${name}"; it has ${Object.keys(agent.models).join(', ') || 'none'}`,
    )
  }
  return model
}

function callOptions(context: RunContext, effect: ModelEffect, signal: AbortSignal): ModelCallOptions {
  const { ready, view, prompts } = context
  const settings = effect.settings === undefined ? ready.agent.settings : { ...ready.agent.settings, ...effect.settings }
  const prompt = prompts.promptFor(view, effect)
  const shown = effect.tools === 'all' ? ready.functionsFor(view.tools) : functionsNamed(context, effect.tools)
  const options: ModelCallOptions =
    shown.length > 0 ? { prompt, abortSignal: signal, tools: shown } : { prompt, abortSignal: signal }
  if (settings !== undefined) Object.assign(options, settings)
  if (effect.toolChoice !== undefined && options.tools !== undefined) options.toolChoice = effect.toolChoice
  if (effect.responseFormat !== undefined) options.responseFormat = effect.responseFormat
  return options
}

/** Only what policy lets this run see. */
function functionsNamed({ ready, view }: RunContext, names: readonly string[] = []): FunctionTool[] {
  const visible = names.filter((name) => view.tools.some((tool) => tool.name === name))
  return visible.map((name) => ready.functions.get(name)).filter((tool) => tool !== undefined)
}
