import { OpspawnError } from '../../../core/index.ts'
import { neverLeft } from './never-left.ts'
import { sseReader, type SseEvent } from './sse-events.ts'
import type { WireFailures, WireId, WireMessage } from './wire-failures.ts'

/** What the wire of one connection is made with. */
export interface HttpWireOptions {
  /** Address of the server; requests to other addresses (those for authorisation) pass with a cap on their size alone. */
  readonly url: string
  /** Sent with requests to that address alone. One that the library sets goes before. */
  readonly headers: Readonly<Record<string, string>>
  readonly fetch: typeof fetch
  readonly maxMessageBytes: number
  readonly failures: WireFailures
  /** Ends with the connection: a library that still tries to open a stream then is told that there is none. */
  readonly life: AbortSignal
  /** The stream of a server's own messages is gone, and does not come back. */
  readonly onStreamLost: (error: unknown) => void
}

type Input = Parameters<typeof fetch>[0]

/** A stream that fails this often in turn is given up, and its connection with it. */
const MAX_STREAM_FAILURES = 3

/**
 * Stands between the library and the network, since the library does not tell what has happened to a request: whether it
 * may have been carried out, whether its answer was too large, whether its stream broke off, whether its session has gone.
 */
export function httpWire(options: HttpWireOptions): typeof fetch {
  const endpoint = new URL(options.url).href
  let failures = 0

  const streamFailed = (error: unknown): void => {
    failures += 1
    if (failures === MAX_STREAM_FAILURES) options.onStreamLost(error)
  }

  const openStream = async (input: Input, init: RequestInit): Promise<Response> => {
    if (options.life.aborted) return new Response(null, { status: 405 })
    let response: Response
    try {
      response = await options.fetch(input, init)
    } catch (error) {
      if (!init.signal?.aborted) streamFailed(error)
      throw error
    }
    // 405: this server has no such stream, which is its right. 401, 403: the library asks again with a token.
    if (response.ok) failures = 0
    else if (![401, 403, 405].includes(response.status)) streamFailed(new Error(`HTTP ${response.status}`))
    return isStream(response) ? filtered(response, undefined, options) : response
  }

  return async (input, init = {}) => {
    const address = new URL(typeof input === 'string' ? input : input instanceof URL ? input.href : input.url).href
    const method = (init.method ?? 'GET').toUpperCase()
    if (address !== endpoint) return capped(await options.fetch(input, init), undefined, options)
    const full = { ...init, headers: withHeaders(init.headers, options.headers) }
    if (method === 'GET') return openStream(input, full)
    if (method === 'DELETE') return capped(await options.fetch(input, full), undefined, options)
    const request = requestOf(init.body)
    const response = await post(input, full, request?.method, options)
    if (isStream(response)) return filtered(response, request?.id, options)
    return capped(response, request?.id, options)
  }
}

