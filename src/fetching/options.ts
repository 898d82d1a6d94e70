import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { OperationOptions } from '../core/index.ts'
import { addressJudge, type JudgeAddress } from './addresses.ts'
import { checkOptions, LIMIT, LIST, oneOf, type OptionRule, WHOLE } from './check-options.ts'

/** What a guarded fetch may be told. Times are in milliseconds and begin with the call. */
export interface GuardedFetchOptions {
  /**
   * Hosts that may be called although they are private or speak plain http, as `host:port`, such as `localhost:8080` or
   * `[::1]:443`. Link-local, metadata and multicast addresses are allowed only by their own literal.
   *
   * @default none: https to public addresses alone
   */
  readonly allow?: readonly string[] | undefined
  /**
   * Which redirects are followed. To another origin go only `accept`, `accept-language`, `content-type` and `user-agent`, and
   * no body.
   *
   * @default 'same-origin'
   */
  readonly redirects?: 'none' | 'same-origin' | 'any-origin' | undefined
  /** Redirects of one call; one more is `ADDRESS_REFUSED`. @default 5 */
  readonly maxRedirects?: number | undefined
  /** Until the head of the answer is there: name, connection, request, redirects. @default 30_000 */
  readonly headerMs?: number | undefined
  /** Until the last byte of the answer. `Infinity`: no limit. @default 120_000 */
  readonly totalMs?: number | undefined
  /** Largest body of an answer in bytes, as it comes and as it unpacks. `Infinity`: no limit. @default 10_485_760 */
  readonly maxBytes?: number | undefined
  /** Largest head of an answer in bytes. @default 16_384 */
  readonly maxHeaderBytes?: number | undefined
  /**
   * `unlimited`: an answer of `text/event-stream` to a request whose `accept` names it has no limit of time and bytes. It is
   * never read ahead of its reader by more than 64 KiB.
   *
   * @default 'limited'
   */
  readonly eventStreams?: 'limited' | 'unlimited' | undefined
  /** Connections to one origin at once; further calls wait, and the wait counts. @default 32 */
  readonly connections?: number | undefined
  /** Certificates of authorities to trust besides those of the platform, as PEM. @default none */
  readonly ca?: readonly string[] | undefined
  /** Finds the addresses of a name. Each is judged, and the call connects to one of them. @default the platform's resolver */
  readonly resolve?: ResolveName | undefined
}

/** Gives the IP addresses of a host name. */
export type ResolveName = (hostname: string, options: OperationOptions) => Promise<readonly string[]>

/** The options, filled in. */
export interface FetchSettings {
  readonly isListed: (hostAndPort: string) => boolean
  readonly judge: JudgeAddress
  readonly redirects: 'none' | 'same-origin' | 'any-origin'
  readonly maxRedirects: number
  readonly headerMs: number
  readonly totalMs: number
  readonly maxBytes: number
  readonly maxHeaderBytes: number
  readonly eventStreams: 'limited' | 'unlimited'
  readonly connections: number
  readonly ca: readonly string[]
  readonly resolve: ResolveName
}

const TIME: OptionRule = {
  must: 'a whole number from 1 to 2147483647',
  fits: (value) => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= 2_147_483_647,
  code: 'LIMIT_INVALID',
}
const TIME_OR_NONE: OptionRule = { ...TIME, must: `${TIME.must} or Infinity`, fits: (v) => v === Infinity || TIME.fits(v) }
const RULES: Readonly<Record<keyof GuardedFetchOptions, OptionRule>> = {
  allow: {
    must: "a list of 'host:port', such as 'localhost:8080' or '[::1]:443'",
    fits: (value) => Array.isArray(value) && value.every((entry) => hostAndPort(entry) !== undefined),
  },
  redirects: oneOf('none', 'same-origin', 'any-origin'),
  maxRedirects: { must: 'a whole number from 0 to 20', fits: (v) => within(v, 0, 20), code: 'LIMIT_INVALID' },
  headerMs: TIME,
  totalMs: TIME_OR_NONE,
  maxBytes: LIMIT,
  maxHeaderBytes: { must: 'a whole number from 1 to 1048576', fits: (v) => within(v, 1, 1_048_576), code: 'LIMIT_INVALID' },
  eventStreams: oneOf('limited', 'unlimited'),
  connections: WHOLE,
  ca: { ...LIST, must: 'a list of PEM texts', fits: (v) => Array.isArray(v) && v.every((one) => typeof one === 'string') },
  resolve: { must: 'a function', fits: (value) => typeof value === 'function' },
}

/** Checks the options and fills them in. @throws OpspawnError `OPTIONS_INVALID`, `LIMIT_INVALID` */
export function settingsOf(options: GuardedFetchOptions): FetchSettings {
  checkOptions('guardedFetch', options, RULES)
  const listed = new Set(options.allow?.map(hostAndPort))
  return {
    isListed: (key) => listed.has(key),
    judge: addressJudge(),
    redirects: options.redirects ?? 'same-origin',
    maxRedirects: options.maxRedirects ?? 5,
    headerMs: options.headerMs ?? 30_000,
    totalMs: options.totalMs ?? 120_000,
    maxBytes: options.maxBytes ?? 10_485_760,
    maxHeaderBytes: options.maxHeaderBytes ?? 16_384,
    eventStreams: options.eventStreams ?? 'limited',
    connections: options.connections ?? 32,
    ca: options.ca ?? [],
    resolve: options.resolve ?? resolveByPlatform,
  }
}

async function resolveByPlatform(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address)
}

function within(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

/** An entry of the list in the one spelling in which URLs give hosts; `undefined` where it is none. */
function hostAndPort(entry: unknown): string | undefined {
  const [, host, port] = (typeof entry === 'string' && /^([^\s/?#@\\:]+|\[[\da-fA-F:.]+\]):(\d{1,5})$/.exec(entry)) || []
  if (host === undefined || !within(Number(port), 1, 65_535) || !URL.canParse(`http://${host}`)) return undefined
  return `${new URL(`http://${host}`).hostname}:${Number(port)}`
}

/** The host and port of an address, as the list has them. */
export function keyOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`
}

/** The IP address that stands in a URL in place of a name. */
export function literalOf({ hostname }: URL): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return isIP(bare) === 0 ? undefined : bare
}
