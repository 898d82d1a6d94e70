import { OpspawnError, type ToolEffectClass, type ToolLabel } from '../../../core/index.ts'
import type { CatalogTool } from '../catalog/server-catalog.ts'
import { isObject, optionsInvalid } from '../faults.ts'
import type { McpResultForm } from '../results/shape.ts'

/**
 * Calls of one tool by one agent: at most `calls` at once, and as many again in `perMs` milliseconds.
 *
 * @property calls A whole number above 0.
 * @property perMs Milliseconds.
 */
export type McpRate = Readonly<{ calls: number; perMs: number }>

/**
 * What the operator says of a tool; what is not said is as the server's row says.
 *
 * @property result What of a result becomes the tool's value.
 * @property rate Most calls for each agent in a span of time.
 */
export interface McpToolAccess {
  /** What running it does. @default 'unsafe'; for a tool of a trusted server that says that it only reads, the server's `readOnly` */
  readonly effect?: Exclude<ToolEffectClass, 'transactional'>
  /** What it does with data. @default those of the server */
  readonly labels?: readonly ToolLabel[]
  /** Whether each call waits for a person. */
  readonly approval?: boolean
  readonly result?: McpResultForm
  readonly rate?: McpRate
  /** Longest call without progress, in milliseconds. */
  readonly timeoutMs?: number
}

/** What the operator says of a server and its tools. */
export interface McpAccess {
  /** The hints of its tools are believed. @default the `trust` of its configuration */
  readonly trusted?: boolean
  /** Agents that may see it, by name or pattern with `*`; for others it is not there. @default all */
  readonly agents?: readonly string[]
  /** Tools that are used, by the server's own names or patterns with `*`. @default all */
  readonly only?: readonly string[]
  /** Class of tools that only read, on a trusted server. @default 'pure' */
  readonly readOnly?: 'pure' | 'idempotent'
  /** Of all its tools. @default `untrusted`; with `outbound` where the server is not trusted, or a tool says that it reaches out */
  readonly labels?: readonly ToolLabel[]
  /** `auto`: all but tools that only read on a trusted server wait for a person. @default 'auto' */
  readonly approval?: 'auto' | 'always' | 'never'
  /** What of a result becomes the tool's value. @default 'content' */
  readonly result?: McpResultForm
  /** @default none */
  readonly rate?: McpRate
  /** Calls of this server at once, in this process. @default no limit */
  readonly concurrency?: number
  /** Longest call without progress, in milliseconds. @default `limits.callTimeoutMs` of its configuration */
  readonly timeoutMs?: number
  /** `mcp.instructions()` gives what the server says of itself. @default false */
  readonly instructions?: boolean
  /** By the server's own names of tools. */
  readonly tools?: Readonly<Record<string, McpToolAccess>>
}

/** All that is settled about a tool. */
export interface ToolTerms {
  readonly effect: ToolEffectClass
  readonly labels: readonly ToolLabel[]
  readonly approval: boolean
  readonly result: McpResultForm
  readonly rate: McpRate | undefined
  readonly timeoutMs: number
}

const DEFAULT_CALL_MS = 60_000

/** What holds for a tool: the operator's word first, the server's only where it is trusted, the careful default last. */
export function termsOf({ name, hints }: Pick<CatalogTool, 'name' | 'hints'>, access: McpAccess): ToolTerms {
  const { trusted: isTrusted = false, readOnly = 'pure', approval = 'auto', tools = {} } = access
  const own = (Object.hasOwn(tools, name) ? tools[name] : undefined) ?? {}
  const onlyReads = isTrusted && hints['readOnlyHint'] === true
  const reachesOut = hints['openWorldHint'] === true
  return {
    effect: first(own.effect, onlyReads ? readOnly : 'unsafe'),
    labels: first(own.labels, access.labels, defaultLabels(isTrusted, reachesOut)),
    approval: first(own.approval, approval === 'always' || (approval === 'auto' && !onlyReads)),
    result: first(own.result, access.result, 'content'),
    rate: first(own.rate, access.rate, undefined),
    timeoutMs: first(own.timeoutMs, access.timeoutMs, DEFAULT_CALL_MS),
  }
}

