/** Authorisation over TLS, by either driver, at servers that do it as they should, and at others. */
import { afterEach, describe, expect, it } from 'vitest'
import { oauthStub, type OAuthStub, type OAuthStubOptions } from '../../../../test/fixtures/mcp/oauth-stub.ts'
import { mcp, mcpDriverV1, mcpDriverV2, memoryTokenStore, type Mcp, type McpAuth, type McpDriver } from '../index.ts'

const SLOW = 60_000

const open: OAuthStub[] = []
const handles: Mcp[] = []
afterEach(async () => {
  await Promise.all(handles.splice(0).map((one) => one.close()))
  await Promise.all(open.splice(0).map((one) => one.end()))
}, SLOW)

async function stubOf(options?: OAuthStubOptions): Promise<OAuthStub> {
  const stub = await oauthStub(options)
  open.push(stub)
  return stub
}

const localhost = ({ origin }: { readonly origin: string }): string => new URL(origin).host

/** What a call gives. A person agrees to whatever they are shown. */
async function call(driver: McpDriver, stub: OAuthStub, auth: Partial<McpAuth> = {}, ca = [stub.ca]): Promise<unknown> {
  const handle = mcp({
    servers: { web: { url: stub.server.url, allowHosts: [localhost(stub.issuer)], limits: { connectTimeoutMs: 20_000 } } },
    driver,
    fetch: { ca },
    auth: (_server, principal) => ({
      principal,
      tokens: memoryTokenStore(),
      client: { id: 'ours' },
      redirectUrl: 'http://127.0.0.1:9/callback',
      authorize: (url) => stub.authorize(url),
      ...auth,
    }),
  })
  handles.push(handle)
  return handle.call('web', 'act', {}, { principal: 'ada' })
}

const nobody: Partial<McpAuth> = { redirectUrl: undefined, authorize: undefined }
const promised = { authorization_response_iss_parameter_supported: true }

