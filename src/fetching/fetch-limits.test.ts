import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { endless, floodHead, gzipBomb, json, rawServer, redirect, stubServer } from '../../test/fixtures/hostile-http.ts'
import { guardedFetch } from './index.ts'

const SECRET = 'sk-very-secret'

function failing(code: string, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => void setImmediate(resolve))
}

describe('limits of time', () => {
  afterEach(() => void vi.useRealTimers())
  /** Time passes in leaps; connections are real. */
  const holdTime = (): void => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })

  test('a head that does not come', async () => {
    holdTime()
    await using server = await rawServer((socket) => void socket.resume())
    await using fetch = guardedFetch({ allow: [server.host], headerMs: 40 })
    const call = fetch(`${server.origin}/${SECRET}`)
    await until(() => server.open === 1)
    vi.advanceTimersByTime(40)
    await expect(call).rejects.toEqual(failing('TOOL_TIMEOUT', `GET ${server.origin}: no answer within 40 ms`))
    await until(() => server.open === 0)
  })

  test('a name that is never found', async () => {
    holdTime()
    let isAsked = false
    await using fetch = guardedFetch({ resolve: () => new Promise(() => void (isAsked = true)), headerMs: 40 })
    const call = fetch('https://slow.example/')
    await until(() => isAsked)
    vi.advanceTimersByTime(40)
    await expect(call).rejects.toMatchObject({ code: 'TOOL_TIMEOUT', details: { limitMs: 40, sent: false } })
  })

  test('redirects share the time of the call', async () => {
    holdTime()
    await using server = await stubServer((request, response) => {
      if (request.url === '/') vi.advanceTimersByTime(30)
      if (request.url === '/') redirect(response, '/next')
      else vi.advanceTimersByTime(10)
    })
    await using fetch = guardedFetch({ allow: [server.host], headerMs: 40 })
    await expect(fetch(server.origin)).rejects.toEqual(failing('TOOL_TIMEOUT'))
    expect(server.arrivals).toHaveLength(2)
  })

  test('a body that never ends', async () => {
    holdTime()
    await using server = await stubServer((_request, response) => endless(response))
    await using fetch = guardedFetch({ allow: [server.host], maxBytes: Infinity, headerMs: 40, totalMs: 60 })
    const response = await fetch(server.origin)
    vi.advanceTimersByTime(59)
    const reader = response.body?.getReader()
    expect(await reader?.read()).toMatchObject({ done: false })
    vi.advanceTimersByTime(1)
    await expect(drain(() => reader?.read())).rejects.toEqual(failing('TOOL_TIMEOUT', 'did not end within 60 ms'))
    await until(() => server.open === 0)
  })

  test('an event stream has none where that was asked for, and the request accepts one', async () => {
    holdTime()
    await using server = await stubServer((_request, response) =>
      endless(response, { 'content-type': 'text/event-stream; charset=utf-8' }),
    )
    const options = { allow: [server.host], maxBytes: 100_000, totalMs: 50 }
    const headers = { accept: 'application/json, text/event-stream' }
    await using fetch = guardedFetch({ ...options, eventStreams: 'unlimited' })
    const reader = (await fetch(server.origin, { headers })).body?.getReader()
    vi.advanceTimersByTime(1_000_000)
    for (let bytes = 0; bytes < 1_000_000;) bytes += (await reader?.read())?.value?.length ?? 0
    await reader?.cancel()
    await until(() => server.open === 0)
    await expect((await fetch(server.origin)).text()).rejects.toEqual(failing('PAYLOAD_TOO_LARGE'))
    await using plain = guardedFetch(options)
    await expect((await plain(server.origin, { headers })).text()).rejects.toEqual(failing('PAYLOAD_TOO_LARGE'))
  })
})

describe('limits of size', () => {
  test('a head that never ends', async () => {
    await using server = await rawServer(floodHead)
    await using fetch = guardedFetch({ allow: [server.host] })
    await expect(fetch(server.origin)).rejects.toEqual(failing('PAYLOAD_TOO_LARGE', '16384 bytes'))
    await until(() => server.open === 0)
  })

  test('a body that never ends', async () => {
    await using server = await stubServer((_request, response) => endless(response))
    await using fetch = guardedFetch({ allow: [server.host], maxBytes: 100_000 })
    await expect((await fetch(server.origin)).text()).rejects.toEqual(failing('PAYLOAD_TOO_LARGE', '100000 bytes'))
    await until(() => server.open === 0)
  })

  test('a body that says beforehand that it is too long', async () => {
    await using server = await stubServer(
      (_request, response) => void response.writeHead(200, { 'content-length': '101' }).write('x'),
    )
    await using fetch = guardedFetch({ allow: [server.host], maxBytes: 100 })
    await expect(fetch(server.origin)).rejects.toEqual(failing('PAYLOAD_TOO_LARGE'))
    await until(() => server.open === 0)
  })

  test('a body that unpacks into too much', async () => {
    await using server = await stubServer((_request, response) => gzipBomb(response))
    await using fetch = guardedFetch({ allow: [server.host], maxBytes: 1_000_000 })
    await expect((await fetch(server.origin)).json()).rejects.toEqual(failing('PAYLOAD_TOO_LARGE', '1000000 bytes'))
  })
})

