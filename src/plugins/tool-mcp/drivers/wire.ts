import { OpspawnError } from '../../../core/index.ts'
import type { OAuthFlow, OAuthProvider } from '../auth/oauth-flow.ts'
import type { McpConnectOptions, McpEndpoint } from '../port.ts'
import { httpWire } from '../transports/http-wire.ts'
import { stdioTransport } from '../transports/stdio-transport.ts'
import type { WireFailures } from '../transports/wire-failures.ts'

/** A transport that a library's client can be connected to. */
export type OpenedTransport = { readonly kind: 'stdio' | 'http'; close(): Promise<void> }

/** Of a library's transport for HTTP what is used. */
export interface HttpTransport {
  close(): Promise<void>
  terminateSession(): Promise<void>
  /** The newer library takes all that came back and checks it; the older one takes the code. */
  finishAuth(callback: never): Promise<void>
}

/** How either library makes its transport for HTTP. */
export type HttpTransportClass = new (
  url: URL,
  options: {
    readonly fetch: typeof fetch
    readonly authProvider?: OAuthProvider
    readonly reconnectionOptions: {
      readonly initialReconnectionDelay: number
      readonly maxReconnectionDelay: number
      readonly reconnectionDelayGrowFactor: number
      readonly maxRetries: number
    }
  },
) => HttpTransport

/** What a transport needs besides its options. */
export interface WireContext {
  readonly httpTransport: HttpTransportClass
  /** Whether the library checks itself what came back from an authorisation server. */
  readonly takesCallback: boolean
  readonly failures: WireFailures
  readonly flow: OAuthFlow | undefined
  readonly life: AbortSignal
  readonly onLost: () => void
}

/** A transport with what is known of it. */
export interface Wire {
  readonly transport: OpenedTransport
  /** Takes leave of the server, for at most a second. */
  readonly goodbye: () => Promise<void>
  readonly whyClosed: () => unknown
  /** Changes the code that a person came back with into a token. */
  readonly redeem: (callback: URLSearchParams) => Promise<void>
}

/** The wire gives a stream up before these are used up. */
const RECONNECTION = {
  initialReconnectionDelay: 500,
  maxReconnectionDelay: 10_000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: 10,
}
const GOODBYE_MS = 1_000

/** The transport to a server, of the kind that it needs. Nothing is started yet. */
export function openWire(endpoint: McpEndpoint, { maxMessageBytes }: McpConnectOptions, context: WireContext): Wire {
  return endpoint.kind === 'stdio' ? pipeWire(endpoint, maxMessageBytes, context) : webWire(endpoint, maxMessageBytes, context)
}

function pipeWire(endpoint: McpEndpoint & { readonly kind: 'stdio' }, maxMessageBytes: number, { failures }: WireContext): Wire {
  const transport = stdioTransport({ ...endpoint, maxMessageBytes, failures })
  return {
    transport: Object.assign(transport, { kind: 'stdio' as const }),
    goodbye: async () => undefined,
    whyClosed: () => new OpspawnError('TOOL_UNAVAILABLE', `The process of the server: ${transport.lastWords()}`),
    redeem: async () => undefined,
  }
}

function webWire(endpoint: McpEndpoint & { readonly kind: 'http' }, maxMessageBytes: number, context: WireContext): Wire {
  let lost: unknown
  const wire = httpWire({
    ...endpoint,
    maxMessageBytes,
    failures: context.failures,
    life: context.life,
    onStreamLost: (error) => {
      lost = error
      context.onLost()
    },
  })
  const transport = new context.httpTransport(new URL(endpoint.url), {
    fetch: wire,
    ...(context.flow !== undefined && { authProvider: context.flow.provider }),
    reconnectionOptions: RECONNECTION,
  })
  return {
    transport: Object.assign(transport, { kind: 'http' as const }),
    goodbye: () => leaveSession(transport),
    whyClosed: () => lost,
    redeem: (callback) => redeem(transport, callback, context.takesCallback),
  }
}

async function redeem(transport: HttpTransport, callback: URLSearchParams, takesCallback: boolean): Promise<void> {
  if (takesCallback) return transport.finishAuth(callback as never)
  const code = callback.get('code')
  if (code === null) {
    // Nothing of what came back is shown: it may be anybody's text.
    throw new OpspawnError('TOOL_FAILED', 'Authorisation failed: the authorisation server gave no code')
  }
  return transport.finishAuth(code as never)
}

/** Tells a server that keeps sessions that this one is over; it need not listen. */
async function leaveSession(transport: HttpTransport): Promise<void> {
  const over = new Promise<void>((resolve) => setTimeout(resolve, GOODBYE_MS).unref())
  await Promise.race([transport.terminateSession().catch(() => undefined), over])
}
