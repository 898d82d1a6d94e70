/** Raw servers over HTTP that forget, redirect, break off and lead astray; through our connections, on both drivers. */
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { httpStub, type HttpStub } from '../../../../test/fixtures/mcp/http-stub.ts'
import {
  createMcpConnections,
  mcpDriverV1,
  mcpDriverV2,
  memoryTokenStore,
  parseMcpServers,
  type McpAuth,
  type McpConnections,
  type McpConnectionsOptions,
  type McpDriver,
} from '../index.ts'

const SLOW = 60_000
const SECRET = 'secret-of-the-operator'

let stubs: HttpStub[] = []
let open: McpConnections[] = []
afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  await Promise.all(stubs.map((one) => one.end()))
  open = []
  stubs = []
}, SLOW)

async function stub(...args: Parameters<typeof httpStub>): Promise<HttpStub> {
  const made = await httpStub(...args)
  stubs.push(made)
  return made
}

function linkTo(driver: McpDriver, url: string, options: Partial<McpConnectionsOptions> = {}, principal?: string) {
  const web = { url, headers: { 'x-api-key': '${env:KEY}' }, limits: { connectTimeoutMs: 20_000 } }
  const servers = parseMcpServers({ mcpServers: { web } }, { environment: { KEY: SECRET } })
  const connections = createMcpConnections({ servers, driver, ...options })
  open.push(connections)
  return connections.link('web', principal)
}

function authOf(principal: string, tokens: McpAuth['tokens']): McpAuth {
  return {
    principal,
    tokens,
    redirectUrl: 'http://127.0.0.1:9/callback',
    authorize: async () => {
      throw new Error('nobody is there')
    },
  }
}

describe.each([
  ['v2', mcpDriverV2],
  ['v1', mcpDriverV1],
] as const)('driver %s', (_name, makeDriver) => {
  it(
    'makes a new session, once, when its server has forgotten the old one',
    async () => {
      let isForgotten = false
      const server = await stub((request, response) => {
        if (!isForgotten || request.headers['mcp-session-id'] !== 'session-1') return false
        response.writeHead(404).end()
        return true
      })
      const link = linkTo(makeDriver(), server.url)
      await link.use((connection) => connection.listTools())
      isForgotten = true
      const results = await Promise.all([1, 2, 3].map(() => link.use((connection) => connection.callTool('act', {}))))
      expect(results.map(({ isError }) => isError)).toEqual([false, false, false])
      expect(server.seen.filter(({ method }) => method === 'initialize')).toHaveLength(2)
      expect(
        server.seen.filter(({ method, headers }) => method === 'tools/call' && headers['mcp-session-id'] === 'session-2'),
      ).toHaveLength(3)
      expect(link.state()).toMatchObject({ state: 'ready', connections: 2 })
    },
    SLOW,
  )

  it.each([
    ['its socket', (response: ServerResponse) => void response.destroy()],
    [
      'its stream',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(
          'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}\n\n',
        )
      },
    ],
    ['its server with 502', (response: ServerResponse) => void response.writeHead(502).end()],
  ])(
    'sends a call once that breaks off with %s',
    async (_what, breakOff) => {
      const server = await stub((request, response) => {
        if (request.method !== 'tools/call') return false
        breakOff(response)
        return true
      })
      const link = linkTo(makeDriver(), server.url)
      await expect(link.use((connection) => connection.callTool('act', {}))).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' })
      expect(server.calls()).toBe(1)
    },
    SLOW,
  )

  it(
    'gives up an answer that is too large, whole or in a stream, and nothing else',
    async () => {
      const kinds = ['application/json', 'text/event-stream']
      const server = await stub((request, response, { id }) => {
        if (request.method !== 'tools/call' || kinds.length === 0) return false
        const kind = kinds.shift()!
        const body = JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'x'.repeat(9_000_000) }] } })
        response.writeHead(200, { 'content-type': kind })
        response.end(kind === 'application/json' ? body : `event: message\ndata: ${body}\n\n`)
        return true
      })
      const link = linkTo(makeDriver(), server.url)
      const call = () => link.use((connection) => connection.callTool('act', {}))
      await expect(call()).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
      await expect(call()).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
      expect(await call()).toMatchObject({ isError: false })
      expect(link.state().connections).toBe(1)
    },
    SLOW,
  )

  it(
    'tells its server of a call that is aborted, and goes on with the next',
    async () => {
      let arrived: (() => void) | undefined
      const server = await stub((request) => {
        if (request.method !== 'tools/call' || arrived === undefined) return false
        arrived()
        return true
      })
      const link = linkTo(makeDriver(), server.url)
      await link.use((connection) => connection.listTools())
      const [control, reason] = [new AbortController(), new Error('changed my mind')]
      arrived = () => control.abort(reason)
      const { signal } = control
      await expect(link.use((connection) => connection.callTool('act', {}, { signal }), { signal })).rejects.toBe(reason)
      arrived = undefined
      await expect.poll(() => server.seen.map(({ method }) => method)).toContain('notifications/cancelled')
      expect(await link.use((connection) => connection.callTool('act', {}))).toMatchObject({ isError: false })
      expect(server.calls()).toBe(2)
    },
    SLOW,
  )

  it(
    'carries no header across a redirect, and says nothing secret about it',
    async () => {
      const other = await stub()
      const server = await stub((_request, response) => {
        response.writeHead(307, { location: `${other.url}?was=${SECRET}` }).end()
        return true
      })
      const link = linkTo(makeDriver(), server.url)
      const error: unknown = await link.use((connection) => connection.listTools()).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: expect.stringMatching(/ADDRESS_REFUSED|TOOL_/) })
      expect(server.seen[0]!.headers['x-api-key']).toBe(SECRET)
      expect(other.seen).toEqual([])
      expect(JSON.stringify([link.state(), String(error)])).not.toContain(SECRET)
    },
    SLOW,
  )

  it(
    'goes to no private address that a challenge names, and takes no header to an authorisation server',
    async () => {
      const inside = await stub()
      const server = await stub((_request, response) => {
        response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${inside.origin}/metadata"` }).end()
        return true
      })
      const tokens = memoryTokenStore()
      const link = linkTo(makeDriver(), server.url, { auth: (_server, who) => authOf(who, tokens) }, 'ada')
      await expect(link.use((connection) => connection.listTools())).rejects.toMatchObject({ code: expect.any(String) })
      expect(inside.seen).toEqual([])
      const discovery = server.seen.filter(({ path }) => path.startsWith('/.well-known'))
      expect(discovery.filter(({ headers }) => headers['x-api-key'] !== undefined)).toEqual([])
    },
    SLOW,
  )
})

