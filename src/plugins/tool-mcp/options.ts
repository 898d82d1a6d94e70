import type { Clock } from '../../core/index.ts'
import type { McpProblem } from './catalog/catalog.ts'
import type { McpCatalogStore } from './catalog/catalog-store.ts'
import { isObject, optionsInvalid } from './faults.ts'
import type { McpPinMode } from './pins/pin-keeper.ts'
import type { McpPinStore } from './pins/pin-store.ts'
import type { McpArtifacts } from './results/artifacts.ts'
import { type McpAccess, requireAccess, requireRow } from './tools/access.ts'

/** How servers' definitions are held to what was approved. */
export interface McpPinOptions {
  /** @default 'off' */
  readonly mode: McpPinMode
  /** A file, such as `mcp.lock.json`, or a store of your own. @default 'mcp.lock.json' */
  readonly store?: string | McpPinStore
}

/** Where tools become too many to be shown one by one. */
export interface McpAutoOptions {
  /** @default 15 */
  readonly tools?: number
  /** Of all definitions together; by default 2 % of a context of 200,000. @default 4_000 */
  readonly tokens?: number
  /** Counts the tokens of a text. @default one for four characters */
  readonly count?: (text: string) => number
}

/**
 * What tools are made with, besides the servers.
 *
 * @property pins Whether definitions are held to what was approved. @default off
 * @property auto When `mode: 'auto'` goes over to one tool in front.
 * @property clock For rates and deadlines. @default the system's
 */
export interface McpToolOptions {
  /** Unique among the extensions of an orchestrator; the tool in front is called so. @default 'mcp' */
  readonly name?: string
  /** What the operator says of servers and their tools, by the servers' names. What is not said is careful. */
  readonly access?: Readonly<Record<string, McpAccess>>
  /** Which tools are registered where the handle is a plugin. @default 'direct' */
  readonly register?: 'direct' | 'proxy'
  readonly pins?: McpPinOptions
  readonly auto?: McpAutoOptions
  /** A file, or a store of your own, for definitions: tools are then there before a connection. @default none */
  readonly catalog?: string | McpCatalogStore
  /** Definitions of servers that know their users are kept too, for each principal alone, under their names. @default false */
  readonly catalogPersonal?: boolean
  /** Where the rest of cut results, and binary ones, are kept. @default in this process, 64 MiB */
  readonly artifacts?: McpArtifacts
  /** Text of a result that becomes a tool's value, in bytes. @default 65_536 */
  readonly maxResultBytes?: number
  /** Longest call in milliseconds, however much progress it makes. @default 600_000 */
  readonly maxCallMs?: number
  /** Longest check of a value against a server's schema, in milliseconds. @default 1_000 */
  readonly checkMs?: number
  /** Told of each problem once: a definition that cannot be used, pins that do not hold. Must not throw. @default nobody */
  readonly onProblem?: (problem: McpProblem) => void
  readonly clock?: Clock
}

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0
const whole = ['a whole number above 0', isWhole] as const
const aFunction = ['a function', (value: unknown): boolean => typeof value === 'function'] as const
const object = ['an object', isObject] as const
const place = [
  'a path or a store',
  (value: unknown): boolean => (typeof value === 'string' && value !== '') || isObject(value),
] as const

/** The members of {@link McpToolOptions}. */
export const TOOL_OPTION_CHECKS: Readonly<
  Record<keyof McpToolOptions, readonly [must: string, fits: (value: unknown) => boolean]>
> = {
  name: [
    '1 to 50 letters, digits, _ or -',
    (value) => typeof value === 'string' && /^[A-Za-z0-9_][A-Za-z0-9_-]{0,49}$/.test(value),
  ],
  access: object,
  register: ['"direct" or "proxy"', (value) => value === 'direct' || value === 'proxy'],
  pins: object,
  auto: object,
  catalog: place,
  catalogPersonal: ['true or false', (value) => typeof value === 'boolean'],
  artifacts: object,
  maxResultBytes: whole,
  maxCallMs: whole,
  checkMs: whole,
  onProblem: aFunction,
  clock: object,
}

/** Checks what was given. @throws OpspawnError `OPTIONS_INVALID` */
export function requireToolOptions(options: McpToolOptions, servers: readonly string[]): void {
  requireRow('mcp', options, TOOL_OPTION_CHECKS)
  if (options.access !== undefined) requireAccess(options.access, servers)
  if (options.pins !== undefined) {
    requireRow('mcp: pins', options.pins, {
      mode: ['off, warn, tofu or locked', (value) => ['off', 'warn', 'tofu', 'locked'].includes(value as string)],
      store: place,
    })
    if (options.pins.mode === undefined) throw optionsInvalid('mcp: pins needs a mode: off, warn, tofu or locked')
  }
  if (options.auto !== undefined) requireRow('mcp: auto', options.auto, { tools: whole, tokens: whole, count: aFunction })
}
