import { OpspawnError } from '../core/index.ts'
import { refused } from './destination.ts'

/** A request as it goes out; a redirect makes another one of it. */
export interface Outgoing {
  readonly method: string
  readonly headers: Headers
  /** Bytes can be sent once more, a stream cannot. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined
}

/** Set by the connection alone; a caller who could set them could smuggle a second request. */
const OWN_HEADERS = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]
/** All that another origin gets to see. */
const HARMLESS_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'user-agent',
])

/**
 * Reads what `fetch` was given, in all its forms.
 *
 * @throws OpspawnError `OPTIONS_INVALID`; what was wrong is not repeated, since header values are secrets
 */
export async function readRequest(input: string | URL | Request, init: RequestInit | undefined): Promise<Outgoing> {
  let request: Request
  try {
    // The signal is heard elsewhere: a listener of the request's own would stay.
    request = new Request(input, { ...init, signal: null, ...(init?.body === undefined ? undefined : { duplex: 'half' }) })
  } catch {
    throw new OpspawnError(
      'OPTIONS_INVALID',
      'the request cannot be made: check that its method is known, that each header has a legal name and value, that GET and HEAD have no body, and that a body was not used before',
    )
  }
  const { headers } = request
  for (const name of OWN_HEADERS) headers.delete(name)
  // What is not asked for need not be unpacked.
  headers.set('accept-encoding', 'identity')
  if (!headers.has('accept')) headers.set('accept', '*/*')
  return { method: request.method, headers, body: await bodyOf(request, input, init) }
}

async function bodyOf(request: Request, input: unknown, init: RequestInit | undefined): Promise<Outgoing['body']> {
  const { body } = request
  if (body === null) return undefined
  // A request that was given ready may have a stream in it.
  const isStream = init?.body === undefined || init.body === null ? input instanceof Request : isStreaming(init.body)
  return isStream ? (body as ReadableStream<Uint8Array>) : new Uint8Array(await request.arrayBuffer())
}

function isStreaming(body: unknown): boolean {
  return typeof body === 'object' && body !== null && (body instanceof ReadableStream || Symbol.asyncIterator in body)
}

/**
 * The request that a redirect asks for, as fetch does it: 303, and 301 and 302 after a POST, become a GET.
 *
 * @throws OpspawnError `ADDRESS_REFUSED` when a body would go to another origin, or cannot be sent again
 */
export function redirected(request: Outgoing, status: number, from: URL, to: URL): Outgoing {
  const { method } = request
  const becomesGet = (status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST')
  const body = becomesGet ? undefined : request.body
  const crosses = from.origin !== to.origin
  if (body !== undefined && crosses) {
    throw refused(`${from.origin} redirected a request with a body to ${to.origin}; it was not sent there`, 'redirect')
  }
  if (body !== undefined && !(body instanceof Uint8Array)) {
    throw refused(`${from.origin} redirected a request whose body is a stream, which cannot be sent again`, 'redirect')
  }
  const kept = [...request.headers].filter(
    ([name]) => (!crosses || HARMLESS_HEADERS.has(name)) && (!becomesGet || !name.startsWith('content-')),
  )
  return { method: becomesGet ? 'GET' : method, headers: new Headers(kept), body }
}