describe('connections', () => {
  it(
    'are apart for each principal of a server that asks who they are, and one for all at another',
    async () => {
      const server = await stub()
      const web = { url: server.url }
      const servers = parseMcpServers({ mcpServers: { private: web, shared: web } })
      const tokens = memoryTokenStore()
      for (const who of ['ada', 'bob']) {
        const issuer = 'https://issuer.example'
        await tokens.set(JSON.stringify(['mcp', who, server.url, 'current']), { issuer, resource: server.url })
        await tokens.set(JSON.stringify(['mcp', who, server.url, 'tokens', issuer, server.url]), {
          access_token: `token-of-${who}`,
          token_type: 'Bearer',
          issuer,
        })
      }
      const connections = createMcpConnections({
        servers,
        driver: mcpDriverV2(),
        auth: ({ name }, who) => (name === 'private' ? authOf(who, tokens) : undefined),
      })
      open.push(connections)
      expect(connections.link('shared', 'ada')).toBe(connections.link('shared', 'bob'))
      expect(connections.link('private', 'ada')).not.toBe(connections.link('private', 'bob'))
      await Promise.all(
        ['ada', 'bob'].map((who) => connections.link('private', who).use((connection) => connection.callTool('act', {}))),
      )
      const shown = server.seen.filter(({ method }) => method === 'tools/call').map(({ headers }) => headers.authorization)
      expect(new Set(shown)).toEqual(new Set(['Bearer token-of-ada', 'Bearer token-of-bob']))
      const sessions = server.seen.filter(({ method }) => method === 'tools/call').map(({ headers }) => headers['mcp-session-id'])
      expect(new Set(sessions).size).toBe(2)
    },
    SLOW,
  )
})
