import { describe, expect, test } from 'vitest'
import { httpTool, type HttpToolOptions, secret } from '../../src/plugins/tool-http/index.ts'
import type { Json, Outcome, RunEvent, Schema, Tool } from '../../src/index.ts'
import { endless, json, redirect, type StubServer, stubServer } from '../fixtures/hostile-http.ts'
import { agent, callTool, guardFile, once, open } from './harness.ts'

guardFile()

const KEY = 'sk-live-0123456789'

function toolAt(server: StubServer, more: Partial<HttpToolOptions<Schema>> & { readonly method?: string } = {}): Tool {
  const { method = 'GET', ...rest } = more
  return httpTool({
    name: 'endpoint',
    description: 'An endpoint.',
    input: { type: 'object', properties: { id: { type: 'string' } } } as Schema,
    request: {
      method: method as 'GET',
      url: `${server.origin}/{id}`,
      headers: { authorization: secret(() => `Bearer ${KEY}`) },
      ...(method === 'GET' ? undefined : { body: 'input' }),
    },
    allow: [server.host],
    retry: { attempts: 3, baseMs: 1 },
    ...rest,
  }) as Tool
}

interface Ran {
  readonly outcome: Outcome
  readonly retries: readonly (RunEvent & { readonly type: 'effect-retry' })[]
  readonly history: string
}

/** One call through the whole engine. */
async function run(tool: Tool, input: Json = { id: 'a' }): Promise<Ran> {
  const ops = await open({ agents: [agent('caller', once(callTool('call', 'endpoint', input)), { tools: [tool] })] })
  const started = await ops.start('caller', 'go')
  await started.result
  const history: RunEvent[] = []
  for await (const event of started.events()) history.push(event as RunEvent)
  const end = history.find((event) => event.type === 'effect-end')
  if (end?.type !== 'effect-end') throw new Error('the call did not settle')
  return {
    outcome: end.outcome,
    retries: history.filter((event) => event.type === 'effect-retry'),
    history: JSON.stringify(history),
  }
}

test('an answer is a result, checked by the engine, and no secret is in the history', async () => {
  await using server = await stubServer((request, response) =>
    json(response, { id: request.url, header: request.headers.authorization }),
  )
  const sound = await run(toolAt(server, { output: { type: 'object', required: ['id'] } }))
  expect(sound.outcome).toEqual({ status: 'completed', value: { id: '/a', header: '[secret]' } })
  const unsound = await run(toolAt(server, { output: { type: 'object', required: ['other'] } }))
  expect(unsound.outcome).toMatchObject({ status: 'failed', error: { code: 'TOOL_OUTPUT_INVALID' } })
  expect(JSON.stringify(server.arrivals)).toContain(KEY)
  for (const { history } of [sound, unsound]) expect(history).not.toContain(KEY)
})

test('a wrong argument reaches nobody', async () => {
  await using server = await stubServer((_request, response) => json(response, 'reached'))
  for (const input of [{ id: 5 }, { id: '../admin' }, {}]) {
    expect((await run(toolAt(server), input)).outcome).toMatchObject({ status: 'failed', error: { code: 'TOOL_INPUT_INVALID' } })
  }
  expect(server.connections).toBe(0)
})

