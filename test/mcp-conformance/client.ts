/**
 * What the conformance suite of the protocol's authors starts for each scenario, with the address of its server as the last
 * argument. It goes through our connections, as a host would, and ends with 0 when all went as the scenario wants it.
 */
import {
  createMcpConnections,
  mcpDriverV1,
  mcpDriverV2,
  memoryTokenStore,
  parseMcpServers,
  type McpAuth,
  type McpHandlers,
  type McpLink,
  type McpToolDefinition,
} from '../../src/plugins/tool-mcp/index.ts'
import type { Json, JsonObject } from '../../src/core/index.ts'
import { OpspawnError } from '../../src/core/index.ts'

interface Context {
  readonly client_id?: string
  readonly client_secret?: string
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: JsonObject }[]
}

/** In these the server, or its authorisation server, does what a client has to refuse. */
const REFUSED: ReadonlySet<string> = new Set([
  'auth/scope-retry-limit',
  'auth/resource-mismatch',
  'auth/iss-supported-missing',
  'auth/iss-wrong-issuer',
  'auth/iss-unexpected',
  'auth/iss-normalized',
  'auth/metadata-issuer-mismatch',
])

const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? ''
const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as Context
const url = process.argv.at(-1)!

// The suite's servers listen on ports of their own choosing.
const allowHosts = Array.from({ length: 64_512 }, (_, at) => `localhost:${at + 1_024}`)

/** A person who agrees to everything: goes to the address, and gives the one that they are sent back to. */
async function authorize(address: string): Promise<string> {
  const response = await fetch(address, { redirect: 'manual' })
  const location = response.headers.get('location')
  if (location === null) throw new Error(`The authorisation server gave HTTP ${response.status} and no way back`)
  return location
}

const auth: McpAuth = {
  principal: 'conformance',
  tokens: memoryTokenStore(),
  redirectUrl: 'http://localhost:3000/callback',
  clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
  authorize,
  ...(context.client_id !== undefined && {
    client: { id: context.client_id, ...(context.client_secret !== undefined && { secret: context.client_secret }) },
  }),
}

const asksForDefaults = scenario === 'elicitation-sep1034-client-defaults'
const handlers: McpHandlers = {
  elicit: async (request) =>
    request.mode === 'form'
      ? { action: 'accept', content: asksForDefaults ? {} : (sample(request.schema) as JsonObject) }
      : { action: 'decline' },
}

/** Something that fits a schema of a simple kind. */
function sample(schema: Json | undefined): Json {
  const { type, properties, enum: values } = (schema ?? {}) as JsonObject
  if (Array.isArray(values)) return values[0] as Json
  if (type === 'number' || type === 'integer') return 5
  if (type === 'boolean') return true
  if (type === 'array') return []
  if (type === 'object' || properties !== undefined) {
    const entries = Object.entries((properties ?? {}) as JsonObject)
    return Object.fromEntries(entries.map(([key, value]) => [key, sample(value)]))
  }
  return 'text'
}

async function callAll(link: McpLink, tools: readonly McpToolDefinition[]): Promise<void> {
  const wanted = context.toolCalls?.filter(({ name }) => tools.some((tool) => tool.name === name))
  const calls = wanted?.length
    ? wanted
    : tools.map(({ name, inputSchema }) => ({ name, arguments: sample(inputSchema) as JsonObject }))
  const call = (one: (typeof calls)[number]): Promise<unknown> =>
    link.use((connection) => connection.callTool(one.name, one.arguments, { signal: AbortSignal.timeout(15_000) }))
  // One behind the other, and then all at once: what belongs to one call may not get into another.
  if (scenario.startsWith('sep-2322')) await Promise.all(calls.map(call))
  else for (const one of calls) await call(one)
}

async function perform(): Promise<void> {
  const servers = parseMcpServers({ mcpServers: { conformance: { url, allowHosts, limits: { connectTimeoutMs: 20_000 } } } })
  await using connections = createMcpConnections({
    servers,
    driver: process.argv.includes('--v1') ? mcpDriverV1() : mcpDriverV2(),
    auth: () => (scenario.startsWith('auth/') ? auth : undefined),
    handlers: () => (scenario.startsWith('auth/') ? {} : handlers),
  })
  const link = connections.link('conformance', 'conformance')
  const { items } = await link.use((connection) => connection.listTools())
  // The server of this one has a tool to look at, and none to call.
  if (scenario === 'json-schema-ref-no-deref') return
  await callAll(link, items)
  if (scenario === 'auth/authorization-server-migration') await callAll(link, items)
}

try {
  await perform()
  if (REFUSED.has(scenario)) throw new Error(`${scenario}: what had to be refused was accepted`)
} catch (error) {
  if (!REFUSED.has(scenario) || !OpspawnError.is(error)) {
    console.error(error)
    process.exitCode = 1
  } else console.log(`refused as it should be: ${error.message}`)
}