describe('the end of a call', () => {
  test('an abort before, at the head and in the body gives its reason, and closes the connection', async () => {
    await using server = await stubServer((request, response) => {
      if (request.url === '/body') endless(response)
    })
    await using fetch = guardedFetch({ allow: [server.host], maxBytes: Infinity })
    const reason = { why: 'enough' }
    await expect(fetch(server.origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(server.connections).toBe(0)
    const atHead = new AbortController()
    const waiting = fetch(`${server.origin}/head`, { signal: atHead.signal })
    await until(() => server.arrivals.length === 1)
    atHead.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    const inBody = new AbortController()
    const reader = (await fetch(`${server.origin}/body`, { signal: inBody.signal })).body?.getReader()
    await reader?.read()
    inBody.abort(reason)
    await expect(drain(() => reader?.read())).rejects.toBe(reason)
    await until(() => server.open === 0)
  })

  test('an abort while a name is looked up or a body is sent', async () => {
    await using lost = guardedFetch({ resolve: () => new Promise(() => {}) })
    const looking = new AbortController()
    const first = lost('https://slow.example/', { signal: looking.signal })
    looking.abort('enough')
    await expect(first).rejects.toBe('enough')
    await using server = await stubServer((_request, response) => json(response, 'never'))
    await using fetch = guardedFetch({ allow: [server.host] })
    const sending = new AbortController()
    let isCancelled = false
    const body = new ReadableStream({
      pull: (stream) => stream.enqueue(new Uint8Array(1000)),
      cancel: () => void (isCancelled = true),
    })
    const second = fetch(server.origin, { method: 'POST', body, signal: sending.signal })
    await until(() => server.open === 1)
    sending.abort('enough')
    await expect(second).rejects.toBe('enough')
    await until(() => server.open === 0 && isCancelled)
    expect(server.arrivals).toEqual([])
  })

  test('no listener stays at a signal that lives on', async () => {
    await using server = await stubServer((_request, response) => json(response, 'done'))
    await using fetch = guardedFetch({ allow: [server.host] })
    const { signal } = new AbortController()
    let heard = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = ((...all: Parameters<typeof add>) => (heard++, add(...all))) as typeof add
    signal.removeEventListener = ((...all: Parameters<typeof remove>) => (heard--, remove(...all))) as typeof remove
    await (await fetch(server.origin, { signal })).json()
    await (await fetch(new Request(server.origin), { signal })).body?.cancel()
    await fetch('https://127.0.0.1', { signal }).catch(() => {})
    expect(heard).toBe(0)
  })

  test('disposing breaks off what is under way, and refuses what comes after', async () => {
    await using server = await stubServer((request, response) => {
      if (request.url === '/body') endless(response)
    })
    const fetch = guardedFetch({ allow: [server.host] })
    const waiting = fetch(server.origin)
    const response = await fetch(`${server.origin}/body`)
    await until(() => server.arrivals.length === 2)
    await fetch[Symbol.asyncDispose]()
    await expect(waiting).rejects.toEqual(failing('TOOL_UNAVAILABLE', 'disposed'))
    await expect(response.text()).rejects.toEqual(failing('TOOL_UNAVAILABLE', 'disposed'))
    await expect(fetch(server.origin)).rejects.toEqual(failing('TOOL_UNAVAILABLE', 'disposed'))
    await until(() => server.open === 0)
  })

  test('nobody there, and no such name: nothing was sent', async () => {
    const gone = await stubServer(() => {})
    await gone[Symbol.asyncDispose]()
    await using fetch = guardedFetch({
      allow: [gone.host],
      resolve: () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })),
    })
    for (const [url, why] of [
      [gone.origin, 'ECONNREFUSED'],
      ['https://nowhere.example/', 'ENOTFOUND'],
    ] as const) {
      await expect(fetch(url, { method: 'POST', body: 'x' })).rejects.toMatchObject({
        code: 'TOOL_UNAVAILABLE',
        message: expect.stringContaining(why),
        details: { sent: false },
        retryable: true,
      })
    }
  })

  test.each([
    ['GET', 'TOOL_UNAVAILABLE'],
    ['PUT', 'TOOL_UNAVAILABLE'],
    ['POST', 'EFFECT_UNKNOWN'],
    ['PATCH', 'EFFECT_UNKNOWN'],
  ])('a connection that breaks before the head: %s is %s', async (method, code) => {
    await using server = await stubServer((request) => void request.socket.destroy())
    await using fetch = guardedFetch({ allow: [server.host] })
    await expect(fetch(server.origin, { method })).rejects.toMatchObject({ code, details: { sent: true } })
    expect(server.arrivals).toHaveLength(1)
  })

  test.each([
    ['what is not HTTP', 'SSH-2.0-OpenSSH\r\n', 'not HTTP'],
    ['a status that is none', 'HTTP/1.1 999 Odd\r\n\r\n', 'status 999'],
    ['an unknown packing', 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\n\r\n', 'content-encoding'],
  ])('%s is TOOL_FAILED', async (_what, text, told) => {
    await using server = await rawServer((socket) => void socket.resume().end(text))
    await using fetch = guardedFetch({ allow: [server.host] })
    await expect(fetch(server.origin)).rejects.toEqual(failing('TOOL_FAILED', told))
  })

  test.each([
    ['in its middle', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'],
    ['in its packing', 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nhalf'],
  ])('a body that breaks off %s is TOOL_FAILED and may be asked for again', async (_what, text) => {
    await using server = await rawServer((socket) => void socket.resume().end(text))
    await using fetch = guardedFetch({ allow: [server.host] })
    await expect((await fetch(server.origin)).text()).rejects.toMatchObject({ code: 'TOOL_FAILED', retryable: true })
  })
})

async function drain(read: () => Promise<{ readonly done: boolean }> | undefined): Promise<void> {
  while ((await read())?.done === false);
}

describe('requests and answers', () => {
  const bodies: readonly (readonly [string, () => NonNullable<RequestInit['body']>, string])[] = [
    ['a text', () => 'grüße', 'grüße'],
    ['bytes', () => new TextEncoder().encode('bytes'), 'bytes'],
    ['form fields', () => new URLSearchParams({ a: '1 2' }), 'a=1+2'],
    ['a blob', () => new Blob(['blob']), 'blob'],
    ['a stream', () => new Blob(['stream']).stream(), 'stream'],
  ]
  test.each(bodies)('%s is sent as the body, whatever the method', async (what, bodyOf, text) => {
    await using server = await stubServer((_request, response) => json(response, 'done'))
    await using fetch = guardedFetch({ allow: [server.host] })
    for (const method of ['POST', 'PUT', 'DELETE']) await (await fetch(server.origin, { method, body: bodyOf() })).json()
    await (await fetch(new Request(server.origin, { method: 'POST', body: bodyOf(), duplex: 'half' }))).json()
    expect(server.arrivals.map(({ method, body }) => [method, body])).toEqual(
      ['POST', 'PUT', 'DELETE', 'POST'].map((method) => [method, text]),
    )
    expect(server.connections).toBe(1)
    expect(server.arrivals[2]?.headers['content-length'] !== undefined).toBe(what !== 'a stream')
  })

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ])('%s was not asked for, and is unpacked', async (name, pack) => {
    await using server = await stubServer((_request, response) =>
      response.writeHead(200, { 'content-encoding': name }).end(pack(Buffer.from('{"a":1}'))),
    )
    await using fetch = guardedFetch({ allow: [server.host] })
    const response = await fetch(server.origin)
    expect([await response.json(), response.headers.get('content-encoding')]).toEqual([{ a: 1 }, null])
    expect(server.arrivals).toMatchObject([{ headers: { 'accept-encoding': 'identity' } }])
  })

  test('a header that breaks the rules is refused without being repeated, one that frames the request is left out', async () => {
    await using server = await stubServer((_request, response) => json(response, 'done'))
    await using fetch = guardedFetch({ allow: [server.host] })
    for (const value of [`${SECRET}\r\nx-b: 1`, `${SECRET}\u0001`, `${SECRET}€`]) {
      const error = (await fetch(server.origin, { headers: { 'x-a': value } }).catch((thrown: unknown) => thrown)) as Error
      expect(error).toEqual(failing('OPTIONS_INVALID'))
      expect(error.message + String(error.cause)).not.toContain(SECRET)
    }
    expect(server.connections).toBe(0)
    const headers = { host: 'other.example', connection: 'x', 'transfer-encoding': 'chunked', 'content-length': '1', 'x-a': 'b' }
    await (await fetch(server.origin, { method: 'POST', body: 'body', headers })).json()
    expect(server.arrivals).toMatchObject([{ body: 'body', headers: { host: server.host, 'content-length': '4', 'x-a': 'b' } }])
  })

  test('answers without a body, and several cookies', async () => {
    await using server = await stubServer((request, response) => {
      if (request.method === 'HEAD') response.writeHead(200, { 'content-length': '999999999', 'content-encoding': 'gzip' }).end()
      else
        response
          .writeHead(
            204,
            'Nothing',
            [
              ['set-cookie', 'a=1'],
              ['set-cookie', 'b=2'],
            ].flat(),
          )
          .end()
    })
    await using fetch = guardedFetch({ allow: [server.host] })
    const response = await fetch(server.origin)
    expect([response.status, response.statusText, response.body]).toEqual([204, 'Nothing', null])
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await (await fetch(server.origin, { method: 'HEAD' })).text()).toBe('')
  })

  test('a body is not read ahead of its reader without end', async () => {
    let isFull = false
    await using server = await stubServer((_request, response) => {
      response.writeHead(200)
      const chunk = Buffer.alloc(1_048_576)
      for (let sent = 0; sent < 64 && !isFull; sent += 1) isFull = !response.write(chunk)
    })
    await using fetch = guardedFetch({ allow: [server.host], maxBytes: Infinity })
    const response = await fetch(server.origin)
    await until(() => isFull)
    await response.body?.cancel()
    await until(() => server.open === 0)
  })
})
