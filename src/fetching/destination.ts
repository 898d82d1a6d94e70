import type { LookupFunction } from 'node:net'
import { isIPv6 } from 'node:net'
import { OpspawnError } from '../core/index.ts'
import { type FetchSettings, keyOf, literalOf } from './options.ts'

/**
 * Reads the address of a call and checks what can be known before a name is looked up.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for what is no URL; `ADDRESS_REFUSED`
 */
export function requireDestination(text: string, settings: FetchSettings): URL {
  if (!URL.canParse(text)) throw new OpspawnError('OPTIONS_INVALID', 'the address to fetch is not a URL; give an absolute one')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw refused(`${url.protocol.slice(0, 40)} addresses are not fetched; use https`, 'protocol')
  }
  // Not repeated in the message: it is a secret.
  if (url.username !== '' || url.password !== '') {
    throw refused(`${url.origin} was called with a name or password in its address; send them in a header`, 'credentials')
  }
  if (url.protocol === 'http:' && !settings.isListed(keyOf(url))) {
    throw refused(`${url.origin} does not speak https; use https, or list "${keyOf(url)}" as allowed`, 'protocol')
  }
  const literal = literalOf(url)
  if (literal !== undefined) requireAddress(literal, url, settings)
  return url
}

/** @throws OpspawnError `ADDRESS_REFUSED` */
function requireAddress(address: string, url: URL, settings: FetchSettings): void {
  const kind = settings.judge(address)
  if (kind === 'public') return
  const isLiteral = literalOf(url) !== undefined
  if (settings.isListed(keyOf(url)) && (kind === 'private' || isLiteral)) return
  const what = isLiteral ? 'is not a public address' : 'leads to an address that is not public'
  const how =
    kind === 'never' && !isLiteral
      ? 'link-local, metadata and multicast addresses are never called by name'
      : `list "${keyOf(url)}" as allowed if it is meant`
  throw refused(`${url.origin} ${what}, nothing was sent; ${how}`, 'address')
}

/**
 * The look-up of one connection: the addresses that it gives were judged, and no other is connected to. One refused
 * address among several refuses the name.
 */
export function guardedLookup(url: URL, settings: FetchSettings, signal: AbortSignal): LookupFunction {
  return (hostname, { all }, callback) => {
    resolveAll(hostname, url, settings, signal).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
        const [first] = found
        if (all === true) callback(null, found)
        else callback(null, first?.address ?? '', first?.family)
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, ''),
    )
  }
}

async function resolveAll(hostname: string, url: URL, settings: FetchSettings, signal: AbortSignal): Promise<readonly string[]> {
  const addresses = await settings.resolve(hostname, { signal })
  if (!Array.isArray(addresses) || addresses.length === 0) throw new Error('the name has no address')
  for (const address of addresses) requireAddress(String(address), url, settings)
  return addresses
}

/** @param reason for programs: `protocol`, `credentials`, `address`, `redirect` */
export function refused(message: string, reason: string): OpspawnError {
  return new OpspawnError('ADDRESS_REFUSED', message, { details: { reason } })
}