describe('what is made again', () => {
  test('a 503 of a pure tool, until it is good', async () => {
    let calls = 0
    await using server = await stubServer((_request, response) => json(response, 'done', (calls += 1) < 3 ? 503 : 200))
    const { outcome, retries } = await run(toolAt(server))
    expect([outcome, retries.map(({ error }) => error.code)]).toEqual([
      { status: 'completed', value: 'done' },
      ['TOOL_UNAVAILABLE', 'TOOL_UNAVAILABLE'],
    ])
  })

  test('a 429 not before its Retry-After', async () => {
    await using server = await stubServer((_request, response) => json(response, {}, 429, { 'retry-after': '60' }))
    const ops = await open({
      agents: [agent('caller', once(callTool('call', 'endpoint', { id: 'a' })), { tools: [toolAt(server)] })],
    })
    const started = await ops.start('caller', 'go')
    for await (const event of started) {
      if (event.type !== 'effect-retry') continue
      expect(event.dueAt - event.at).toBeGreaterThanOrEqual(60_000)
      expect(event.error).toMatchObject({ code: 'TOOL_RATE_LIMITED', details: { status: 429, retryAfterMs: 60_000 } })
      break
    }
    await started.cancel()
    await started.result
    expect(server.arrivals).toHaveLength(1)
  })

  test('a keyed POST that broke off, under the same key', async () => {
    let calls = 0
    await using server = await stubServer((request, response) => {
      if ((calls += 1) === 1) request.socket.destroy()
      else json(response, 'done')
    })
    const { outcome } = await run(toolAt(server, { method: 'POST', idempotencyHeader: 'Idempotency-Key' }))
    expect(outcome).toEqual({ status: 'completed', value: 'done' })
    const [first, second] = server.arrivals.map(({ headers }) => headers['idempotency-key'])
    expect(first).toMatch(/^[\da-f]{32}$/)
    expect(second).toBe(first)
  })

  test.each<[string, (request: { readonly socket: { destroy(): unknown } }, response: never) => void]>([
    ['broke off', (request) => void request.socket.destroy()],
    ['timed out at a gateway', (_request, response) => json(response, {}, 504)],
  ])('not a plain POST that %s, even with a retry: nobody knows whether it happened', async (_what, answer) => {
    await using server = await stubServer(answer as never)
    const { outcome, retries } = await run(toolAt(server, { method: 'POST' }))
    expect(outcome).toMatchObject({ status: 'unknown', error: { code: 'EFFECT_UNKNOWN' } })
    expect([server.arrivals.length, retries.length]).toEqual([1, 0])
  })

  test('nothing that was refused, or is too large', async () => {
    await using server = await stubServer((request, response) =>
      request.url === '/a'
        ? redirect(response, 'http://169.254.169.254/latest/meta-data/')
        : endless(response, { 'content-type': 'text/plain' }),
    )
    const refused = await run(toolAt(server))
    const large = await run(toolAt(server, { answer: 'text', maxBytes: 1000 }), { id: 'b' })
    expect([refused, large].map(({ outcome, retries }) => [outcome, retries.length])).toMatchObject([
      [{ status: 'failed', error: { code: 'ADDRESS_REFUSED' } }, 0],
      [{ status: 'failed', error: { code: 'PAYLOAD_TOO_LARGE' } }, 0],
    ])
    expect(server.arrivals).toHaveLength(2)
  })
})

describe('the end of a call', () => {
  const silent = (): Promise<StubServer> => stubServer(() => {})

  test.each([
    ['GET', { status: 'failed', error: { code: 'TOOL_TIMEOUT' } }],
    ['POST', { status: 'unknown', error: { code: 'EFFECT_UNKNOWN' } }],
  ])('a time limit closes the connection of a %s', async (method, outcome) => {
    await using server = await silent()
    const ran = await run(toolAt(server, { method, timeoutMs: 200, retry: { attempts: 1 } }))
    expect(ran.outcome).toMatchObject(outcome)
    await allClosed(server)
  })

  test('a cancelled run closes the connection, before the head and in the body', async () => {
    await using server = await stubServer((request, response) => {
      if (request.url === '/body') endless(response, { 'content-type': 'text/plain' })
    })
    for (const id of ['head', 'body']) {
      const tool = toolAt(server, { answer: 'text', maxBytes: Number.MAX_SAFE_INTEGER })
      const ops = await open({ agents: [agent('caller', once(callTool('call', 'endpoint', { id })), { tools: [tool] })] })
      const started = await ops.start('caller', 'go')
      while (server.open === 0) await turn()
      await started.cancel()
      expect((await started.result).status).toBe('cancelled')
      await allClosed(server)
    }
  })
})

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

async function allClosed(server: StubServer): Promise<void> {
  while (server.open > 0) await turn()
}
