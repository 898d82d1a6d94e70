import {
  defineTool,
  type InferOutput,
  type Json,
  OpspawnError,
  type Schema,
  type Tool,
  type ToolContext,
} from '../../core/index.ts'
import { type GuardedFetch, guardedFetch } from '../../fetching/index.ts'
import { readAnswer, refusalOf } from './answer.ts'
import { type HttpToolOptions, type Settings, settingsOf } from './options.ts'
import { isSecret, maskOf, readSecret, type Secret } from './secret.ts'
import { fillPath, fillValue, scalarText } from './template.ts'

/** The engine's time limit ends a call; the fetch's own stands a little behind it, for a call without an engine. */
const BEHIND_MS = 1_000

/**
 * Makes a tool of an HTTP endpoint. What a model gives fills places of the address, parameters and body; it can change neither
 * the host nor the structure of the path. Only https to public addresses is called, unless `allow` lists the host.
 *
 * A call ends with the body of a 2xx answer, as JSON or text, or null where there is none. Other ends have codes:
 * `TOOL_INPUT_INVALID` (a value that fits no address), `ADDRESS_REFUSED`, `TOOL_UNAVAILABLE` (nothing was done),
 * `TOOL_RATE_LIMITED` (429), `TOOL_FAILED` with `details.status` (other 4xx and 5xx), `TOOL_OUTPUT_INVALID` (not of the kind
 * that `answer` says), `PAYLOAD_TOO_LARGE`, `TOOL_TIMEOUT`, and for an `unsafe` tool `EFFECT_UNKNOWN` where the endpoint may
 * have done it without telling. A `Retry-After` of up to an hour is heeded.
 *
 * On abort the connection is closed and the signal's reason thrown; what the endpoint had begun it may go on with.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function httpTool<S extends Schema>(options: HttpToolOptions<S>): Tool<InferOutput<S>, Json> {
  const settings = settingsOf(options)
  const { name, description, input, output, approval, concurrency, retry, onUnknown, verify } = options
  const { allow, redirects, maxBytes = 2_097_152, ca, resolve } = options
  const { effect, timeoutMs } = settings
  const limitMs = timeoutMs + BEHIND_MS
  const fetch = guardedFetch({ allow, redirects, maxBytes, ca, resolve, headerMs: limitMs, totalMs: limitMs })
  const call = (given: unknown, context: ToolContext): Promise<Json> => perform(settings, fetch, given, context)
  return defineTool<S, Json>({
    name,
    description,
    input,
    output,
    effect,
    labels: options.labels ?? ['untrusted', 'outbound'],
    timeoutMs,
    approval,
    concurrency,
    retry,
    onUnknown,
    ...(verify === undefined ? undefined : { verify }),
    execute: call,
  }) as Tool<InferOutput<S>, Json>
}

async function perform(settings: Settings, fetch: GuardedFetch, input: unknown, context: ToolContext): Promise<Json> {
  const { method } = settings
  const url = new URL(settings.url.origin + fillPath(settings.url.path, input))
  const read: string[] = []
  const reading = async (secret: Secret, where: string): Promise<string> => {
    const text = await readSecret(secret, where, context)
    read.push(text)
    return text
  }
  await fillQuery(url, settings, input, reading)
  const headers = await headersOf(settings, context, reading)
  const body = bodyOf(settings, input, headers)
  context.signal.throwIfAborted()
  const mask = maskOf(read)
  try {
    const response = await fetch(url, { method, headers, signal: context.signal, ...(body === undefined ? undefined : { body }) })
    return response.ok ? await readAnswer(response, settings, mask) : await refusalOf(response, settings, mask)
  } catch (error) {
    context.signal.throwIfAborted()
    throw understood(error, settings)
  }
}

type Reading = (secret: Secret, where: string) => Promise<string>

async function fillQuery(url: URL, settings: Settings, input: unknown, reading: Reading): Promise<void> {
  const add = (name: string, values: readonly string[]): void => {
    for (const value of values) url.searchParams.append(name, value)
  }
  for (const [name, value] of settings.url.query) add(name, fillValue(value, input))
  for (const [name, value] of settings.query) {
    add(name, isSecret(value) ? [await reading(value, `parameter "${name}"`)] : fillValue(value, input))
  }
  for (const [name, value] of Object.entries(settings.queryOf?.(input as never) ?? {})) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    add(
      name,
      values.flatMap((one) => scalarText(one, name)),
    )
  }
}

async function headersOf(settings: Settings, context: ToolContext, reading: Reading): Promise<Headers> {
  const accept = settings.answer === 'json' ? 'application/json' : 'text/*, application/json, application/xml'
  const headers = new Headers({ accept })
  for (const [name, value] of settings.headers) {
    headers.set(name, isSecret(value) ? await reading(value, `header "${name}"`) : value)
  }
  if (settings.idempotencyHeader !== undefined) headers.set(settings.idempotencyHeader, context.idempotencyKey)
  return headers
}

function bodyOf({ body }: Settings, input: unknown, headers: Headers): string | URLSearchParams | undefined {
  if (body === undefined) return undefined
  const given = body === 'input' ? input : body(input as never)
  if (given instanceof URLSearchParams) return given
  const text: string | undefined = JSON.stringify(given)
  if (text === undefined) throw new OpspawnError('TOOL_FAILED', 'the function of "request.body" gave nothing; nothing was sent')
  if (!headers.has('content-type')) headers.set('content-type', 'application/json')
  return text
}

/** What the fetch could not decide: whether doing it again does harm is known only here. */
function understood(error: unknown, { effect }: Settings): unknown {
  if (!OpspawnError.is(error)) return error
  const { code, message, details } = error
  const wasSent = (details as { readonly sent?: boolean } | undefined)?.sent === true
  if (effect !== 'unsafe') {
    return code === 'EFFECT_UNKNOWN' ? new OpspawnError('TOOL_UNAVAILABLE', message, { cause: error.cause, details }) : error
  }
  const isOpen = code === 'TOOL_TIMEOUT' || code === 'TOOL_UNAVAILABLE' || (code === 'TOOL_FAILED' && error.retryable)
  if (!wasSent || !isOpen) return error
  const text = `${message}; the endpoint may have done it, do not repeat it blindly`
  return new OpspawnError('EFFECT_UNKNOWN', text, { cause: error.cause, details })
}
