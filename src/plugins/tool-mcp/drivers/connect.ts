import { OpspawnError, type Clock } from '../../../core/index.ts'
import { orAborted } from '../connection/deadline.ts'
import { systemClock } from '../connection/system-clock.ts'
import type { McpConnectOptions, McpConnection, McpEndpoint } from '../port.ts'
import { httpWire } from '../transports/http-wire.ts'
import { stdioTransport, type StdioTransport } from '../transports/stdio-transport.ts'
import { wireFailures, type WireFailures } from '../transports/wire-failures.ts'
import { connectionOver } from './connection.ts'
import { failureOf } from './failures.ts'
import type { RawClient } from './raw-client.ts'
import { subscriptionsOf } from './subscriptions.ts'

/** A transport that a library's client can be connected to. */
export type OpenedTransport = { readonly kind: 'stdio' | 'http'; close(): Promise<void> }

/** Of a library's transport for HTTP what is used. */
export interface HttpTransport {
  close(): Promise<void>
  terminateSession(): Promise<void>
}

/** How either library makes its transport for HTTP. */
export type HttpTransportClass = new (
  url: URL,
  options: {
    readonly fetch: typeof fetch
    readonly requestInit: { readonly headers: Readonly<Record<string, string>> }
    readonly reconnectionOptions: {
      readonly initialReconnectionDelay: number
      readonly maxReconnectionDelay: number
      readonly reconnectionDelayGrowFactor: number
      readonly maxRetries: number
    }
  },
) => HttpTransport

/** Connects a client of a library and gives it with the object that bears its hooks. */
export type ClientFactory = (
  endpoint: McpEndpoint,
  options: McpConnectOptions,
  transport: OpenedTransport,
) => Promise<{ readonly client: RawClient; readonly hooks: ClientHooks }>

/** Where both libraries tell of what happens besides. */
export interface ClientHooks {
  onclose?: (() => void) | undefined
  onerror?: ((error: Error) => void) | undefined
}

/** What the connecting needs of its driver. */
export interface ConnectContext {
  readonly clock: Clock | undefined
  readonly httpTransport: HttpTransportClass
}

/** The wire gives a stream up before these are used up. */
const RECONNECTION = {
  initialReconnectionDelay: 500,
  maxReconnectionDelay: 10_000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: 10,
}
const GOODBYE_MS = 1_000

/** Opens a transport, connects a client over it, and makes our connection of both. */
export async function connectWith(
  factory: ClientFactory,
  endpoint: McpEndpoint,
  options: McpConnectOptions,
  context: ConnectContext,
): Promise<McpConnection> {
  options.signal?.throwIfAborted()
  const failures = wireFailures()
  const life = new AbortController()
  const onLost = () => void close()
  const wire = openTransport(endpoint, options, { ...context, failures, life: life.signal, onLost })
  let isClosed = false
  let client: RawClient | undefined
  let closing: Promise<void> | undefined

  const close = (): Promise<void> => (closing ??= end())
  const end = async (): Promise<void> => {
    life.abort()
    await wire.goodbye()
    await client?.close().catch(() => undefined)
    await wire.transport.close().catch(() => undefined)
  }
  const onClose = (): void => {
    if (isClosed) return
    isClosed = true
    life.abort()
    options.onEvent({ type: 'closed', ...(closing === undefined && { error: wire.whyClosed() }) })
  }

  try {
    const made = await orAborted(factory(endpoint, options, wire.transport), options.signal)
    client = made.client
    made.hooks.onclose = onClose
    made.hooks.onerror = (error) => {
      if (!life.signal.aborted) note(options, error)
    }
  } catch (error) {
    await wire.transport.close().catch(() => undefined)
    throw notConnected(error, { options, failures, wire })
  }
  const subscriptions = subscriptionsOf(client, context.clock ?? systemClock, () => void close(), life.signal)
  await subscriptions.begin()
  return connectionOver({
    client,
    failures,
    maxPages: options.maxPages,
    subscriptions,
    isClosed: () => isClosed || closing !== undefined,
    close,
  })
}

interface TransportContext extends ConnectContext {
  readonly failures: WireFailures
  readonly life: AbortSignal
  readonly onLost: () => void
}

interface Wire {
  readonly transport: OpenedTransport
  readonly goodbye: () => Promise<void>
  readonly whyClosed: () => unknown
}

function openTransport(endpoint: McpEndpoint, options: McpConnectOptions, context: TransportContext): Wire {
  const { failures, life } = context
  if (endpoint.kind === 'stdio') {
    const { maxMessageBytes } = options
    const transport: StdioTransport = stdioTransport({ ...endpoint, maxMessageBytes, failures })
    const whyClosed = () => new OpspawnError('TOOL_UNAVAILABLE', `The process of the server: ${transport.lastWords()}`)
    return { transport: Object.assign(transport, { kind: 'stdio' as const }), goodbye: async () => undefined, whyClosed }
  }
  let lost: unknown
  const wire = httpWire({
    url: endpoint.url,
    fetch: endpoint.fetch,
    maxMessageBytes: options.maxMessageBytes,
    failures,
    life,
    onStreamLost: (error) => {
      lost = error
      context.onLost()
    },
  })
  const transport = new context.httpTransport(new URL(endpoint.url), {
    fetch: wire,
    requestInit: { headers: endpoint.headers },
    reconnectionOptions: RECONNECTION,
  })
  return {
    transport: Object.assign(transport, { kind: 'http' as const }),
    goodbye: () => leaveSession(transport),
    whyClosed: () => lost,
  }
}

/** Tells a server that keeps sessions that this one is over; it need not listen. */
async function leaveSession(transport: HttpTransport): Promise<void> {
  const over = new Promise<void>((resolve) => setTimeout(resolve, GOODBYE_MS).unref())
  await Promise.race([transport.terminateSession().catch(() => undefined), over])
}

function note({ onEvent }: McpConnectOptions, error: Error): void {
  onEvent({ type: 'log', level: 'debug', data: error.message.slice(0, 1_000), logger: 'opspawn' })
}

function notConnected(
  error: unknown,
  { options, failures, wire }: { options: McpConnectOptions; failures: WireFailures; wire: Wire },
): unknown {
  const { signal } = options
  const failure = failureOf(error, { method: 'connect', signal, failures, isClosed: false })
  if (!OpspawnError.is(failure) || failure === error) return failure
  const why = wire.whyClosed()
  const words = OpspawnError.is(why) ? ` ${why.message}` : ''
  const { code, retryable, details } = failure
  // A server with which nothing could be agreed was asked to do nothing.
  const told = code === 'TOOL_FAILED' && details === undefined ? 'TOOL_UNAVAILABLE' : code
  return new OpspawnError(told, `${failure.message}.${words}`, {
    cause: error,
    retryable: told === 'TOOL_UNAVAILABLE' || retryable,
    details,
  })
}
