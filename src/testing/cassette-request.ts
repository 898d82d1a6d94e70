import type { Json, JsonObject, Model, ModelCallOptions } from '../core/index.ts'
import { encode, type Redact } from './cassette-codec.ts'

/** What a call asks, as data with sorted keys: without headers and signal, which change from run to run and hold keys. */
export function recordedRequest(
  model: Pick<Model, 'provider' | 'modelId'>,
  method: 'generate' | 'stream',
  options: ModelCallOptions,
  redact: Redact,
): JsonObject {
  const { prompt, headers: _headers, abortSignal: _signal, ...rest } = options
  return {
    method,
    model: `${model.provider}/${model.modelId}`,
    prompt: sorted(encode(prompt, redact)),
    ...(sorted(encode(rest, redact)) as JsonObject),
  }
}

/** Of equal data equal text, whoever made it and in which order. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => sorted(item))
  if (typeof value !== 'object' || value === null) return value
  const object = value as JsonObject
  return Object.fromEntries(
    Object.keys(object)
      .toSorted()
      .map((key) => [key, sorted(object[key] as Json)]),
  )
}
