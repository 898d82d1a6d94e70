/**
 * What the conformance suite of the protocol's authors starts for each scenario, with the address of its server as the last
 * argument. What it calls goes the whole way that an agent's calls go: a run makes them, a rule and a person allow them, pins
 * hold them, and the audit must have one record for each. It ends with 0 when all went as the scenario wants it.
 */
import { randomUUID, sign } from 'node:crypto'
import {
  mcp,
  mcpDriverV1,
  mcpDriverV2,
  mcpMemoryPins,
  memoryTokenStore,
  type Mcp,
  type McpAuth,
  type McpGrantRequest,
  type McpHandlers,
} from '../../src/plugins/tool-mcp/index.ts'
import type { ErrorCode, Json, JsonObject } from '../../src/core/index.ts'
import { auditOf, createOrchestrator, defineAgent, OpspawnError, type RunEvent, type Run, type Tool } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'

interface Context {
  readonly client_id?: string
  readonly client_secret?: string
  readonly private_key_pem?: string
  readonly valid_jwt?: string
  readonly idp_client_id?: string
  readonly idp_id_token?: string
  readonly idp_token_endpoint?: string
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
  'sep-2640-client-verify-digest',
  'sep-2640-client-verify-size',
  'sep-2640-client-verify-frontmatter',
])

const SERVER = 'conformance'
const PRINCIPAL = 'conformance'

/** Their servers have no tool at all, or one to be looked at. */
const NOT_CALLED: ReadonlySet<string> = new Set(['initialize', 'request-metadata', 'json-schema-ref-no-deref'])

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

