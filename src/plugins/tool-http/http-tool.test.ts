import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Schema, type Tool, toFailure } from '../../core/index.ts'
import { requireTool } from '../../orchestrator/checks/tool.ts'
import { toolConformance } from '../../testing/tool-conformance.ts'
import { toolContext } from '../../testing/tool-context.ts'
import { json, type StubServer, stubServer } from '../../../test/fixtures/hostile-http.ts'
import { answering, callTool, toolAt, UNSAFE } from '../../../test/fixtures/http-tools.ts'
import { httpTool, type HttpToolOptions, secret } from './index.ts'

const KEY = 'sk-live-0123456789'

test.each<[object, object, string]>([
  [{}, {}, 'pure'],
  [{ method: 'HEAD' }, {}, 'pure'],
  [{ method: 'PUT' }, {}, 'idempotent'],
  [{ method: 'DELETE' }, {}, 'idempotent'],
  [{ method: 'POST' }, {}, 'unsafe'],
  [{ method: 'PATCH' }, {}, 'unsafe'],
  [{ method: 'POST' }, { idempotencyHeader: 'Idempotency-Key' }, 'idempotent'],
  [{ method: 'POST' }, { effect: 'pure' }, 'pure'],
])('%j with %j is %s, a whole tool, and carries labels', async (request, more, effect) => {
  await using server = await answering(1)
  const tool = toolAt(server, request, more)
  expect(() => requireTool(tool)).not.toThrow()
  expect([tool.effect, tool.labels, tool.timeoutMs]).toEqual([effect, ['untrusted', 'outbound'], 30_000])
})

describe.each(['GET', 'PUT', 'POST'] as const)('httpTool with %s is a tool/1', (method) => {
  const seen = new Set<unknown>()
  let server: StubServer
  beforeAll(async () => {
    server = await stubServer((request, response) => {
      if (request.url === '/slow') return
      seen.add(request.headers['idempotency-key'])
      json(response, { city: request.url })
    })
  })
  afterAll(() => server[Symbol.asyncDispose]())
  toolConformance({
    test,
    createTool: () =>
      httpTool({
        name: 'weather',
        description: 'The weather of a city.',
        input: {
          type: 'object',
          properties: { city: { type: 'string' } },
          required: ['city'],
          additionalProperties: false,
        } as Schema,
        output: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        request: { method, url: `${server.origin}/{city}`, ...(method === 'GET' ? undefined : { body: 'input' }) },
        idempotencyHeader: 'Idempotency-Key',
        allow: [server.host],
      }) as Tool,
    validInput: { city: 'Bergen' },
    invalidInput: { city: 5 },
    slowInput: { city: 'slow' },
    ...(method === 'GET' ? undefined : { observe: () => seen.size }),
  })
})

describe('what is sent', () => {
  test('places are filled and encoded, absent parameters left out, lists repeated', async () => {
    await using server = await answering('done')
    const url = `${server.origin}/a/{city}/v{n}.json?fixed=1&day={day}&tag={tags}&mixed=x-{n}`
    const tool = toolAt(server, { url, query: { limit: 5, q: '{city}' } })
    await callTool(tool, { city: 'Ål & 100%?#', n: 2, tags: ['a b', 'ü'] })
    expect(server.arrivals.map(({ path }) => path)).toEqual([
      '/a/%C3%85l%20%26%20100%25%3F%23/v2.json?fixed=1&tag=a+b&tag=%C3%BC&mixed=x-2&limit=5&q=%C3%85l+%26+100%25%3F%23',
    ])
  })

  test.each<[unknown]>([
    ['..'],
    ['.'],
    ['a/b'],
    ['../../admin'],
    ['a\\b'],
    [''],
    [undefined],
    [null],
    [{}],
    [['a']],
    ['a\r\nb'],
    ['\ud800'],
    [NaN],
  ])('a value %j never changes the structure of the path: nothing is sent', async (value) => {
    await using server = await answering('done')
    const tool = toolAt(server, { url: `${server.origin}/users/{id}/secrets` })
    await expect(callTool(tool, { id: value })).rejects.toMatchObject({ code: 'TOOL_INPUT_INVALID' })
    expect(server.connections).toBe(0)
  })

  test.each(['.', '%2e', '@evil.example', ':80', '//evil.example', '?a', '#a', '%2f..%2f', ';', '..;'])(
    'a value %j stays where it is put',
    async (value) => {
      await using server = await answering('done')
      const tool = toolAt(server, { url: `${server.origin}/x.{id}/end` })
      const isRefused = await callTool(tool, { id: value }).catch(() => 'refused')
      const paths = server.arrivals.map(({ path, headers }) => [headers.host, path])
      expect(paths).toEqual(isRefused === 'refused' ? [] : [[server.host, `/x.${encodeURIComponent(value)}/end`]])
    },
  )

  test('a dot before a place does not make two', async () => {
    await using server = await answering('done')
    await expect(callTool(toolAt(server, { url: `${server.origin}/a/.{id}/b` }), { id: '.' })).rejects.toMatchObject({
      code: 'TOOL_INPUT_INVALID',
    })
    expect(server.connections).toBe(0)
  })

  test('a body of the input, of a function, of form fields', async () => {
    await using server = await answering('done')
    await callTool(toolAt(server, { method: 'POST', body: 'input' }), { a: 'ü' })
    await callTool(toolAt(server, { method: 'PUT', body: ({ a }: { a: number }) => ({ doubled: a * 2 }) }), { a: 2 })
    await callTool(toolAt(server, { method: 'POST', body: ({ a }: { a: string }) => new URLSearchParams({ a }) }), { a: 'b c' })
    await callTool(toolAt(server, { method: 'DELETE' }))
    expect(server.arrivals.map(({ method, body, headers }) => [method, body, headers['content-type']])).toEqual([
      ['POST', '{"a":"ü"}', 'application/json'],
      ['PUT', '{"doubled":4}', 'application/json'],
      ['POST', 'a=b+c', 'application/x-www-form-urlencoded;charset=UTF-8'],
      ['DELETE', '', undefined],
    ])
  })

  test("the idempotency key is the call's", async () => {
    await using server = await answering('done')
    const tool = toolAt(server, UNSAFE, { idempotencyHeader: 'Idempotency-Key' })
    await callTool(tool, {}, toolContext({ idempotencyKey: 'key-7' }))
    expect(server.arrivals).toMatchObject([{ headers: { 'idempotency-key': 'key-7' } }])
  })
})

