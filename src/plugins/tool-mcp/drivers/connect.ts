import { OpspawnError, type Clock } from '../../../core/index.ts'
import type { DpopMaker } from '../auth/dpop-key.ts'
import { oauthFlow, type OAuthFlow } from '../auth/oauth-flow.ts'
import { orAborted } from '../deadline.ts'
import { systemClock } from '../connection/system-clock.ts'
import type { McpConnectOptions, McpConnection, McpEndpoint } from '../port.ts'
import { wireFailures } from '../transports/wire-failures.ts'
import { connectionOver, MAX_AUTHORISATIONS } from './connection.ts'
import { authorisationFailed, failureOf } from './failures.ts'
import type { RawClient } from './raw-client.ts'
import { subscriptionsOf } from './subscriptions.ts'
import { openWire, type HttpTransportClass, type OpenedTransport, type Wire } from './wire.ts'

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
  readonly clientName: string
  readonly httpTransport: HttpTransportClass
  readonly takesCallback: boolean
  /** Makes what signs requests with a key; absent: the library cannot. */
  readonly dpop?: DpopMaker
}

/** Opens a transport, connects a client over it, and makes our connection of both. A person may have to authorise it first. */
export async function connectWith(
  factory: ClientFactory,
  endpoint: McpEndpoint,
  options: McpConnectOptions,
  context: ConnectContext,
): Promise<McpConnection> {
  options.signal?.throwIfAborted()
  const life = new AbortController()
  const stop = (): void => life.abort(options.signal!.reason)
  options.signal?.addEventListener('abort', stop, { once: true })
  const flow = flowOf(endpoint, options, context, life.signal)
  try {
    for (let asked = 0; ; asked += 1) {
      const attempt = attemptOf(endpoint, options, { ...context, flow, life })
      try {
        return await attempt.connect(factory)
      } catch (error) {
        await attempt.wire.transport.close().catch(() => undefined)
        if (asked < MAX_AUTHORISATIONS && (await attempt.authorised())) continue
        throw notConnected(error, options, attempt)
      }
    }
  } catch (error) {
    life.abort(error)
    throw error
  } finally {
    options.signal?.removeEventListener('abort', stop)
  }
}

function flowOf(
  endpoint: McpEndpoint,
  { auth }: McpConnectOptions,
  { clientName, dpop }: ConnectContext,
  signal: AbortSignal,
): OAuthFlow | undefined {
  if (auth === undefined || endpoint.kind !== 'http') return undefined
  return oauthFlow(auth, { serverUrl: endpoint.url, clientName, signal, dpop })
}

type AttemptContext = ConnectContext & { readonly flow: OAuthFlow | undefined; readonly life: AbortController }

type Attempt = ReturnType<typeof attemptOf>

/** One transport, and what becomes of it. */
function attemptOf(endpoint: McpEndpoint, options: McpConnectOptions, context: AttemptContext) {
  const { flow, life } = context
  const failures = wireFailures()
  const wire: Wire = openWire(endpoint, options, { ...context, failures, life: life.signal, onLost: () => void close() })
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
  const authorised = async (): Promise<boolean> => {
    try {
      return (await flow?.finish(wire.redeem)) ?? false
    } catch (error) {
      throw authorisationFailed(error)
    }
  }

  const connect = async (factory: ClientFactory): Promise<McpConnection> => {
    const { client: made, hooks } = await orAborted(factory(endpoint, options, wire.transport), options.signal)
    client = made
    hooks.onclose = onClose
    hooks.onerror = (error) => {
      if (!life.signal.aborted) note(options, error)
    }
    const subscriptions = subscriptionsOf(made, context.clock ?? systemClock, () => void close(), life.signal)
    await subscriptions.begin()
    const isOver = (): boolean => isClosed || closing !== undefined
    return connectionOver({
      client: made,
      failures,
      maxPages: options.maxPages,
      subscriptions,
      isClosed: isOver,
      authorised,
      close,
    })
  }
  return { wire, failures, authorised, connect }
}

function note({ onEvent }: McpConnectOptions, error: Error): void {
  onEvent({ type: 'log', level: 'debug', data: error.message.slice(0, 1_000), logger: 'opspawn' })
}

function notConnected(error: unknown, { signal }: McpConnectOptions, { failures, wire }: Attempt): unknown {
  const failure = failureOf(error, { method: 'connect', signal, failures, isClosed: false })
  if (!OpspawnError.is(failure) || failure === error) return failure
  const why = wire.whyClosed()
  const words = OpspawnError.is(why) ? `. ${why.message}` : ''
  const { code, retryable, details } = failure
  // A server with which nothing could be agreed was asked to do nothing.
  const told = code === 'TOOL_FAILED' && details === undefined ? 'TOOL_UNAVAILABLE' : code
  return new OpspawnError(told, `${failure.message}${words}`, {
    cause: error,
    retryable: told === 'TOOL_UNAVAILABLE' || retryable,
    details,
  })
}
