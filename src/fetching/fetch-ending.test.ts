import { describe, expect, test } from 'vitest'
import { drain, failing, until } from '../../test/fixtures/fetch-outcomes.ts'
import { endless, json, rawServer, stubServer } from '../../test/fixtures/hostile-http.ts'
import { guardedFetch } from './index.ts'

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
