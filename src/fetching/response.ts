import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { OpspawnError } from '../core/index.ts'
import type { Call } from './call.ts'
import { bodyFault, tooLarge } from './faults.ts'

/** These have no body, whatever the connection carries. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])
/** What is read ahead of the reader. */
const AHEAD = 65_536

/**
 * Makes a platform `Response` of an answer. Its body comes as it is read, unpacked, never more than `maxBytes` of it; the
 * call ends with it.
 *
 * @throws OpspawnError `PAYLOAD_TOO_LARGE`, `TOOL_FAILED` for an answer that cannot be read
 */
export function responseOf(message: IncomingMessage, call: Call, method: string, maxBytes: number): Response {
  const status = message.statusCode ?? 0
  if (status < 200 || status > 599) throw unreadable(call, `status ${status}`)
  const headers = headersOf(message, call)
  const head = { status, statusText: (message.statusMessage ?? '').replaceAll(/[^\t\x20-\x7e]/g, ''), headers }
  if (method === 'HEAD' || BODILESS.has(status)) {
    const ignore = (): void => {}
    message
      .on('error', ignore)
      .on('close', () => call.end())
      .resume()
    return new Response(null, head)
  }
  if (Number(headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(call, maxBytes)
  const unpack = unpackerOf(headers, call)
  return new Response(bodyOf(message, unpack, call, maxBytes), head)
}

function headersOf({ rawHeaders }: IncomingMessage, call: Call): Headers {
  const headers = new Headers()
  try {
    for (let place = 0; place + 1 < rawHeaders.length; place += 2) {
      headers.append(rawHeaders[place] as string, rawHeaders[place + 1] as string)
    }
  } catch {
    throw unreadable(call, 'a header with an illegal name or value')
  }
  return headers
}

/** What unpacks the body, if it is packed; the headers then tell of it as it is read. */
function unpackerOf(headers: Headers, call: Call): Transform | undefined {
  const packed = headers.get('content-encoding')?.trim().toLowerCase() ?? ''
  if (packed === '' || packed === 'identity') return undefined
  for (const name of ['content-encoding', 'content-length']) headers.delete(name)
  switch (packed) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'br':
      return createBrotliDecompress()
    case 'deflate':
      return createInflate()
    case 'zstd':
      return createZstdDecompress()
    default:
      // Also a chain of them, which nobody honest sends.
      throw unreadable(call, 'a content-encoding that is not gzip, br, deflate or zstd')
  }
}

function unreadable(call: Call, what: string): OpspawnError {
  return new OpspawnError('TOOL_FAILED', `${call.name} answered with ${what}`, { details: { sent: true } })
}

function bodyOf(
  message: IncomingMessage,
  unpack: Transform | undefined,
  call: Call,
  maxBytes: number,
): ReadableStream<Uint8Array> {
  const source: Readable = unpack === undefined ? message : pipeline(message, unpack, () => {})
  let bytes = 0
  let isOver = false
  const finish = (): boolean => {
    if (isOver) return false
    isOver = true
    call.end()
    return true
  }
  const stop = (): void => {
    source.destroy()
    message.destroy()
  }
  const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const fail = (error: unknown): void => {
      if (!finish()) return
      controller.error(error)
      stop()
    }
    source.on('data', (chunk: Buffer) => {
      if (isOver) return
      bytes += chunk.length
      if (bytes > maxBytes) {
        fail(tooLarge(call, maxBytes))
        return
      }
      controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length))
      if ((controller.desiredSize ?? 0) <= 0) source.pause()
    })
    source.on('end', () => {
      if (finish()) controller.close()
    })
    source.on('error', (error) => fail(call.signal.aborted ? call.signal.reason : bodyFault(error, call)))
    source.on('close', () => fail(call.signal.aborted ? call.signal.reason : bodyFault(undefined, call)))
    call.signal.addEventListener('abort', () => fail(call.signal.reason), { once: true })
  }
  return new ReadableStream(
    {
      start,
      pull: () => void source.resume(),
      cancel: () => {
        finish()
        stop()
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: AHEAD }),
  )
}
