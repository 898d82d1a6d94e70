import { OpspawnError, type JsonObject } from '../../../core/index.ts'
import type { McpConnectOptions, McpDriver } from '../port.ts'
import { connectWith, type ClientFactory } from './connect.ts'
import type { McpDriverOptions } from './driver-v2.ts'
import { ACCEPTS_ALL, NO_LIMIT_MS, type RawClient, type RawRequestOptions } from './raw-client.ts'
import { answerTo, capabilitiesOf, eventOf } from './server-requests.ts'
import type * as ClientModule from '@modelcontextprotocol/sdk/client/index.js'
import type * as HttpModule from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type * as TypesModule from '@modelcontextprotocol/sdk/types.js'

type Client = ClientModule.Client

/**
 * Speaks protocol versions up to 2025-11-25 by `@modelcontextprotocol/sdk`, which is loaded at the first connection: for
 * hosts that have it and not the newer library. Servers that know only 2026-07-28 cannot be reached with it.
 */
export function mcpDriverV1(options: McpDriverOptions = {}): McpDriver {
  const identity = options.client ?? { name: 'opspawn', version: '0' }
  return {
    name: '@modelcontextprotocol/sdk',
    async connect(endpoint, connect) {
      const library = await load()
      const factory: ClientFactory = async (_endpoint, _options, transport) => {
        const client = new library.Client(identity, {
          capabilities: capabilitiesOf(connect.handlers),
          jsonSchemaValidator: ACCEPTS_ALL,
        })
        answerRequests(client, library, connect)
        await client.connect(transport as never, { timeout: NO_LIMIT_MS })
        return { client: rawClient(client, transport as never), hooks: client }
      }
      return connectWith(factory, endpoint, connect, {
        clock: options.clock,
        clientName: identity.name,
        takesCallback: false,
        httpTransport: library.StreamableHTTPClientTransport as never,
      })
    },
  }
}

type Library = Pick<typeof ClientModule, 'Client'> &
  Pick<typeof HttpModule, 'StreamableHTTPClientTransport'> &
  Pick<typeof TypesModule, 'ElicitRequestSchema' | 'CreateMessageRequestSchema' | 'ListRootsRequestSchema'>

async function load(): Promise<Library> {
  try {
    const [client, http, types] = await Promise.all([
      import('@modelcontextprotocol/sdk/client/index.js'),
      import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
      import('@modelcontextprotocol/sdk/types.js'),
    ])
    return { ...client, ...http, ...types }
  } catch (error) {
    const text =
      'mcpDriverV1 reaches MCP servers through the package @modelcontextprotocol/sdk, which is not installed: npm install @modelcontextprotocol/sdk'
    throw new OpspawnError('PLUGIN_PACKAGE_MISSING', text, { cause: error })
  }
}

function answerRequests(client: Client, library: Library, connect: McpConnectOptions): void {
  const { elicit, sample, roots } = connect.handlers
  if (elicit !== undefined) {
    const answer = answerTo('elicitation/create', connect)
    client.setRequestHandler(library.ElicitRequestSchema, ({ params }, { signal }) => answer(params, signal) as never)
  }
  if (sample !== undefined) {
    const answer = answerTo('sampling/createMessage', connect)
    client.setRequestHandler(library.CreateMessageRequestSchema, ({ params }, { signal }) => answer(params, signal) as never)
  }
  if (roots !== undefined) {
    const answer = answerTo('roots/list', connect)
    client.setRequestHandler(library.ListRootsRequestSchema, ({ params }, { signal }) => answer(params, signal) as never)
  }
  client.fallbackNotificationHandler = async ({ method, params }) => {
    const event = eventOf(method, params)
    if (event !== undefined) connect.onEvent(event)
  }
}

/** Takes what came, as it is: it is read by us. In the form of a schema of the library's. */
const AS_IT_CAME = { safeParse: (data: unknown) => ({ success: true, data }) } as never

function rawClient(client: Client, transport: { readonly protocolVersion?: string }): RawClient {
  const request = (method: string, params: JsonObject, { signal, onProgress }: RawRequestOptions): Promise<unknown> =>
    client.request({ method, params } as never, AS_IT_CAME, {
      timeout: NO_LIMIT_MS,
      ...(signal !== undefined && { signal }),
      ...(onProgress !== undefined && { onprogress: onProgress as never }),
    })
  const server = client.getServerVersion()
  return {
    protocolVersion: transport.protocolVersion ?? 'unknown',
    serverInfo: { name: server?.name ?? 'unknown', version: server?.version ?? 'unknown' },
    capabilities: (client.getServerCapabilities() ?? {}) as JsonObject,
    instructions: client.getInstructions(),
    mirrorsHeaders: false,
    listen: undefined,
    request,
    callTool: (params, _definition, options) => request('tools/call', params, options),
    close: () => client.close(),
  }
}
