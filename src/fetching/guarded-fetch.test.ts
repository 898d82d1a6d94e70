import { describe, expect, test } from 'vitest'
import { failing } from '../../test/fixtures/fetch-outcomes.ts'
import { json, redirect, stubServer } from '../../test/fixtures/hostile-http.ts'
import { type GuardedFetch, guardedFetch, type GuardedFetchOptions } from './index.ts'

const SECRET = 'sk-very-secret'

/** A fetch in which every name leads to the given address. */
function leadingTo(address: string, options: GuardedFetchOptions = {}): GuardedFetch {
  return guardedFetch({ resolve: async () => [address], ...options })
}

describe('addresses', () => {
  test.each([
    ['a literal', (port: number) => `https://127.0.0.1:${port}/`],
    ['hexadecimal', (port: number) => `https://0x7f.1:${port}/`],
    ['one number', (port: number) => `https://2130706433:${port}/`],
    ['octal', (port: number) => `https://0177.0.0.1:${port}/`],
    ['short', (port: number) => `https://127.1:${port}/`],
    ['full-width digits', (port: number) => `https://１２７.0.0.1:${port}/`],
    ['mapped', (port: number) => `https://[::ffff:127.0.0.1]:${port}/`],
    ['IPv6', (port: number) => `https://[::1]:${port}/`],
    ['unspecified', (port: number) => `https://0.0.0.0:${port}/`],
    ['localhost', (port: number) => `https://localhost:${port}/`],
    ['plain http', (port: number) => `http://127.0.0.1:${port}/`],
  ])('%s of the loopback is refused, and no connection is made', async (_what, urlOf) => {
    await using server = await stubServer((_request, response) => json(response, 'reached'))
    await using fetch = guardedFetch()
    await expect(fetch(urlOf(server.port))).rejects.toEqual(failing('ADDRESS_REFUSED'))
    expect(server.connections).toBe(0)
  })

  test.each(['127.0.0.1', '::1', '10.0.0.1', '169.254.169.254', '0.0.0.0', '::ffff:7f00:1', 'fe80::1%lo', 'not an address'])(
    'a name that leads to %s is refused',
    async (address) => {
      await using server = await stubServer((_request, response) => json(response, 'reached'))
      await using fetch = leadingTo(address)
      await expect(fetch(`https://public.example:${server.port}/`)).rejects.toEqual(
        failing('ADDRESS_REFUSED', 'leads to an address that is not public'),
      )
      expect(server.connections).toBe(0)
    },
  )

  test('one private address among public ones refuses the name', async () => {
    await using fetch = guardedFetch({ resolve: async () => ['8.8.8.8', '127.0.0.1'] })
    await expect(fetch('https://both.example/')).rejects.toEqual(failing('ADDRESS_REFUSED'))
  })

  test('what was judged is connected to: a name is looked up once for a connection, and again for the next', async () => {
    await using server = await stubServer((_request, response) => json(response, 'reached', 200, { connection: 'close' }))
    const answers = ['127.0.0.1', '169.254.169.254']
    let asked = 0
    await using fetch = guardedFetch({
      allow: [`rebinding.example:${server.port}`],
      resolve: async () => [answers[asked++] ?? '0.0.0.0'],
    })
    const response = await fetch(`http://rebinding.example:${server.port}/`)
    expect([await response.json(), asked]).toEqual(['reached', 1])
    await expect(fetch(`http://rebinding.example:${server.port}/`)).rejects.toEqual(
      failing('ADDRESS_REFUSED', 'never called by name'),
    )
    expect([server.arrivals.length, asked]).toEqual([1, 2])
  })

  test('a listed host is called, at its port alone', async () => {
    await using server = await stubServer((_request, response) => json(response, 'reached'))
    await using other = await stubServer((_request, response) => json(response, 'reached'))
    await using fetch = guardedFetch({ allow: [`0x7f.1:${server.port}`] })
    expect(await (await fetch(server.origin)).json()).toBe('reached')
    await expect(fetch(other.origin)).rejects.toEqual(failing('ADDRESS_REFUSED', `list "${other.host}"`))
    expect(other.connections).toBe(0)
  })

  test.each([
    ['file:///etc/passwd', 'ADDRESS_REFUSED'],
    ['data:text/plain,hello', 'ADDRESS_REFUSED'],
    [`https://user:${SECRET}@example.com/`, 'ADDRESS_REFUSED'],
    ['/relative', 'OPTIONS_INVALID'],
  ])('%s is %s', async (url, code) => {
    await using fetch = guardedFetch()
    const error = await fetch(url).catch((thrown: unknown) => thrown)
    expect(error).toEqual(failing(code))
    expect((error as Error).message).not.toContain(SECRET)
  })
})