/** The first that is given; the last one stands for none. */
function first<T, L>(...values: readonly [...(T | undefined)[], L]): T | L {
  return values.find((value) => value !== undefined) as T | L
}

function defaultLabels(isTrusted: boolean, reachesOut: boolean): readonly ToolLabel[] {
  return isTrusted && !reachesOut ? ['untrusted'] : ['untrusted', 'outbound']
}

/** Whether a name fits one of the patterns, in which `*` stands for any characters; without patterns every name does. */
export function fitsAny(name: string, patterns: readonly string[] | undefined): boolean {
  return patterns === undefined || patterns.some((pattern) => fits(name, pattern))
}

function fits(name: string, pattern: string): boolean {
  const [first = '', ...others] = pattern.split('*')
  if (others.length === 0) return name === pattern
  const last = others.pop() as string
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const piece of others) {
    const found = name.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}

type Check = readonly [must: string, fits: (value: unknown) => boolean]

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0
const oneOf = (...names: readonly unknown[]): Check => [
  names.map((name) => JSON.stringify(name)).join(' or '),
  (value) => names.includes(value),
]
const LABELS = ['private', 'untrusted', 'outbound']
const TEXTS: Check = ['a list of texts', (value) => Array.isArray(value) && value.every((one) => typeof one === 'string')]
const WHOLE: Check = ['a whole number above 0', isWhole]
const COMMON: Readonly<Record<'labels' | 'result' | 'rate' | 'timeoutMs', Check>> = {
  labels: [
    `a list of ${LABELS.join(', ')}`,
    (value) => Array.isArray(value) && value.every((one) => LABELS.includes(one as string)),
  ],
  result: oneOf('content', 'structured', 'both'),
  rate: [
    '{ calls, perMs }, both whole numbers above 0',
    (value) => isObject(value) && Object.keys(value).length === 2 && isWhole(value['calls']) && isWhole(value['perMs']),
  ],
  timeoutMs: WHOLE,
}
const TOOL_CHECKS: Readonly<Record<keyof McpToolAccess, Check>> = {
  ...COMMON,
  effect: oneOf('pure', 'idempotent', 'unsafe'),
  approval: oneOf(true, false),
}
const SERVER_CHECKS: Readonly<Record<keyof McpAccess, Check>> = {
  ...COMMON,
  trusted: oneOf(true, false),
  agents: TEXTS,
  only: TEXTS,
  readOnly: oneOf('pure', 'idempotent'),
  approval: oneOf('auto', 'always', 'never'),
  concurrency: WHOLE,
  instructions: oneOf(true, false),
  tools: ['an object', isObject],
}

/** @throws OpspawnError `OPTIONS_INVALID` naming server, tool and member */
export function requireAccess(access: Readonly<Record<string, McpAccess>>, servers: readonly string[]): void {
  if (!isObject(access)) throw optionsInvalid('mcp: access must be an object')
  for (const [server, row] of Object.entries(access)) {
    if (!servers.includes(server))
      throw optionsInvalid(`mcp: access names server "${server}", which is not configured; configured are ${servers.join(', ')}`)
    requireRow(`mcp: access of server "${server}"`, row, SERVER_CHECKS)
    for (const [tool, own] of Object.entries(row.tools ?? {}))
      requireRow(`mcp: access of tool "${tool}" of server "${server}"`, own, TOOL_CHECKS)
  }
}

/** Checks an object of options against a table of its members. @throws OpspawnError `OPTIONS_INVALID` */
export function requireRow(where: string, row: unknown, checks: Readonly<Record<string, Check>>): void {
  if (!isObject(row)) throw optionsInvalid(`${where} must be an object`)
  for (const [member, value] of Object.entries(row)) {
    const check = Object.hasOwn(checks, member) ? checks[member] : undefined
    if (check === undefined)
      throw new OpspawnError(
        'OPTIONS_INVALID',
        `${where} has no member "${member}"; it may have ${Object.keys(checks).join(', ')}`,
      )
    if (value !== undefined && !check[1](value)) throw optionsInvalid(`${where}: ${member} must be ${check[0]}`)
  }
}
