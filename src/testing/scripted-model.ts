import type { ModelCallOptions } from '../core/index.ts'
import { copyValue } from './copy-value.ts'
import { playCourse, realTimers, wait, webStream } from './part-stream.ts'
import { lastToolResults, lastUserText } from './prompt-text.ts'
import { answerResult, makeAnswer, type Answer, type AnswerDefaults } from './scripted-answer.ts'
import { show, unmetExpectations } from './scripted-expect.ts'
import type { V2Model, V3Model, V4StreamPart } from './scripted-shapes.ts'
import type { FixedStep, ScriptedModelCall, ScriptedModel, ScriptedModelOptions, ScriptedStep } from './scripted-step.ts'
import { faultError, streamCourse } from './scripted-stream.ts'
import { olderModel, v2Form, v3Form } from './scripted-versions.ts'

type Version = ScriptedModelCall['version']

/**
 * A model that answers from a script, the same for `doGenerate` and `doStream`. Each call takes one step, in the order in
 * which the calls are made.
 *
 * It is strict: a call beyond the script, or one that a step does not expect, rejects with an ordinary error that says
 * what was asked, and {@link ScriptedModel.assertComplete} throws while a step is unused or a call was refused. Ids,
 * texts and parts are the same in every run.
 *
 * An abort rejects with the signal's reason, whatever the step, and leaves no listener behind.
 *
 * @example
 * const model = scriptedModel([
 *   { toolCalls: [{ name: 'weather', input: { city: 'Bergen' } }] },
 *   { text: 'It rains.', expect: { toolResults: ['rain'] } },
 * ])
 */
export function scriptedModel(
  steps: readonly ScriptedStep[],
  options: ScriptedModelOptions & { readonly fast: true },
): ScriptedModel<AsyncIterable<V4StreamPart>>
export function scriptedModel(steps: readonly ScriptedStep[], options?: ScriptedModelOptions): ScriptedModel
export function scriptedModel(steps: readonly ScriptedStep[], options: ScriptedModelOptions = {}): ScriptedModel {
  const { provider = 'scripted', modelId = 'scripted', clock = realTimers, fast = false } = options
  const script = openScript(steps, options)

  async function generate(version: Version, call: ModelCallOptions): Promise<Answer> {
    const answer = await script.next('generate', version, call)
    if (answer.delayMs > 0) await wait(answer.delayMs, clock, call.abortSignal)
    if (answer.fault.fault === 'hang') await wait(undefined, clock, call.abortSignal)
    const fault = faultError(answer.fault)
    if (fault !== undefined) throw fault.value
    return answer
  }
  async function stream(version: Version, call: ModelCallOptions): Promise<AsyncIterableIterator<V4StreamPart, undefined>> {
    const answer = await script.next('stream', version, call)
    if (answer.content.length === 0 && answer.fault.fault !== 'truncated') {
      // Nothing comes before the fault, so the call itself has it, as with a provider that refuses the request.
      const { fault } = answer.fault
      if (fault !== undefined && answer.delayMs > 0) await wait(answer.delayMs, clock, call.abortSignal)
      if (fault === 'hang') await wait(undefined, clock, call.abortSignal)
      const error = faultError(answer.fault)
      if (error !== undefined) throw error.value
    }
    return playCourse(streamCourse(answer), answer.delayMs, clock, call.abortSignal)
  }
  const base = { provider, modelId, generate, stream }
  return {
    specificationVersion: 'v4',
    provider,
    modelId,
    supportedUrls: {},
    calls: script.calls,
    assertComplete: script.assertComplete,
    async doGenerate(call) {
      return answerResult(await generate('v4', call))
    },
    async doStream(call) {
      const parts = await stream('v4', call)
      return { stream: fast ? (parts as unknown as ReadableStream<V4StreamPart>) : webStream(parts) }
    },
    asV2: (): V2Model => olderModel('v2', v2Form, base),
    asV3: (): V3Model => olderModel('v3', v3Form, base),
  }
}

/** The position in a script and what went wrong with it. */
function openScript(steps: readonly ScriptedStep[], options: ScriptedModelOptions) {
  const defaults: AnswerDefaults = {
    usage: options.usage ?? { inputTokens: 10, outputTokens: 5 },
    deltas: options.deltas ?? 'words',
    modelId: options.modelId ?? 'scripted',
  }
  const calls: ScriptedModelCall[] = []
  const refusals: Error[] = []
  let asked = 0
  let used = 0

  function refuse(name: string, message: string): Error {
    const error = new Error(message)
    error.name = name
    refusals.push(error)
    return error
  }
  /** Takes the next step. All of it up to the first `await` is synchronous, so that calls take steps in the order made. */
  async function next(method: 'generate' | 'stream', version: Version, call: ModelCallOptions): Promise<Answer> {
    call.abortSignal?.throwIfAborted()
    const index = asked
    asked += 1
    if (options.record !== false) calls.push({ index, method, version, options: copyValue(call) })
    const last = steps.length - 1
    const at = used > last && options.repeat === true ? last : used
    const step = steps[at]
    if (step === undefined) {
      throw refuse(
        'ScriptExhaustedError',
        `the script has ${count(steps.length, 'step')}, and this is call ${index + 1}: ${describeCall(call)}`,
      )
    }
    const known = typeof step === 'function' ? undefined : step
    if (known !== undefined) check(known, at, index, call)
    used = at + 1
    if (known !== undefined) return makeAnswer(known, call, index, defaults)
    const made = await (step as (options: ModelCallOptions, index: number) => FixedStep | PromiseLike<FixedStep>)(call, index)
    check(made, at, index, call)
    call.abortSignal?.throwIfAborted()
    return makeAnswer(made, call, index, defaults)
  }
  function check(step: FixedStep, at: number, index: number, call: ModelCallOptions): void {
    if (typeof step === 'string' || step.expect === undefined) return
    const unmet = unmetExpectations(step.expect, call, index)
    if (unmet.length === 0) return
    throw refuse(
      'ScriptMismatchError',
      `call ${index + 1} is not what step ${at + 1} expects:\n${unmet.map((line) => `  ${line}`).join('\n')}`,
    )
  }
  function assertComplete(): void {
    const problems = refusals.map((error) => error.message)
    for (let at = used; at < steps.length; at += 1)
      problems.push(`step ${at + 1} of ${steps.length} was not used: ${describeStep(steps[at])}`)
    if (problems.length === 0) return
    const error = new Error(`the script was not followed:\n${problems.map((line) => `- ${line}`).join('\n')}`)
    error.name = 'ScriptIncompleteError'
    throw error
  }
  return { calls, next, assertComplete }
}

function describeStep(step: ScriptedStep | undefined): string {
  if (typeof step === 'function') return `a function${step.name === '' ? '' : ` (${step.name})`}`
  if (typeof step !== 'object') return show(step)
  const { expect: _expect, ...rest } = step
  return show(rest)
}

function describeCall(call: ModelCallOptions): string {
  const results = lastToolResults(call)
  const told =
    results.length > 0
      ? `tool results ${show(results.map((result) => result.value))}`
      : `last user message ${show(lastUserText(call))}`
  return `${count(call.prompt.length, 'message')}, ${told}, tools ${show((call.tools ?? []).map((tool) => tool.name))}`
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}
