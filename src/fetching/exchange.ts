import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { getCACertificates } from 'node:tls'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Socket } from 'node:net'
import { OpspawnError } from '../core/index.ts'
import type { Call } from './call.ts'
import { guardedLookup } from './destination.ts'
import { connectionFault } from './faults.ts'
import { type FetchSettings, literalOf } from './options.ts'
import type { Outgoing } from './request.ts'

/** The connections of one fetch, shared with no other. */
export interface Connections {
  readonly http: HttpAgent
  readonly https: HttpsAgent
  close(): void
}

/** Unused connections are closed after four seconds, before most servers do, so that a request rarely meets a closing one. */
export function openConnections({ connections, ca }: FetchSettings): Connections {
  const shared = { keepAlive: true, timeout: 4_000, maxSockets: connections, maxFreeSockets: 8 }
  const http = new HttpAgent(shared)
  const https = new HttpsAgent({ ...shared, ...(ca.length === 0 ? undefined : { ca: [...getCACertificates('default'), ...ca] }) })
  const close = (): void => {
    http.destroy()
    https.destroy()
  }
  return { http, https, close }
}

/**
 * Sends one request and gives the head of its answer; the body waits in it. When the call's signal fires, now or while the
 * body comes, the connection is closed.
 *
 * @throws OpspawnError as {@link connectionFault} gives it
 * @throws the reason of the call's signal
 */
export function exchange(
  call: Call,
  url: URL,
  request: Outgoing,
  settings: FetchSettings,
  connections: Connections,
): Promise<IncomingMessage> {
  const { signal } = call
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const outgoing = begin(call, url, request, settings, connections)
    const stop = (): void => {
      reject(signal.reason)
      outgoing.destroy()
    }
    signal.addEventListener('abort', stop, { once: true })
    outgoing.on('socket', (socket) => noteSent(call, url, socket))
    outgoing.on('error', (error) => reject(connectionFault(error, call, request.method, settings)))
    outgoing.on('response', resolve)
    // After the answer, which may come before a body has been sent, nobody asks any more how sending it went.
    outgoing.on('close', () => signal.removeEventListener('abort', stop))
    send(outgoing, request).catch((error: unknown) => {
      reject(signal.aborted ? signal.reason : connectionFault(error, call, request.method, settings))
      outgoing.destroy()
    })
  })
}

function begin(call: Call, url: URL, request: Outgoing, settings: FetchSettings, connections: Connections): ClientRequest {
  const isSecure = url.protocol === 'https:'
  const options = {
    method: request.method,
    headers: { ...Object.fromEntries(request.headers), ...framing(request) },
    maxHeaderSize: settings.maxHeaderBytes,
    insecureHTTPParser: false,
    // Node asks it for names only; an address that stands in the URL was judged before.
    ...(literalOf(url) === undefined ? { lookup: guardedLookup(url, settings, call.signal) } : undefined),
  }
  try {
    return isSecure
      ? httpsRequest(url, { ...options, agent: connections.https })
      : httpRequest(url, { ...options, agent: connections.http })
  } catch {
    throw new OpspawnError('OPTIONS_INVALID', `${call.name}: a header has a character that HTTP does not allow`)
  }
}

/** Said outright: Node leaves it out of a DELETE with a body, which would then be read as a second request. */
function framing({ body }: Outgoing): Readonly<Record<string, string>> {
  if (body === undefined) return {}
  return body instanceof Uint8Array ? { 'content-length': String(body.length) } : { 'transfer-encoding': 'chunked' }
}

/** Nothing leaves before the connection stands. */
function noteSent(call: Call, url: URL, socket: Socket & { readonly secureConnecting?: boolean }): void {
  const isSecure = url.protocol === 'https:'
  const note = (): void => {
    call.wasSent = true
  }
  if (isSecure ? socket.secureConnecting !== false : socket.connecting) socket.once(isSecure ? 'secureConnect' : 'connect', note)
  else note()
}

async function send(outgoing: ClientRequest, { body }: Outgoing): Promise<void> {
  if (body === undefined) outgoing.end()
  else if (body instanceof Uint8Array) outgoing.end(body)
  else await pipeline(Readable.fromWeb(body as never), outgoing)
}