describe('redirects', () => {
  test('within an origin are followed, a 302 after a POST as a GET', async () => {
    await using server = await stubServer((request, response) =>
      request.url === '/' ? redirect(response, '/next') : json(response, 'done'),
    )
    await using fetch = guardedFetch({ allow: [server.host] })
    const response = await fetch(server.origin, { method: 'POST', body: 'x', headers: { authorization: SECRET } })
    expect([await response.json(), response.url, response.redirected]).toEqual(['done', `${server.origin}/next`, true])
    expect(server.arrivals.map(({ method, path, body, headers }) => [method, path, body, headers.authorization])).toEqual([
      ['POST', '/', 'x', SECRET],
      ['GET', '/next', '', SECRET],
    ])
  })

  test('a 307 sends the body again, but not one that is a stream', async () => {
    await using server = await stubServer((request, response) =>
      request.url === '/' ? redirect(response, '/next', 307) : json(response, 'done'),
    )
    await using fetch = guardedFetch({ allow: [server.host] })
    await (await fetch(server.origin, { method: 'POST', body: new URLSearchParams({ a: '1' }) })).json()
    expect(server.arrivals.map(({ method, body }) => [method, body])).toEqual([
      ['POST', 'a=1'],
      ['POST', 'a=1'],
    ])
    const body = new Blob(['streamed']).stream()
    await expect(fetch(server.origin, { method: 'POST', body })).rejects.toEqual(failing('ADDRESS_REFUSED', 'stream'))
    expect(server.arrivals.slice(2).map((one) => one.body)).toEqual(['streamed'])
  })

  test('to another origin are refused, though it is listed', async () => {
    await using target = await stubServer((_request, response) => json(response, 'reached'))
    await using server = await stubServer((_request, response) => redirect(response, `${target.origin}/?q=${SECRET}`))
    await using fetch = guardedFetch({ allow: [server.host, target.host] })
    const error = await fetch(server.origin).catch((thrown: unknown) => thrown)
    expect(error).toEqual(failing('ADDRESS_REFUSED', target.origin))
    expect((error as Error).message).not.toContain(SECRET)
    expect(target.connections).toBe(0)
  })

  test.each(['same-origin', 'any-origin'] as const)('to a private address are refused with %s', async (redirects) => {
    await using target = await stubServer((_request, response) => json(response, 'reached'))
    for (const location of [`https://127.0.0.1:${target.port}/`, `https://inner.example:${target.port}/`, target.origin]) {
      await using server = await stubServer((_request, response) => redirect(response, location))
      await using fetch = leadingTo('127.0.0.1', { allow: [server.host], redirects })
      await expect(fetch(server.origin)).rejects.toEqual(failing('ADDRESS_REFUSED'))
    }
    expect(target.connections).toBe(0)
  })

  test('across origins carry no secret, and no body', async () => {
    await using last = await stubServer((_request, response) => json(response, 'done'))
    await using middle = await stubServer((_request, response) => redirect(response, last.origin))
    await using first = await stubServer((request, response) =>
      redirect(response, middle.origin, request.method === 'POST' ? 307 : 302),
    )
    await using fetch = guardedFetch({ allow: [first.host, middle.host, last.host], redirects: 'any-origin' })
    const headers = { authorization: SECRET, cookie: SECRET, 'x-api-key': SECRET, 'mcp-session-id': SECRET, accept: 'text/plain' }
    expect(await (await fetch(first.origin, { headers })).json()).toBe('done')
    expect(JSON.stringify(first.arrivals)).toContain(SECRET)
    for (const { arrivals } of [middle, last]) {
      expect(arrivals).toMatchObject([{ headers: { accept: 'text/plain' } }])
      expect(JSON.stringify(arrivals)).not.toContain(SECRET)
    }
    await expect(fetch(first.origin, { method: 'POST', body: SECRET, headers })).rejects.toEqual(
      failing('ADDRESS_REFUSED', 'body'),
    )
    expect(middle.arrivals).toHaveLength(1)
  })

  test('are counted, given as they came with manual, refused with error', async () => {
    await using server = await stubServer((_request, response) => redirect(response, '/again'))
    await using fetch = guardedFetch({ allow: [server.host], maxRedirects: 3 })
    await expect(fetch(server.origin)).rejects.toEqual(failing('ADDRESS_REFUSED', 'more than 3 times'))
    expect(server.arrivals).toHaveLength(4)
    const given = await fetch(server.origin, { redirect: 'manual' })
    expect([given.status, given.headers.get('location')]).toEqual([302, '/again'])
    await expect(fetch(server.origin, { redirect: 'error' })).rejects.toEqual(failing('ADDRESS_REFUSED'))
  })
})

test.each<[unknown, string, string]>([
  [{ allow: 'localhost:80' }, 'OPTIONS_INVALID', 'host:port'],
  [{ allow: ['localhost'] }, 'OPTIONS_INVALID', 'host:port'],
  [{ allow: ['localhost:0'] }, 'OPTIONS_INVALID', 'host:port'],
  [{ allow: ['http://localhost:80'] }, 'OPTIONS_INVALID', 'host:port'],
  [{ allow: ['*:80 '] }, 'OPTIONS_INVALID', 'host:port'],
  [{ redirects: 'all' }, 'OPTIONS_INVALID', "'any-origin'"],
  [{ maxRedirects: -1 }, 'LIMIT_INVALID', 'maxRedirects'],
  [{ headerMs: 0 }, 'LIMIT_INVALID', 'headerMs'],
  [{ headerMs: Infinity }, 'LIMIT_INVALID', 'headerMs'],
  [{ totalMs: 2 ** 31 }, 'LIMIT_INVALID', 'totalMs'],
  [{ maxBytes: 1.5 }, 'LIMIT_INVALID', 'maxBytes'],
  [{ maxHeaderBytes: 0 }, 'LIMIT_INVALID', 'maxHeaderBytes'],
  [{ eventStreams: true }, 'OPTIONS_INVALID', 'eventStreams'],
  [{ connections: 0 }, 'LIMIT_INVALID', 'connections'],
  [{ ca: [1] }, 'OPTIONS_INVALID', 'ca'],
  [{ resolve: 'dns' }, 'OPTIONS_INVALID', 'resolve'],
  [{ proxy: 'x' }, 'OPTIONS_INVALID', 'no member "proxy"'],
  [null, 'OPTIONS_INVALID', 'an object'],
])('wrong options are refused (%#)', (options, code, text) => {
  expect(() => guardedFetch(options as GuardedFetchOptions)).toThrow(failing(code, text) as Error)
})