describe.each([
  ['v2', mcpDriverV2],
  ['v1', mcpDriverV1],
] as const)('driver %s', (_name, makeDriver) => {
  it(
    'speaks to a server and its authorisation server by https, with an authority that is given',
    async () => {
      const stub = await stubOf()
      expect(await call(makeDriver(), stub)).toMatchObject({ content: [{ text: 'done' }] })
      const [asked] = stub.tokenRequests()
      expect([asked?.get('grant_type'), asked?.get('code'), asked?.get('resource')]).toEqual([
        'authorization_code',
        'the-code',
        stub.server.url,
      ])
      expect(asked?.get('code_verifier')?.length).toBeGreaterThanOrEqual(43)
    },
    SLOW,
  )

  it(
    'speaks to nobody whose certificate is not trusted',
    async () => {
      const stub = await stubOf()
      await expect(call(makeDriver(), stub, {}, [])).rejects.toMatchObject({ code: 'TOOL_UNAVAILABLE' })
      expect([stub.server.seen, stub.issuer.seen]).toEqual([[], []])
    },
    SLOW,
  )

  it.each<readonly [string, OAuthStubOptions]>([
    ['names itself', { metadata: () => promised, answer: (iss) => ({ iss }) }],
    ['does not, and never said that it would', {}],
    ['names itself without having said that it would', { answer: (iss) => ({ iss }) }],
  ])(
    'takes an answer of an authorisation server that %s',
    async (_what, options) => {
      const stub = await stubOf(options)
      expect(await call(makeDriver(), stub)).toMatchObject({ isError: false })
    },
    SLOW,
  )

  it.each<readonly [string, OAuthStubOptions]>([
    ['another one', { metadata: () => promised, answer: () => ({ iss: 'https://other.example' }) }],
    ['another one, without having said that it would name any', { answer: () => ({ iss: 'https://other.example' }) }],
    ['itself in another spelling', { metadata: () => promised, answer: (iss) => ({ iss: `${iss}/` }) }],
    ['nobody, although it said that it would', { metadata: () => promised }],
  ])(
    'changes no code into a token when the answer names %s',
    async (_what, options) => {
      const stub = await stubOf(options)
      const error: unknown = await call(makeDriver(), stub).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'TOOL_FAILED', message: expect.stringContaining('issuer') })
      expect(String(error)).not.toContain('other.example')
      expect(stub.tokenRequests()).toEqual([])
    },
    SLOW,
  )

  it(
    'asks nobody where the authorisation server says that it is another one',
    async () => {
      const stub = await stubOf({ metadata: () => ({ issuer: 'https://other.example' }) })
      const asked: string[] = []
      const authorize = (url: string): Promise<string> => (asked.push(url), stub.authorize(url))
      await expect(call(makeDriver(), stub, { authorize })).rejects.toMatchObject({ code: 'TOOL_FAILED' })
      expect([asked, stub.tokenRequests()]).toEqual([[], []])
    },
    SLOW,
  )

  it(
    'has a token without a person, by a form of the host, asked for again where it is needed again',
    async () => {
      const stub = await stubOf()
      const asked: unknown[] = []
      const auth: Partial<McpAuth> = {
        client: { id: 'ours', secret: 'hush' },
        grant: (request) => {
          asked.push(request)
          return Promise.resolve({ grant_type: 'client_credentials', audience: 'x' })
        },
        ...nobody,
      }
      expect(await call(makeDriver(), stub, auth)).toMatchObject({ isError: false })
      expect(asked).toMatchObject([{ issuer: stub.issuer.origin, resource: stub.server.url }])
      const [form] = stub.tokenRequests()
      expect([form?.get('grant_type'), form?.get('audience'), form?.get('resource'), form?.get('code')]).toEqual([
        'client_credentials',
        'x',
        stub.server.url,
        null,
      ])
      const basic = `Basic ${Buffer.from('ours:hush').toString('base64')}`
      expect(stub.issuer.seen.find(({ path }) => path === '/token')?.headers.authorization).toBe(basic)
      await call(makeDriver(), stub, auth)
      expect(asked).toHaveLength(2)
    },
    SLOW,
  )

  it.each<readonly [string, Partial<McpAuth>]>([
    ['nobody to ask and no grant', nobody],
    ['both', { grant: () => Promise.resolve({}) }],
    ['a grant without a client', { ...nobody, grant: () => Promise.resolve({}), client: undefined }],
    ['an address and nobody to send there', { authorize: undefined }],
  ])(
    'refuses %s',
    async (_what, auth) => {
      const stub = await stubOf()
      await expect(call(makeDriver(), stub, auth)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
      expect(stub.server.seen).toEqual([])
    },
    SLOW,
  )
})

const keyOf = (proof: unknown): unknown => {
  const [head = ''] = String(proof).split('.')
  return (JSON.parse(Buffer.from(head, 'base64url').toString('utf8')) as { readonly jwk: unknown }).jwk
}

describe('tokens that are bound to a key', () => {
  it(
    'are shown with a proof by that key, which outlives the process beside them',
    async () => {
      const stub = await stubOf({ metadata: () => ({ dpop_signing_alg_values_supported: ['ES256'] }) })
      const auth = { dpop: true, tokens: memoryTokenStore() }
      expect(await call(mcpDriverV2(), stub, auth)).toMatchObject({ isError: false })
      expect(await call(mcpDriverV2(), stub, auth)).toMatchObject({ isError: false })
      expect(stub.tokenRequests()).toHaveLength(1)
      const shown = stub.server.seen.filter(({ headers }) => headers.authorization?.startsWith('DPoP '))
      const keys = shown.map(({ headers }) => JSON.stringify(keyOf(headers['dpop'])))
      expect(shown.filter(({ method }) => method === 'tools/call')).toHaveLength(2)
      expect(new Set(keys).size).toBe(1)
      expect(keys[0]).not.toContain('"d"')
      const requested = stub.issuer.seen.find(({ path }) => path === '/token')
      expect(JSON.stringify(keyOf(requested?.headers['dpop']))).toBe(keys[0])
    },
    SLOW,
  )

  it(
    'are not there with the older library, which says so',
    async () => {
      const stub = await stubOf()
      await expect(call(mcpDriverV1(), stub, { dpop: true })).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
        message: expect.stringContaining('mcpDriverV2'),
      })
    },
    SLOW,
  )
})