/** How a token is had without a person; of each extension what it asks for. */
const GRANTS: Readonly<Record<string, NonNullable<McpAuth['grant']>>> = {
  'auth/client-credentials-basic': async () => ({ grant_type: 'client_credentials' }),
  'auth/client-credentials-jwt': async ({ issuer }) => ({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: signedFor(issuer),
  }),
  'auth/wif-jwt-bearer': async () => ({ grant_type: JWT_BEARER, assertion: context.valid_jwt! }),
  'auth/enterprise-managed-authorization': async (request) => ({ grant_type: JWT_BEARER, assertion: await exchanged(request) }),
}
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** A JWT by which the client proves who it is (RFC 7523). */
function signedFor(audience: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const id = context.client_id!
  const now = Math.floor(Date.now() / 1_000)
  const claims = { iss: id, sub: id, aud: audience, jti: randomUUID(), iat: now, exp: now + 60 }
  const text = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(claims)}`
  const key = { key: context.private_key_pem!, dsaEncoding: 'ieee-p1363' } as const
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
}

/** The identity provider's token changed into one for this server (RFC 8693). */
async function exchanged({ issuer, resource }: McpGrantRequest): Promise<string> {
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    subject_token: context.idp_id_token!,
    client_id: context.idp_client_id!,
    audience: issuer,
    resource,
  })
  const answer = (await (await fetch(context.idp_token_endpoint!, { method: 'POST', body })).json()) as { access_token: string }
  return answer.access_token
}

const grant = GRANTS[scenario]
const auth: McpAuth = {
  principal: PRINCIPAL,
  tokens: memoryTokenStore(),
  dpop: scenario.startsWith('auth/dpop'),
  ...(grant === undefined
    ? {
        redirectUrl: 'http://localhost:3000/callback',
        clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
        authorize,
      }
    : { grant }),
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

type Call = { readonly name: string; readonly input: JsonObject }

/** What the scenario wants called; without such a wish every tool, with something that fits its input. */
function callsOf(tools: readonly Tool[]): readonly Call[] {
  const ids = new Map(tools.map((tool) => [tool.name, schemaOf(tool)]))
  // This one wants to have back what came of its schema.
  const kept = ids.get(idOf('json_schema_2020_12_tool'))
  if (kept !== undefined) return [{ name: idOf('json_schema_echo'), input: { schema: kept } }]
  const wanted = (context.toolCalls ?? []).map(({ name, arguments: input }) => ({ name: idOf(name), input: given(input) }))
  const known = wanted.filter(({ name }) => ids.has(name))
  if (known.length > 0) return known
  return tools.map((tool) => ({ name: tool.name, input: sample(schemaOf(tool)) as JsonObject }))
}

const schemaOf = (tool: Tool): Json => (tool.input as { readonly jsonSchema: Json }).jsonSchema

/** The suite gives null for what is to be left out; a call with it does not fit the tool's own schema, and is not made. */
function given(input: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null))
}

const idOf = (name: string): string => `${SERVER}__${name.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`

/** A run of an agent that makes the calls: one behind the other, or all in one turn of its model. */
async function callAll(tools: readonly Tool[]): Promise<void> {
  const calls = callsOf(tools)
  const turns = scenario.startsWith('sep-2322') ? [calls] : calls.map((call) => [call])
  const agent = defineAgent({
    name: 'client',
    model: scriptedModel([...turns.map((toolCalls) => ({ toolCalls })), 'done']),
    tools,
    limits: { steps: turns.length + 2 },
  })
  const policy = {
    rules: [{ name: 'of-the-suite', tool: `${SERVER}__*`, principal: PRINCIPAL, verdict: 'ask' }],
    otherwise: 'deny',
  } as const
  await using ops = await createOrchestrator({ agents: [agent], policy, announce: false })
  const run = await ops.start(agent, 'Call them.', { caller: { principal: PRINCIPAL } })
  const events = await eventsOf(run)
  requireAudited(events, calls)
  const outcome = await run.result
  if (outcome.status !== 'completed') throw new Error(`The run ended as ${JSON.stringify(outcome)}`)
}

/** All that happens; a person says yes to each call. */
async function eventsOf(run: Run): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = []
  for await (const event of run) {
    if ('seq' in event) events.push(event as RunEvent)
    if (event.type === 'approval-request') await run.approve(event.key, { by: 'a person' })
  }
  return events
}

/** Each call has one record, was asked about by the rule, and was made once. A call that failed is what the run is judged by. */
function requireAudited(events: readonly RunEvent[], calls: readonly Call[]): void {
  const records = auditOf(events)
  const names = (list: readonly string[]): string => list.toSorted().join(' ')
  if (names(records.map(({ tool }) => tool)) !== names(calls.map(({ name }) => name)))
    throw new Error(`The audit does not have one record for each call: ${JSON.stringify(records)}`)
  for (const event of events) {
    if (event.type !== 'effect-end' || event.outcome.status !== 'failed') continue
    const { code, message } = event.outcome.error
    throw new OpspawnError(code as ErrorCode, message)
  }
  const odd = records.filter(
    ({ verdict, approver, attempts, outcome, rule }) =>
      verdict !== 'ask' || rule !== 'of-the-suite' || approver !== 'a person' || attempts !== 1 || outcome !== 'completed',
  )
  if (odd.length > 0) throw new Error(`The audit has records of another kind: ${JSON.stringify(odd)}`)
}

/** Looks what skills there are; where one was tampered with, loads it, and what belongs to it only if that is as it was listed. */
async function readSkills(handle: Mcp): Promise<void> {
  const skills = await handle.skills(SERVER)
  if (skills.length === 0) throw new Error('there is no skill')
  if (scenario.endsWith('no-prefetch')) return
  for (const { uri } of skills) {
    await handle.readSkill(SERVER, uri)
    await handle.readSkill(SERVER, uri, 'references/FORMS.md')
  }
}

async function perform(): Promise<void> {
  const isAuth = scenario.startsWith('auth/')
  await using handle: Mcp = mcp({
    servers: { [SERVER]: { url, allowHosts, limits: { connectTimeoutMs: 20_000, callTimeoutMs: 15_000 } } },
    driver: process.argv.includes('--v1') ? mcpDriverV1() : mcpDriverV2(),
    auth: () => (isAuth ? auth : undefined),
    handlers: () => (isAuth ? {} : handlers),
    pins: { mode: 'tofu', store: mcpMemoryPins() },
  })
  if (scenario.startsWith('sep-2640')) return await readSkills(handle)
  if (NOT_CALLED.has(scenario)) return void (await handle.list())
  const tools = (await handle.tools({ mode: 'direct', principal: PRINCIPAL })).filter(({ name }) => name !== 'mcp_more')
  await callAll(tools)
  if (scenario === 'auth/authorization-server-migration') await callAll(tools)
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
