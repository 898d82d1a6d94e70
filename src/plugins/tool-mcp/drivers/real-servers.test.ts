/** Both drivers against the servers of the protocol's authors, over both transports, through our connections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { everythingOverHttp, overStdio } from '../../../../test/fixtures/mcp/real-servers.ts'
import {
  createMcpConnections,
  mcpDriverV1,
  mcpDriverV2,
  parseMcpServers,
  type McpConnections,
  type McpDriver,
  type McpHandlers,
  type McpLinkEvent,
} from '../index.ts'

const SLOW = 60_000
const PLAIN_TOOLS = [
  'echo',
  'get-annotated-message',
  'get-env',
  'get-resource-links',
  'get-resource-reference',
  'get-structured-content',
  'get-sum',
  'get-tiny-image',
  'gzip-file-as-resource',
  'simulate-research-query',
  'toggle-simulated-logging',
  'toggle-subscriber-updates',
  'trigger-long-running-operation',
]

let http: Awaited<ReturnType<typeof everythingOverHttp>>
beforeAll(async () => {
  http = await everythingOverHttp()
}, SLOW)
afterAll(() => http.end())

const drivers: readonly (readonly [string, () => McpDriver])[] = [
  ['v2', mcpDriverV2],
  ['v1', mcpDriverV1],
]

describe.each(drivers)('driver %s', (_name, makeDriver) => {
  let connections: McpConnections
  const events: [string, McpLinkEvent][] = []

  beforeAll(() => {
    const servers = parseMcpServers(
      {
        mcpServers: {
          pipe: {
            ...overStdio('everything', 'stdio'),
            env: { PLAIN: 'yes', API_TOKEN: '${env:TOKEN}' },
            limits: { connectTimeoutMs: 30_000 },
          },
          bare: {
            ...overStdio('everything', 'stdio'),
            inheritEnv: 'none',
            env: { ONLY: 'this' },
            limits: { connectTimeoutMs: 30_000 },
          },
          web: { url: http.url, limits: { connectTimeoutMs: 30_000 } },
        },
      },
      { environment: { TOKEN: 'hush-hush', PATH: process.env['PATH'], SECRET_OF_HOST: 'not-for-servers' } },
    )
    connections = createMcpConnections({
      servers,
      driver: makeDriver(),
      onEvent: (server, _principal, event) => events.push([server, event]),
    })
  })
  afterAll(() => connections.close(), SLOW)

  it.each(['pipe', 'web'])(
    'lists and calls over %s',
    async (name) => {
      const link = connections.link(name)
      const tools = await link.use((connection) => connection.listTools())
      expect(tools.items.map((tool) => tool.name).toSorted()).toEqual(PLAIN_TOOLS)
      expect(tools.broken).toEqual([])
      const result = await link.use((connection) => connection.callTool('echo', { message: 'hello' }))
      expect(result).toEqual({ content: [{ type: 'text', text: 'Echo: hello' }], isError: false })
      expect(link.state()).toMatchObject({ state: 'ready', protocolVersion: '2025-11-25', connections: 1, attempts: 0 })
    },
    SLOW,
  )

  it(
    'gives a process only what is configured, and what is on the short list',
    async () => {
      const read = async (name: string) => {
        const result = await connections.link(name).use((connection) => connection.callTool('get-env', {}))
        const [content] = result.content
        return JSON.parse(content?.type === 'text' ? content.text : '') as Record<string, string>
      }
      expect(await read('pipe')).toEqual({ PATH: process.env['PATH'], PLAIN: 'yes', API_TOKEN: 'hush-hush' })
      expect(await read('bare')).toEqual({ ONLY: 'this' })
    },
    SLOW,
  )

  it(
    'reads resources, templates, prompts and completions',
    async () => {
      const link = connections.link('pipe')
      const resources = await link.use((connection) => connection.listResources())
      expect(resources.items).toHaveLength(7)
      expect((await link.use((connection) => connection.listResourceTemplates())).items).toHaveLength(2)
      const contents = await link.use((connection) => connection.readResource(resources.items[0]!.uri))
      expect(contents[0]).toMatchObject({ uri: resources.items[0]!.uri, text: expect.any(String) })
      const prompts = await link.use((connection) => connection.listPrompts())
      expect(prompts.items).toHaveLength(4)
      const prompt = await link.use((connection) => connection.getPrompt('args-prompt', { city: 'Bergen' }))
      expect(JSON.stringify(prompt.messages)).toContain('Bergen')
      const completion = await link.use((connection) =>
        connection.complete({ of: { prompt: 'completable-prompt' }, argument: 'department', value: 'Eng' }),
      )
      expect(completion.values).toEqual(['Engineering'])
    },
    SLOW,
  )

  it(
    'tells of progress, and stops a call that is aborted, with the reason of the signal',
    async () => {
      const link = connections.link('pipe')
      const seen: number[] = []
      const done = await link.use((connection) =>
        connection.callTool(
          'trigger-long-running-operation',
          { duration: 0.4, steps: 4 },
          { onProgress: ({ progress }) => seen.push(progress) },
        ),
      )
      expect(done.isError).toBe(false)
      // Of the older library the last one may come too late.
      expect([
        [1, 2, 3],
        [1, 2, 3, 4],
      ]).toContainEqual(seen)
      const controller = new AbortController()
      const reason = new Error('changed my mind')
      const call = link.use(
        (connection) =>
          connection.callTool(
            'trigger-long-running-operation',
            { duration: 20, steps: 200 },
            { signal: controller.signal, onProgress: () => controller.abort(reason) },
          ),
        { signal: controller.signal },
      )
      await expect(call).rejects.toBe(reason)
      const next = await link.use((connection) => connection.callTool('get-sum', { a: 1, b: 2 }))
      expect(JSON.stringify(next.content)).toContain('3')
    },
    SLOW,
  )
})

describe.each(drivers)('driver %s, with what servers may ask for', (_name, makeDriver) => {
  it(
    'shows four tools more, tells of the change, and has its questions answered',
    async () => {
      const asked: unknown[] = []
      const handlers: McpHandlers = {
        elicit: async (request) => {
          asked.push(request)
          return request.mode === 'form' ? { action: 'accept', content: { name: 'Ada' } } : { action: 'decline' }
        },
        sample: async () => ({ model: 'none', role: 'assistant', content: { type: 'text', text: 'sampled' } }),
        roots: async () => [{ uri: 'file:///tmp', name: 'temporary' }],
      }
      const changed: string[] = []
      const connections = createMcpConnections({
        servers: parseMcpServers({
          mcpServers: { pipe: { ...overStdio('everything', 'stdio'), limits: { connectTimeoutMs: 30_000 } } },
        }),
        driver: makeDriver(),
        handlers: () => handlers,
        onEvent: (_server, _principal, event) => {
          if (event.type === 'changed') changed.push(event.what)
        },
      })
      try {
        const link = connections.link('pipe')
        await link.use(async (connection) => {
          await expect.poll(async () => (await connection.listTools()).items.length, { timeout: 20_000 }).toBe(17)
        })
        expect(changed).toContain('tools')
        const elicited = await link.use((connection) => connection.callTool('trigger-elicitation-request', {}))
        expect(asked[0]).toMatchObject({ mode: 'form', schema: { type: 'object' } })
        expect(JSON.stringify(elicited.content)).toContain('Ada')
        const sampled = await link.use((connection) => connection.callTool('trigger-sampling-request', { prompt: 'say' }))
        expect(JSON.stringify(sampled.content)).toContain('sampled')
        const roots = await link.use((connection) => connection.callTool('get-roots-list', {}))
        expect(JSON.stringify(roots.content)).toContain('file:///tmp')
      } finally {
        await connections.close()
      }
    },
    SLOW,
  )
})
