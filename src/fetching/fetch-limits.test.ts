import { afterEach, describe, expect, test, vi } from 'vitest'
import { drain, failing, until } from '../../test/fixtures/fetch-outcomes.ts'
import { endless, floodHead, gzipBomb, rawServer, redirect, stubServer } from '../../test/fixtures/hostile-http.ts'
import { guardedFetch } from './index.ts'

const SECRET = 'sk-very-secret'

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
