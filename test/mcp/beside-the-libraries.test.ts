/**
 * What hostile servers do to both libraries as they are, and do not do to us over the same libraries: each hole is shown open
 * first, so that a server that harms nobody cannot pass for a defence.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mcp, mcpDriverV1, mcpDriverV2, memoryTokenStore, type Mcp, type McpOptions } from '../../src/plugins/tool-mcp/index.ts'
import { type BareClient, bareClient } from '../fixtures/mcp/bare-clients.ts'
import { httpStub, type HttpStub } from '../fixtures/mcp/http-stub.ts'

const SLOW = 240_000
const FIXTURES = join(import.meta.dirname, '../fixtures/mcp')

let folder = ''
const open: (() => Promise<unknown>)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'opspawn-mcp-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((end) => end()))
  rmSync(folder, { recursive: true })
}, SLOW)

const program = (name: string, ...flags: readonly string[]): readonly string[] => [join(FIXTURES, name), ...flags]

describe.each([
  ['v2', mcpDriverV2],
  ['v1', mcpDriverV1],
] as const)('library %s', { timeout: SLOW }, (library, driver) => {
  async function bare(args: readonly string[]): Promise<BareClient> {
    const client = await bareClient(library, { args })
    open.push(() => client.close())
    return client
  }

  function ours(server: object, options: Partial<McpOptions> = {}): Mcp {
    const limits = { connectTimeoutMs: 60_000 }
    const handle = mcp({ servers: { stub: { limits, ...server } }, driver: driver(), ...options })
    open.push(() => handle.close())
    return handle
  }

  const overPipes = (args: readonly string[]): object => ({ command: process.execPath, args })

  test('a message of 12 MB takes the whole connection with it; here it fails alone', async () => {
    const args = program('stub.mjs')
    const large = { name: 'large', arguments: { bytes: 12_000_000 } }
    const client = await bare(args)
    await expect(client.callTool(large)).rejects.toThrow(/closed/i)
    await expect(client.callTool({ name: 'echo', arguments: {} })).rejects.toThrow(/not connected|closed/i)
    const handle = ours(overPipes(args))
    await expect(handle.call('stub', 'large', large.arguments)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    expect(await handle.call('stub', 'echo', {})).toMatchObject({ isError: false })
    expect(handle.states()).toMatchObject([{ connections: 1 }])
  })

  test.skipIf(process.platform !== 'linux')(
    'a server behind a launcher outlives the end of its connection; here it does not',
    async () => {
      const started = async (act: (args: readonly string[]) => Promise<void>): Promise<number> => {
        const pids = join(folder, `pids-${Math.random()}`)
        await act(program('launcher.mjs', 'ignore-term', 'ignore-end', `pid=${pids}`))
        return Number(readFileSync(pids, 'utf8'))
      }
      const left = await started(async (args) => {
        const client = await bareClient(library, { args })
        await client.callTool({ name: 'echo', arguments: {} })
        await client.close()
      })
      expect(isAlive(left)).toBe(true)
      process.kill(left, 'SIGKILL')
      const gone = await started(async (args) => {
        const handle = ours(overPipes(args))
        await handle.list()
        await handle.close()
      })
      await expect.poll(() => isAlive(gone), { timeout: 6_000 }).toBe(false)
    },
  )

  test('a pattern of a schema holds up the thread beyond any limit of time; here the call ends, and the thread goes on', async () => {
    const args = program('stub.mjs', 'slow-schema')
    const told: string[] = []
    const worker = new Worker(new URL('../fixtures/mcp/bare-call.ts', import.meta.url), { workerData: { library, args } })
    open.push(() => worker.terminate())
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('message', (what: string) => {
        told.push(what)
        if (what === 'begun') resolve()
      })
    })
    let turns = 0
    const timer = setInterval(() => (turns += 1), 20)
    const handle = ours(overPipes(args), { checkMs: 1_000 })
    await expect(handle.call('stub', 'slow', {})).rejects.toMatchObject({ code: 'TOOL_TIMEOUT' })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(20)
    // By now its limit of 300 ms is long over, and it has said nothing since the answer came.
    const before = told.length
    await expect(handle.call('stub', 'slow', {})).rejects.toMatchObject({ code: 'TOOL_TIMEOUT' })
    expect(told.slice(before)).toEqual([])
    expect(told).not.toContain('ended')
  })

  test('an address inside that a 401 names is fetched, and the one that is named there; here neither is', async () => {
    const stubs: HttpStub[] = []
    const stub = async (...args: Parameters<typeof httpStub>): Promise<HttpStub> => {
      const made = await httpStub(...args)
      stubs.push(made)
      open.push(() => made.end())
      return made
    }
    const second = await stub()
    const inside = await stub(({ path }, response) => {
      if (path !== '/metadata') return false
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ resource: server.url, authorization_servers: [second.origin] }))
      return true
    })
    const server = await stub((_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${inside.origin}/metadata"` }).end()
      return true
    })
    await expect(bareClient(library, { url: server.url, authProvider: provider })).rejects.toBeInstanceOf(Error)
    expect([inside.seen.length > 0, second.seen.length > 0]).toEqual([true, true])
    for (const { seen } of stubs) seen.length = 0
    const auth: McpOptions['auth'] = (_server, principal) => ({
      principal,
      tokens: memoryTokenStore(),
      redirectUrl: provider.redirectUrl,
      authorize: () => Promise.reject(new Error('nobody is there')),
    })
    await expect(ours({ url: server.url }, { auth }).call('stub', 'act', {})).rejects.toMatchObject({ code: expect.any(String) })
    expect(server.seen.length).toBeGreaterThan(0)
    expect([inside.seen, second.seen]).toEqual([[], []])
  })

  test('one definition that cannot be read spoils the whole list; here it alone is left out, and told', async () => {
    const args = program('stub.mjs')
    await expect((await bare(args)).listTools()).rejects.toThrow(/inputSchema/)
    const handle = ours(overPipes(args))
    expect((await handle.list()).map(({ tool }) => tool)).toEqual(['stub__die', 'stub__echo', 'stub__hang', 'stub__large'])
    expect(handle.problems()).toMatchObject([{ tool: 'malformed' }])
  })

  test('a list without an end is read as long as somebody reads it; here it ends with an error', async () => {
    const args = program('stub.mjs', 'endless')
    const client = await bare(args)
    let cursor: string | undefined = '0'
    // The newer library stops by itself where it is not led page by page.
    for (let page = 0; page < 200 && cursor !== undefined; page += 1) cursor = (await client.listTools({ cursor })).nextCursor
    expect(cursor).toBeDefined()
    await expect(ours(overPipes(args)).call('stub', 'echo', {})).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
  })
})

/** Somebody who would authorise anything. */
const provider = {
  redirectUrl: 'http://127.0.0.1:9/callback',
  clientMetadata: { redirect_uris: ['http://127.0.0.1:9/callback'] },
  clientInformation: () => ({ client_id: 'bare' }),
  tokens: () => undefined,
  saveTokens: () => undefined,
  redirectToAuthorization: () => undefined,
  saveCodeVerifier: () => undefined,
  codeVerifier: () => 'verifier',
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
