import { type Json, type Model, type ModelCallOptions, type ModelEffect, OpspawnError } from '../core/index.ts'
import type { Execution, Performed } from './execution.ts'
import { recordAnswer } from './model-answer.ts'
import { readModelStream } from './model-stream.ts'
import type { RunContext } from './run-context.ts'

/**
 * Calls a model: streams where somebody watches, asks for the whole answer otherwise. The recorded answer is the same.
 *
 * @throws OpspawnError `MODEL_UNKNOWN`, `MODEL_UNAVAILABLE` on time-out, `MODEL_ANSWER_INVALID`; whatever the model throws
 */
export async function performModel(context: RunContext, effect: ModelEffect, execution: Execution): Promise<Performed> {
  const { engine, ready, view } = context
  const model = modelOf(context, effect)
  const timeoutMs = ready.agent.modelTimeoutMs ?? engine.timing.modelMs
  const options = callOptions(context, effect, execution.signal)
  execution.arm(
    timeoutMs,
    () => new OpspawnError('MODEL_UNAVAILABLE', `model ${model.provider}/${model.modelId} did not answer within ${timeoutMs} ms`),
  )
  if (engine.hub.wantsLive(view.id)) {
    const { stream } = await model.doStream(options)
    const raw = await readModelStream(
      stream,
      effect.key,
      (event) => {
        if (execution.isOver) return
        execution.hasEmitted = true
        engine.hub.live(view.id, event)
      },
      execution.signal,
    )
    return { value: recordAnswer(model, raw, view.limits.payload) as unknown as Json }
  }
  const result = await model.doGenerate(options)
  if (typeof result !== 'object' || result === null) {
    throw new OpspawnError(
      'MODEL_ANSWER_INVALID',
      `model ${model.provider}/${model.modelId} gave ${String(result)} instead of a result`,
    )
  }
  const raw = { ...result, warnings: result.warnings ?? [], responseId: result.response?.id, modelId: result.response?.modelId }
  return { value: recordAnswer(model, raw, view.limits.payload) as unknown as Json }
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
  const options = { ...settings, prompt: prompts.promptFor(view, effect), abortSignal: signal } as ModelCallOptions
  const names = effect.tools === 'all' ? view.tools.map((tool) => tool.name) : effect.tools
  if (names !== undefined && names.length > 0) {
    const shown = names.map((name) => ready.functions.get(name)).filter((tool) => tool !== undefined)
    if (shown.length > 0) options.tools = shown
  }
  if (effect.toolChoice !== undefined && options.tools !== undefined) options.toolChoice = effect.toolChoice
  if (effect.responseFormat !== undefined) options.responseFormat = effect.responseFormat
  return options
}
