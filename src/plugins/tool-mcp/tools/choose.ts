import { OpspawnError, type Tool } from '../../../core/index.ts'
import type { CatalogTool } from '../catalog/server-catalog.ts'
import { optionsInvalid } from '../faults.ts'
import type { McpAutoOptions } from '../options.ts'
import type { McpCaller } from '../servers.ts'
import { fitsAny, requireRow } from './access.ts'
import type { Bench } from './bench.ts'
import { type ToolChoice, viewFor } from './view.ts'

/** Which tools an agent gets, and in which way. */
export interface McpToolChoice extends ToolChoice {
  /**
   * `direct`: each tool by itself; `proxy`: the one tool `mcp`; `auto`: direct where they are few and small.
   *
   * @default 'auto'
   */
  readonly mode?: 'direct' | 'proxy' | 'auto' | undefined
  /** Names or patterns of tools that stay direct beside the proxy. @default none */
  readonly keep?: readonly string[] | undefined
  /** On whose behalf the servers are asked for their tools, where they know their users. */
  readonly principal?: string | undefined
}

const texts = [
  'a list of texts',
  (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string'),
] as const

/**
 * Tools for an agent's list.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for a server that is not configured; `TOOL_UNAVAILABLE` where of none of the servers
 * anything is known and none can be reached, or no tool is left
 */
export async function chooseTools(bench: Bench, options: McpToolChoice, auto: McpAutoOptions): Promise<readonly Tool[]> {
  requireChoice(options, bench.workshop.servers.names)
  const { mode = 'auto', keep, servers, tools, principal } = options
  const choice: ToolChoice = { servers, tools }
  const caller: McpCaller = { principal }
  const failures = await ask(bench, choice, caller)
  const found = visible(bench, choice, caller)
  const usable = found.filter(({ needsTask }) => !needsTask)
  if (mode === 'proxy' || (mode === 'auto' && !isSmall(usable, auto))) {
    const kept = keep === undefined ? [] : usable.filter(({ id }) => fitsAny(id, keep))
    return [bench.front(choice), ...kept.map((tool) => bench.give(tool))]
  }
  if (usable.length === 0) throw nothing(choice, failures)
  return [...usable.map((tool) => bench.give(tool)), bench.more]
}

/** Reads what is not known yet; which servers could not be read, and why. */
async function ask({ workshop: { catalog, servers } }: Bench, choice: ToolChoice, caller: McpCaller): Promise<readonly Error[]> {
  const wanted = (choice.servers ?? servers.names).filter((server) => catalog.peek(server, caller) === undefined)
  const asked = await Promise.allSettled(wanted.map((server) => catalog.load(server, caller)))
  return asked.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
}

/** Agents are told apart when they call: who puts a tool into an agent's list has chosen. */
function visible({ workshop }: Bench, choice: ToolChoice, caller: McpCaller): readonly CatalogTool[] {
  return viewFor(workshop, choice, { agent: undefined, caller }).tools
}

/** Whether tools may be shown one by one. */
function isSmall(tools: readonly CatalogTool[], { tools: most = 15, tokens = 4_000, count = roughly }: McpAutoOptions): boolean {
  if (tools.length > most) return false
  const text = tools.map(({ id, description, input }) => JSON.stringify({ name: id, description, parameters: input })).join('\n')
  return count(text) <= tokens
}

const roughly = (text: string): number => Math.ceil(text.length / 4)

function nothing({ servers, tools }: ToolChoice, failures: readonly Error[]): OpspawnError {
  const where = servers === undefined ? 'the MCP servers' : `MCP servers ${servers.join(', ')}`
  const which = tools === undefined ? '' : ` that fit ${tools.join(', ')}`
  const why = failures.map(({ message }) => message).join('; ') || 'see problems() of the handle'
  return new OpspawnError('TOOL_UNAVAILABLE', `${where} have no usable tools${which}: ${why}`, { cause: failures[0] })
}

function requireChoice(choice: McpToolChoice, names: readonly string[]): void {
  requireRow('mcp.tools', choice, {
    servers: texts,
    tools: texts,
    keep: texts,
    mode: ['"direct", "proxy" or "auto"', (value) => ['direct', 'proxy', 'auto'].includes(value as string)],
    principal: ['a text', (value) => typeof value === 'string'],
  })
  const unknown = choice.servers?.find((server) => !names.includes(server))
  if (unknown !== undefined)
    throw optionsInvalid(`mcp.tools: there is no server "${unknown}"; configured are ${names.join(', ')}`)
}
