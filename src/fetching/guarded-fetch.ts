import { OpspawnError } from '../core/index.ts'
import { beginCall, type Call } from './call.ts'
import { refused, requireDestination } from './destination.ts'
import { type Connections, exchange, openConnections } from './exchange.ts'
import { type FetchSettings, type GuardedFetchOptions, settingsOf } from './options.ts'
import { type Outgoing, readRequest, redirected } from './request.ts'
import { responseOf } from './response.ts'

/** A `fetch` that goes only where it may. */
export interface GuardedFetch extends AsyncDisposable {
  /** As the platform's `fetch`; `init.redirect` of `manual` gives a redirect as it came, `error` refuses it. */
  (input: string | URL | Request, init?: RequestInit): Promise<Response>
}

type Redirect = NonNullable<RequestInit['redirect']>

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * Makes a `fetch` for addresses that a stranger may have named: https to public addresses alone unless a host is listed,
 * the address judged is the one connected to, redirects stay at their origin, and answers have limits of size and time.
 * Answers are not asked for packed; one that comes packed (gzip, br, deflate, zstd) is unpacked within the limit.
 *
 * It keeps connections of its own until it is disposed of, which breaks off what is under way. No message of it has a path,
 * a query or a header in it.
 *
 * A call, or the reading of its body, fails with `ADDRESS_REFUSED`, `TOOL_UNAVAILABLE` (nothing was sent, or the method may
 * be repeated), `EFFECT_UNKNOWN` (another one broke off without an answer), `TOOL_TIMEOUT`, `PAYLOAD_TOO_LARGE`,
 * `TOOL_FAILED` (an answer that broke off or cannot be read), `OPTIONS_INVALID` (no such request can be made). On abort it
 * fails with the signal's reason and closes the connection, also while a body comes.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID`
 */
export function guardedFetch(options: GuardedFetchOptions = {}): GuardedFetch {
  const settings = settingsOf(options)
  const connections = openConnections(settings)
  const open = new Set<Call>()
  let isClosed = false
  const closed = (): OpspawnError => new OpspawnError('TOOL_UNAVAILABLE', 'the fetch was disposed of', { retryable: false })
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    if (isClosed) throw closed()
    const url = requireDestination(input instanceof Request ? input.url : String(input), settings)
    const caller = init?.signal ?? (input instanceof Request ? input.signal : undefined)
    caller?.throwIfAborted()
    const request = await readRequest(input, init)
    if (isClosed) throw closed()
    const call = beginCall(`${request.method} ${url.origin}`, caller, settings, (ended) => open.delete(ended))
    open.add(call)
    try {
      return await follow(call, url, request, init?.redirect ?? 'follow', settings, connections)
    } catch (error) {
      // Closes the connection of an answer that nobody will read.
      call.abort(error)
      call.end()
      throw error
    }
  }
  return Object.assign(fetch, {
    [Symbol.asyncDispose]: async () => {
      isClosed = true
      for (const call of open) call.abort(closed())
      connections.close()
    },
  })
}

async function follow(
  call: Call,
  first: URL,
  firstRequest: Outgoing,
  redirect: Redirect,
  settings: FetchSettings,
  connections: Connections,
): Promise<Response> {
  let url = first
  let request = firstRequest
  for (let hops = 0; ; hops += 1) {
    const message = await exchange(call, url, request, settings, connections)
    const { statusCode = 0, headers } = message
    const { location } = headers
    if (redirect === 'manual' || !REDIRECTS.has(statusCode) || location === undefined) {
      const isUnlimited = isEventStream(request, headers['content-type'], settings)
      const response = responseOf(message, call, request.method, isUnlimited ? Infinity : settings.maxBytes)
      call.headCame(isUnlimited)
      return Object.defineProperties(response, { url: { value: url.href }, redirected: { value: hops > 0 } })
    }
    message.destroy()
    const to = targetOf(url, location, hops, redirect, settings)
    request = redirected(request, statusCode, url, to)
    url = to
  }
}

function isEventStream({ headers }: Outgoing, contentType: string | undefined, { eventStreams }: FetchSettings): boolean {
  const type = 'text/event-stream'
  return (
    eventStreams === 'unlimited' &&
    contentType?.toLowerCase().startsWith(type) === true &&
    headers.get('accept')?.toLowerCase().includes(type) === true
  )
}

/** Where a redirect leads. @throws OpspawnError `ADDRESS_REFUSED` */
function targetOf(from: URL, location: string, hops: number, redirect: Redirect, settings: FetchSettings): URL {
  if (redirect === 'error' || settings.redirects === 'none') {
    throw refused(`${from.origin} answered with a redirect, and none is followed here`, 'redirect')
  }
  if (hops >= settings.maxRedirects) {
    throw refused(`${from.origin} redirected more than ${settings.maxRedirects} times`, 'redirect')
  }
  if (!URL.canParse(location, from.href)) throw refused(`${from.origin} redirected to what is not an address`, 'redirect')
  const to = new URL(location, from)
  if (settings.redirects === 'same-origin' && to.origin !== from.origin) {
    throw refused(`${from.origin} redirected to another origin, ${to.origin.slice(0, 200)}; it was not followed`, 'redirect')
  }
  return requireDestination(to.href, settings)
}
