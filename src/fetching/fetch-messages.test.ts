import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { failing, until } from '../../test/fixtures/fetch-outcomes.ts'
import { json, stubServer } from '../../test/fixtures/hostile-http.ts'
import { guardedFetch } from './index.ts'

const SECRET = 'sk-very-secret'

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
