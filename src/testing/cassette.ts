import {
  OpspawnError,
  type Json,
  type JsonObject,
  type Model,
  type ModelCallOptions,
  type ModelPart,
  type ModelResult,
} from '../core/index.ts'
import { decode, encode, redactDeltas } from './cassette-codec.ts'
import { describeDifferences, differences, distance, type Difference } from './cassette-diff.ts'
import type { Broken, Cassette, RecordedCall, RecordedResponse } from './cassette-file.ts'
import { recordedRequest } from './cassette-request.ts'
import { partIterator, playCourse, realTimers, wait, webStream, type Course } from './part-stream.ts'

/**
 * Wraps a model so that a cassette keeps every call and what it came to, errors included. The caller gets what the model
 * gives, untouched.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for a cassette that replays
 */
export function recordModel(model: Model, cassette: Cassette): Model {
  if (cassette.mode !== 'record')
    throw new OpspawnError('OPTIONS_INVALID', `cassette ${cassette.path} replays; open it with mode "record"`)
  const { redact } = cassette
  function begin(method: 'generate' | 'stream', options: ModelCallOptions): (response: RecordedResponse) => void {
    return cassette.begin(recordedRequest(model, method, options, redact))
  }
  function failed(error: unknown, options: ModelCallOptions): Broken {
    return options.abortSignal?.aborted === true ? { open: true } : { error: encode(error, redact) }
  }
  return {
    specificationVersion: 'v4',
    provider: model.provider,
    modelId: model.modelId,
    async doGenerate(options) {
      const end = begin('generate', options)
      let result: ModelResult
      try {
        result = await model.doGenerate(options)
      } catch (error) {
        end(failed(error, options))
        throw error
      }
      end({ result: encode(withoutTransport(result), redact) })
      return result
    },
    async doStream(options) {
      const end = begin('stream', options)
      try {
        const result = await model.doStream(options)
        const parts: ModelPart[] = []
        const kept = (how: Partial<Broken>): void =>
          end({ parts: redactDeltas(parts, redact).map((part) => encode(part, redact)), ...how })
        return {
          ...result,
          stream: webStream(watched(partIterator(result.stream), parts, kept, (error) => failed(error, options))),
        }
      } catch (error) {
        end(failed(error, options))
        throw error
      }
    },
  }
}

/** Passes parts on and keeps them; tells once how the stream ended. */
function watched(
  source: AsyncIterator<ModelPart, undefined>,
  parts: ModelPart[],
  kept: (how: Partial<Broken>) => void,
  failed: (error: unknown) => Broken,
): AsyncIterator<ModelPart, undefined> {
  let ended = false
  function end(how: Partial<Broken>): void {
    if (!ended) kept(how)
    ended = true
  }
  return {
    async next() {
      let step: IteratorResult<ModelPart, undefined>
      try {
        step = await source.next()
      } catch (error) {
        end(failed(error))
        throw error
      }
      if (step.done === true) end({})
      else parts.push(step.value)
      return step
    },
    async return() {
      end({ open: true })
      await source.return?.()
      return { done: true, value: undefined }
    },
  }
}

/** What was sent and received over the wire is left out: it repeats the rest, and headers hold keys. */
function withoutTransport(result: ModelResult): object {
  const { request: _request, response, ...rest } = result as ModelResult & { request?: unknown }
  if (response === undefined) return rest
  const { headers: _headers, body: _body, ...told } = response as { headers?: unknown; body?: unknown }
  return { ...rest, response: told }
}

/** Which recorded call answers: the same request, the same prompt alone, or whatever a function of both finds equal. */
export type CassetteMatch = 'strict' | 'prompt' | ((recorded: JsonObject, asked: JsonObject) => boolean)

/** Options of {@link replayModel}. */
export interface ReplayOptions {
  /** @default 'strict' */
  readonly match?: CassetteMatch
  /** Which of several recorded models this one stands for, as `provider/modelId`. @default the only one */
  readonly model?: string
}

/** A model that answers from a cassette. */
export interface ReplayModel extends Model {
  /** Throws when a recorded call was not asked for, or one that was not recorded was. @throws OpspawnError `CASSETTE_MISMATCH` */
  assertComplete(): void
}

/**
 * Makes a model that answers from a cassette, each recorded call once, equal requests in their recorded order. Streams
 * come part by part without the pauses of the recording.
 *
 * A call that was not recorded rejects with `CASSETTE_MISMATCH`; the message names the nearest recorded call and what
 * differs from it.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when the cassette has calls of several models and `model` chooses none
 */