async function post(input: Input, init: RequestInit, method: string | undefined, options: HttpWireOptions): Promise<Response> {
  let response: Response
  try {
    response = await options.fetch(input, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw brokenOff(method, error)
  }
  if (response.status !== 404 || !new Headers(init.headers).has('mcp-session-id')) return response
  await response.body?.cancel()
  throw new OpspawnError('TOOL_UNAVAILABLE', 'The server has forgotten the session and did not take the request', {
    details: { reason: 'session-expired' },
  })
}

function withHeaders(set: RequestInit['headers'], more: Readonly<Record<string, string>>): Headers {
  const headers = new Headers(set)
  for (const [name, value] of Object.entries(more)) if (!headers.has(name)) headers.set(name, value)
  return headers
}

function brokenOff(method: string | undefined, error: unknown): OpspawnError {
  if (OpspawnError.is(error) && error.code === 'ADDRESS_REFUSED') return error
  if (neverLeft(error)) {
    return new OpspawnError('TOOL_UNAVAILABLE', 'The server cannot be reached; nothing was sent', { cause: error })
  }
  if (method !== 'tools/call') {
    return new OpspawnError('TOOL_UNAVAILABLE', 'The connection broke before the server answered', { cause: error })
  }
  return new OpspawnError('EFFECT_UNKNOWN', 'The connection broke with the call under way', { cause: error })
}

function requestOf(body: unknown): { readonly id: WireId | undefined; readonly method: string | undefined } | undefined {
  if (typeof body !== 'string') return undefined
  try {
    const { id, method } = JSON.parse(body) as WireMessage
    return {
      id: typeof id === 'string' || typeof id === 'number' ? id : undefined,
      method: typeof method === 'string' ? method : undefined,
    }
  } catch {
    return undefined // A form of OAuth, of which nothing is asked.
  }
}

function isStream(response: Response): boolean {
  return response.ok && /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')
}

function tooLarge(bytes: number, { maxMessageBytes: limit }: HttpWireOptions): OpspawnError {
  const text = `The server sent a message of more than ${limit} bytes (maxMessageBytes)`
  return new OpspawnError('PAYLOAD_TOO_LARGE', text, { details: { bytes, limit } })
}

/** A response with a body of at most one message's size: read whole, so that its failure is that of its request alone. */
async function capped(response: Response, id: WireId | undefined, options: HttpWireOptions): Promise<Response> {
  if (response.body === null) return response
  const parts: Uint8Array[] = []
  let bytes = 0
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.byteLength
    if (bytes > options.maxMessageBytes) {
      await reader.cancel()
      if (id === undefined) throw tooLarge(bytes, options)
      return Response.json(options.failures.answer(id, tooLarge(bytes, options)))
    }
    parts.push(value)
  }
  const { status, statusText } = response
  const headers = new Headers(response.headers)
  const body = bytes === 0 ? null : Buffer.concat(parts)
  const copy = new Response(body, { status, statusText, headers })
  Object.defineProperty(copy, 'url', { value: response.url })
  return copy
}

/** A stream of events without those that are too large. If it ends before `id` was answered, it says so itself. */
function filtered(response: Response, id: WireId | undefined, options: HttpWireOptions): Response {
  let isOpen = id !== undefined
  let isResumable = false
  const answer = (controller: Controller, failure: OpspawnError): void => {
    isOpen = false
    const data = JSON.stringify(options.failures.answer(id!, failure))
    controller.enqueue(new TextEncoder().encode(`event: message\ndata: ${data}\n\n`))
  }
  const onEvent = (controller: Controller) => (event: SseEvent) => {
    if (event.kind === 'cut') {
      if (isOpen) answer(controller, tooLarge(event.bytes, options))
      return
    }
    isResumable ||= event.hasId
    if (isOpen && answers(event.data, id)) isOpen = false
    controller.enqueue(event.bytes)
  }
  const ended = (controller: Controller, cause: unknown): void => {
    if (isOpen && !isResumable) {
      answer(controller, new OpspawnError('EFFECT_UNKNOWN', 'The stream of the answer ended without an answer', { cause }))
    } else if (cause !== undefined) return controller.error(cause)
    controller.close()
  }
  const body = pumped(response.body!, options.maxMessageBytes, onEvent, ended)
  const { status, statusText, headers } = response
  return new Response(body, { status, statusText, headers })
}

type Controller = ReadableStreamDefaultController<Uint8Array>

function pumped(
  source: ReadableStream<Uint8Array>,
  maxBytes: number,
  onEvent: (controller: Controller) => (event: SseEvent) => void,
  ended: (controller: Controller, cause: unknown) => void,
): ReadableStream<Uint8Array> {
  const reader = source.getReader()
  let events: ReturnType<typeof sseReader> | undefined
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      events = sseReader(maxBytes, onEvent(controller))
    },
    async pull(controller) {
      // One chunk may hold no event's end; then there is nothing to give yet.
      for (const size = controller.desiredSize; controller.desiredSize === size;) {
        let next: Awaited<ReturnType<typeof reader.read>>
        try {
          next = await reader.read()
        } catch (error) {
          return ended(controller, error ?? new Error('The stream broke'))
        }
        if (next.done) return ended(controller, undefined)
        events!.add(next.value)
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

function answers(data: string, id: WireId | undefined): boolean {
  if (!data.includes('"id"')) return false
  try {
    const message = JSON.parse(data) as WireMessage
    return message['id'] === id && message['method'] === undefined
  } catch {
    return false // The library says what is wrong with it.
  }
}