describe('secrets', () => {
  const headers = { authorization: secret(({ tenant }) => `Bearer ${KEY}-${tenant}`), 'x-plain': 'plain' }

  test('are read for each call, of whom it is, and sent', async () => {
    await using server = await answering('done')
    const tool = toolAt(server, { headers, query: { key: secret(async () => KEY) } })
    for (const tenant of ['a', 'b']) await callTool(tool, {}, toolContext({ tenant }))
    expect(server.arrivals.map((one) => [one.headers.authorization, one.headers['x-plain'], one.path])).toEqual([
      [`Bearer ${KEY}-a`, 'plain', `/?key=${KEY}`],
      [`Bearer ${KEY}-b`, 'plain', `/?key=${KEY}`],
    ])
  })

  test('that come back are masked, in results and in errors, whole and in part', async () => {
    await using server = await stubServer((request, response) => {
      const echoed = { header: request.headers.authorization, words: String(request.headers.authorization).split(' ') }
      json(response, echoed, request.url === '/bad' ? 400 : 200)
    })
    expect(await callTool(toolAt(server, { headers }))).toEqual({ header: '[secret]', words: ['Bearer', '[secret]'] })
    const failure = await callTool(toolAt(server, { url: `${server.origin}/bad`, headers })).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'TOOL_FAILED', message: expect.stringContaining('[secret]') })
    expect(JSON.stringify(toFailure(failure, 'INTERNAL'))).not.toContain(KEY)
  })

  test.each<[string, () => string]>([
    [
      'throws it',
      () => {
        throw new Error(KEY)
      },
    ],
    ['has none', () => undefined as never],
    ['has an empty one', () => ''],
    ['has one with a line end', () => `${KEY}\n`],
  ])('whose function %s: nothing is sent, and nothing told', async (_what, read) => {
    await using server = await answering('done')
    const error = await callTool(toolAt(server, { headers: { authorization: secret(read) } })).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringContaining('header "authorization"'),
      retryable: false,
    })
    expect(inspect(error)).not.toContain(KEY)
    expect(server.connections).toBe(0)
  })

  test('are shown by nothing', () => {
    const one = secret(() => KEY)
    expect([Reflect.apply(String, undefined, [one]), JSON.stringify({ one }), inspect({ one })]).toEqual([
      '[secret]',
      '{"one":"[secret]"}',
      '{ one: [secret] }',
    ])
  })
})

test.each<[object, string]>([
  [{ request: undefined }, 'request'],
  [{ request: {} }, 'request.url is missing'],
  [{ request: { url: '/relative' } }, 'absolute'],
  [{ request: { url: 'https://{host}/' } }, 'absolute'],
  [{ request: { url: 'https://example.com:{port}/' } }, 'absolute'],
  [{ request: { url: '{scheme}://example.com/' } }, 'absolute'],
  [{ request: { url: 'ftp://example.com/' } }, 'https URL'],
  [{ request: { url: 'https://{user}@example.com/' } }, 'credentials'],
  [{ request: { url: 'https://example.com/#{part}' } }, '#'],
  [{ request: { url: 'https://example.com/{a-b}' } }, 'a place'],
  [{ request: { url: 'https://example.com/{a' } }, 'a place'],
  [{ request: { url: 'https://example.com/?{a}=1' } }, 'a place'],
  [{ request: { url: 'https://example.com/', body: 'input' } }, 'GET request has no body'],
  [{ request: { url: 'https://example.com/', method: 'TRACE' } }, 'method'],
  [{ request: { url: 'https://example.com/', query: { a: {} } } }, 'query "a"'],
  [{ request: { url: 'https://example.com/', headers: { 'a b': 'x' } } }, '"a b"'],
  [{ request: { url: 'https://example.com/', headers: { a: `${KEY}\n€` } } }, 'header "a"'],
  [{ request: { url: 'https://example.com/', header: {} } }, 'no member "header"'],
  [{ answer: 'xml' }, 'answer'],
  [{ effect: 'transactional' }, 'effect'],
  [{ idempotencyHeader: 'a b' }, 'idempotencyHeader'],
  [{ timeoutMs: 0 }, 'timeoutMs'],
  [{ allow: ['everything'] }, 'allow'],
  [{ maxBytes: 0 }, 'maxBytes'],
  [{ fetch: () => {} }, 'no member "fetch"'],
])('wrong options are refused: %j', (more, text) => {
  const sound = { name: 'x', description: 'x', input: { type: 'object' }, request: { url: 'https://example.com/' } }
  const make = (): unknown => httpTool({ ...sound, ...more } as unknown as HttpToolOptions<Schema>)
  expect(make).toThrow(expect.objectContaining({ message: expect.stringContaining(text) }) as Error)
  expect(make).not.toThrow(KEY)
  expect(() => secret('text' as never)).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }) as Error)
})