export function replayModel(cassette: Cassette, options: ReplayOptions = {}): ReplayModel {
  const { match = 'strict' } = options
  const name = options.model ?? onlyModel(cassette)
  const calls = cassette.calls.filter((call) => call.request['model'] === name)
  const slash = name.indexOf('/')
  const model = { provider: name.slice(0, slash), modelId: name.slice(slash + 1) }
  const unused = new Set(calls)
  const refusals: string[] = []
  let asked = 0

  function find(method: 'generate' | 'stream', call: ModelCallOptions): RecordedResponse {
    call.abortSignal?.throwIfAborted()
    asked += 1
    const request = recordedRequest(model, method, call, cassette.redact)
    const found = calls.find((one) => unused.has(one) && matches(match, one.request, request))
    if (found !== undefined) {
      unused.delete(found)
      return found.response
    }
    const { message, details } = describeMismatch({ cassette, name, calls, unused, match }, request, asked)
    refusals.push(message)
    throw new OpspawnError('CASSETTE_MISMATCH', message, { details })
  }
  return {
    specificationVersion: 'v4',
    ...model,
    async doGenerate(call) {
      const response = find('generate', call)
      if ('result' in response) return decode(response.result) as ModelResult
      return failAgain(response, call.abortSignal)
    },
    async doStream(call) {
      const response = find('stream', call)
      if (!('parts' in response)) return failAgain(response, call.abortSignal)
      const course = recordedCourse(response)
      return { stream: webStream(playCourse(course, 0, realTimers, call.abortSignal)) }
    },
    assertComplete() {
      const left = [...unused].map(
        (call) => `recorded call ${cassette.calls.indexOf(call) + 1} was not asked for: ${outline(call.request)}`,
      )
      const problems = [...refusals, ...left]
      if (problems.length > 0)
        throw new OpspawnError('CASSETTE_MISMATCH', `cassette ${cassette.path} was not followed:\n- ${problems.join('\n- ')}`)
    },
  }
}

/**
 * Records or replays, as the cassette's mode says.
 *
 * @param real the model to record, or a function that makes it, called only to record: no key is needed to replay.
 */
export function cassetteModel(
  cassette: Cassette,
  real: Model | (() => Model),
  options: ReplayOptions = {},
): Model & Pick<ReplayModel, 'assertComplete'> {
  if (cassette.mode === 'replay') {
    const model = options.model ?? (typeof real === 'function' ? undefined : `${real.provider}/${real.modelId}`)
    return replayModel(cassette, { ...options, ...(model === undefined ? undefined : { model }) })
  }
  return { ...recordModel(typeof real === 'function' ? real() : real, cassette), assertComplete() {} }
}

function onlyModel(cassette: Cassette): string {
  const names = [...new Set(cassette.calls.map((call) => call.request['model'] as string))]
  if (names.length > 1)
    throw new OpspawnError(
      'OPTIONS_INVALID',
      `cassette ${cassette.path} has calls of ${names.join(', ')}; say which with the option model`,
    )
  return names[0] ?? 'none/none'
}

function recordedCourse(response: Extract<RecordedResponse, { readonly parts: unknown }>): Course<ModelPart> {
  const parts = response.parts.map((part) => decode(part) as ModelPart)
  if (response.error !== undefined) return { parts, end: { how: 'throw', value: decode(response.error) } }
  return { parts, end: { how: response.open === true ? 'hang' : 'close' } }
}

/** Fails as the recorded call did; one that was aborted then hangs until it is aborted now. */
async function failAgain(response: RecordedResponse, signal: AbortSignal | undefined): Promise<never> {
  if ('error' in response && response.error !== undefined) throw decode(response.error)
  return wait(undefined, realTimers, signal) as Promise<never>
}

function matches(match: CassetteMatch, recorded: JsonObject, asked: JsonObject): boolean {
  if (typeof match === 'function') return recorded['method'] === asked['method'] && match(recorded, asked)
  return relevant(match, recorded, asked).length === 0
}

function relevant(match: CassetteMatch, recorded: JsonObject, asked: JsonObject): readonly Difference[] {
  if (match !== 'prompt') return differences(recorded, asked)
  const part = ({ method, prompt }: JsonObject): JsonObject => ({ method: method as Json, prompt: prompt as Json })
  return differences(part(recorded), part(asked))
}

interface Replay {
  readonly cassette: Cassette
  readonly name: string
  readonly calls: readonly RecordedCall[]
  readonly unused: ReadonlySet<RecordedCall>
  readonly match: CassetteMatch
}

function describeMismatch(
  { cassette, name, calls, unused, match }: Replay,
  asked: JsonObject,
  index: number,
): { message: string; details: JsonObject } {
  const start = `call ${index} of model ${name} is not in cassette ${cassette.path}`
  const end = 'If the change is meant, record the cassette anew: delete the file and run without CI.'
  const ranked = calls
    .map((call) => ({ call, found: relevant(match, call.request, asked) }))
    .toSorted(
      (left, right) =>
        distance(left.found) - distance(right.found) || Number(unused.has(right.call)) - Number(unused.has(left.call)),
    )
  const nearest = ranked[0]
  if (nearest === undefined)
    return { message: `${start}: nothing was recorded of that model. ${end}`, details: { asked: outline(asked) } }
  const number = cassette.calls.indexOf(nearest.call) + 1
  const details: JsonObject = {
    nearest: number,
    differences: nearest.found.length,
    ...(nearest.found[0] === undefined ? undefined : { path: nearest.found[0].path }),
  }
  if (nearest.found.length === 0 && unused.has(nearest.call))
    return { message: `${start}: it equals recorded call ${number}, but the match option refuses it`, details }
  if (nearest.found.length === 0)
    return { message: `${start} that often: recorded call ${number} was asked for already. ${end}`, details }
  const places = nearest.found.length === 1 ? 'one place' : `${nearest.found.length} places`
  return {
    message: `${start}. The nearest is recorded call ${number}, which differs in ${places}:\n${describeDifferences(nearest.found)}\n${end}`,
    details,
  }
}

function outline(request: JsonObject): string {
  const prompt = request['prompt'] as readonly JsonObject[]
  return `${request['method'] as string}, ${prompt.length} message${prompt.length === 1 ? '' : 's'}, last ${JSON.stringify(prompt.at(-1) ?? null).slice(0, 120)}`
}
