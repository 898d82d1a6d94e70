import {
  type Decision,
  type EffectRecord,
  type Json,
  type ModelAnswer,
  type ModelEffect,
  type RunView,
  answerText,
  userMessage,
} from '../core/index.ts'
import { fail } from './decision.ts'
import { readJson } from './json-text.ts'

/** Why an answer cannot be used, by the way in which the model stopped. */
export function stopFault(answer: ModelAnswer, allowCut: boolean): (Decision & { readonly type: 'fail' }) | undefined {
  switch (answer.finishReason) {
    case 'interrupted':
    case 'error':
      return fail('MODEL_INTERRUPTED', `the model's answer broke off (finish reason "${answer.finishReason}")`)
    case 'content-filter':
      return fail('MODEL_ANSWER_INVALID', 'the provider withheld the answer (finish reason "content-filter")')
    case 'length':
      return allowCut
        ? undefined
        : fail('MODEL_ANSWER_INVALID', 'the answer was cut at the output limit; raise maxOutputTokens or ask for less')
    default:
      return undefined
  }
}

/** Whether the run's output is to be read as JSON. A schema of type `string` is fulfilled by plain text. */
export function wantsJson(run: RunView): boolean {
  return run.output !== undefined && run.output['type'] !== 'string'
}

/** The part of a model effect that asks for structured output, where the run has to have one. */
export function outputFormat(run: RunView): Pick<ModelEffect, 'responseFormat'> | undefined {
  return run.output !== undefined && wantsJson(run)
    ? { responseFormat: { type: 'json', schema: run.output, name: 'output' } }
    : undefined
}

/** Reads a run's output from a model's text; `undefined` where JSON is wanted and there is none. */
export function readOutput(run: RunView, text: string): Json | undefined {
  return wantsJson(run) ? readJson(text) : text
}

/**
 * Asks the model once more, with a user message that says what was wrong. An empty answer is left out of the new prompt,
 * since providers refuse empty messages: the same prompt is sent again with the message behind it.
 */
export function askAgain(
  record: EffectRecord & { readonly effect: ModelEffect },
  answer: ModelAnswer,
  key: string,
  text: string,
): ModelEffect {
  const { effect } = record
  if (answerText(answer).trim() === '') return { ...effect, key, messages: [...(effect.messages ?? []), userMessage(text)] }
  const { results: _results, ...shape } = effect
  return { ...shape, key, continues: effect.key, messages: [userMessage(text)] }
}
