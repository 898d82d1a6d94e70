import { OpspawnError, type Clock, type JsonObject } from '../../../core/index.ts'
import type { McpConnectOptions, McpDriver, McpEndpoint } from '../port.ts'
import { dpopMaker } from '../auth/dpop-key.ts'
import { connectWith, type ClientFactory, type ConnectContext } from './connect.ts'
import { eraVerdicts, isDeadProbe } from './eras.ts'
import { ACCEPTS_ALL, NO_LIMIT_MS, type RawClient } from './raw-client.ts'
import { answerTo, capabilitiesOf, eventOf } from './server-requests.ts'
import { skillsOf } from './skills.ts'
import type { OpenedTransport } from './wire.ts'
import type * as Library from '@modelcontextprotocol/client'
import type { Client, ClientOptions, StandardSchemaV1 } from '@modelcontextprotocol/client'

/**
 * What the driver takes from outside.
 *
 * @property client.name Name of this program.
 * @property client.version Its version.
 */
export interface McpDriverOptions {
  /** Name and version that servers are told. Default `opspawn`, `0`. */
  readonly client?: { readonly name: string; readonly version: string } | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
}

/** Time in which a local server that knows the newest protocol version answers the question for it. */
const PROBE_MS = 3_000
const MODERN_ERA = '2026-07-28'

/**
 * Speaks protocol versions up to 2026-07-28 by `@modelcontextprotocol/client`, which is loaded at the first connection. That a
 * server knows only the older ones is remembered for a day.
 */
export function mcpDriverV2(options: McpDriverOptions = {}): McpDriver {
  const verdicts = eraVerdicts(options.clock)
  const identity = options.client ?? { name: 'opspawn', version: '0' }

  const open =
    (isLegacy: boolean): ClientFactory =>
    async (endpoint, connect, transport) => {
      const { Client } = await load()
      const client = new Client(identity, clientOptions(endpoint, connect))
      answerRequests(client, connect)
      return { client: await opened(client, transport, isLegacy), hooks: client }
    }

  return {
    name: '@modelcontextprotocol/client',
    async connect(endpoint, connect) {
      const library = await load()
      const context: ConnectContext = {
        clock: options.clock,
        clientName: identity.name,
        httpTransport: library.StreamableHTTPClientTransport as never,
        takesCallback: true,
        dpop: dpopMaker(library),
      }
      const isLegacy = verdicts.isLegacy(endpoint)
      const connection = await connectWith(open(isLegacy), endpoint, connect, context).catch((error: unknown) => {
        // A program may end at a question that it does not know. Its next life is not asked.
        if (isLegacy || endpoint.kind !== 'stdio' || !isDeadProbe(error) || connect.signal?.aborted) throw error
        return connectWith(open(true), endpoint, connect, context)
      })
      verdicts.learn(endpoint, connection)
      return connection
    },
  }
}

async function load(): Promise<typeof Library> {
  try {
    return await import('@modelcontextprotocol/client')
  } catch (error) {
    const text =
      'MCP servers are reached through the package @modelcontextprotocol/client, which is not installed: npm install @modelcontextprotocol/client'
    throw new OpspawnError('PLUGIN_PACKAGE_MISSING', text, { cause: error })
  }
}

function clientOptions(endpoint: McpEndpoint, { handlers, maxPages }: McpConnectOptions): ClientOptions {
  return {
    capabilities: capabilitiesOf(handlers),
    versionNegotiation: {
      mode: 'auto',
      probe: { timeoutMs: endpoint.kind === 'stdio' ? PROBE_MS : NO_LIMIT_MS },
    },
    jsonSchemaValidator: ACCEPTS_ALL,
    listMaxPages: maxPages,
    defaultCacheTtlMs: 0,
  }
}

function answerRequests(client: Client, connect: McpConnectOptions): void {
  const { elicit, sample, roots } = connect.handlers
  const methods = [
    ...(elicit === undefined ? [] : ['elicitation/create' as const]),
    ...(sample === undefined ? [] : ['sampling/createMessage' as const]),
    ...(roots === undefined ? [] : ['roots/list' as const]),
  ]
  for (const method of methods) {
    const answer = answerTo(method, connect)
    client.setRequestHandler(method, ({ params }, { mcpReq }) => answer(params, mcpReq.signal) as never)
  }
  client.fallbackNotificationHandler = async ({ method, params }) => {
    const event = eventOf(method, params)
    if (event !== undefined) connect.onEvent(event)
  }
}

/** Takes what came, as it is: it is read by us. */
const AS_IT_CAME: StandardSchemaV1<unknown, unknown> = {
  '~standard': { version: 1, vendor: 'opspawn', validate: (value) => ({ value }) },
}

async function opened(client: Client, transport: OpenedTransport, isLegacy: boolean): Promise<RawClient> {
  await client.connect(transport as never, {
    timeout: NO_LIMIT_MS,
    ...(isLegacy && { prior: { kind: 'legacy' as const } }),
  })
  const isModern = client.getProtocolEra() === 'modern'
  if (isModern) completeResults(transport as never)
  const limits = { timeout: NO_LIMIT_MS }
  const server = client.getServerVersion()
  return {
    protocolVersion: client.getNegotiatedProtocolVersion() ?? MODERN_ERA,
    serverInfo: { name: server?.name ?? 'unknown', version: server?.version ?? 'unknown' },
    capabilities: (client.getServerCapabilities() ?? {}) as JsonObject,
    instructions: client.getInstructions(),
    mirrorsHeaders: isModern && transport.kind === 'http',
    listen: isModern ? (filter) => listening(client, filter) : undefined,
    skills: skillsOf(client),
    request: (method, params, { signal, onProgress }) =>
      client.request({ method, params }, AS_IT_CAME, { ...limits, ...given({ signal, onprogress: onProgress as never }) }),
    callTool(params, definition, { signal, onProgress }) {
      const options = { ...limits, ...given({ signal, onprogress: onProgress as never }) }
      if (!isModern || definition === undefined || !mentionsHeader(definition.inputSchema)) {
        return client.request({ method: 'tools/call', params }, AS_IT_CAME, options)
      }
      // Only here is the library needed for more than sending: it writes arguments into headers.
      return client.callTool(params as never, { ...options, toolDefinition: definition as never })
    },
    close: () => client.close(),
  }
}

/** A result that does not say of what kind it is, is a whole one: so says the protocol, and the library refuses it. */
function completeResults(transport: { onmessage?: (message: JsonObject, extra: unknown) => void }): void {
  const deliver = transport.onmessage
  transport.onmessage = (message, extra) => {
    const { result } = message
    const isBare = typeof result === 'object' && result !== null && !Array.isArray(result) && !('resultType' in result)
    deliver?.(isBare ? { ...message, result: { ...(result as JsonObject), resultType: 'complete' } } : message, extra)
  }
}

/** Options without those that are undefined, which the library takes for given. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}

function mentionsHeader(schema: JsonObject): boolean {
  return JSON.stringify(schema).includes('"x-mcp-header"')
}

async function listening(client: Client, filter: JsonObject): ReturnType<NonNullable<RawClient['listen']>> {
  const subscription = await client.listen(filter)
  return {
    closed: subscription.closed.then((how) => how === 'local'),
    close: () => subscription.close(),
  }
}
