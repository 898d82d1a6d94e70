import type { Extension, JsonObject, OperationOptions, Tool } from '../../core/index.ts'
import type { McpProblem } from './catalog/catalog.ts'
import { cleanText } from './catalog/clean-text.ts'
import { approve, callFromCode, changesOf, listed, type McpListedTool } from './operator.ts'
import { type McpToolOptions, requireToolOptions } from './options.ts'
import type { PinChange } from './pins/changes.ts'
import type { McpToolResult } from './port.ts'
import { createSessions, type McpSessions } from './sessions.ts'
import type { McpServers } from './servers.ts'
import { createBench } from './tools/create-bench.ts'
import { chooseTools, type McpToolChoice } from './tools/choose.ts'
import type { McpCall } from './tools/perform.ts'
import { workshopOf } from './tools/workshop.ts'

/**
 * A call from code, outside of a run: no rule is asked, nobody approves, nothing is recorded.
 *
 * @property principal Who it is for, at servers that know their users.
 */
export interface McpCodeCall extends OperationOptions, Pick<McpCall, 'onProgress' | 'meta'> {
  readonly principal?: string | undefined
}

/** MCP servers, as tools for agents. As a plugin of an orchestrator it registers their tools, and is closed with it. */
export interface Mcp extends Extension, AsyncDisposable, McpSessions {
  /** Tools for an agent's list. @throws OpspawnError `TOOL_UNAVAILABLE`, `OPTIONS_INVALID` */
  tools(choice?: McpToolChoice): Promise<readonly Tool[]>
  /** All tools as the operator sees them, those in quarantine included. Servers that cannot be reached are left out. */
  list(): Promise<readonly McpListedTool[]>
  /**
   * Calls a tool from code, and gives both halves of its result; one with `isError` is given, not thrown.
   *
   * @throws OpspawnError `TOOL_UNKNOWN`, `TOOL_CHANGED`, `TOOL_RATE_LIMITED`, `TOOL_UNAVAILABLE`, `TOOL_TIMEOUT`, `TOOL_OUTPUT_INVALID`
   */
  call(server: string, tool: string, input: JsonObject, options?: McpCodeCall): Promise<McpToolResult>
  /** What servers say of themselves, of those whose `instructions` are wanted: at most 512 characters each, without what is not seen. */
  instructions(): Promise<Readonly<Record<string, string>>>
  /** What differs from what was approved. @throws OpspawnError `TOOL_UNAVAILABLE`, `STORE_FAILED` */
  pinChanges(): Promise<readonly PinChange[]>
  /** Approves tools, by the names that models see, as they are now; `'all'` makes all pins anew. @throws OpspawnError `TOOL_UNKNOWN`, `STORE_FAILED` */
  approvePins(tools: 'all' | readonly string[]): Promise<readonly string[]>
  /** What was found wrong, the latest state of each server. */
  problems(): readonly McpProblem[]
  /** Where each connection stands. */
  states(): readonly JsonObject[]
  /** Closes all connections. Calls under way fail. */
  close(): Promise<void>
}

const MAX_INSTRUCTIONS = 512

/** Makes a handle over servers that somebody else connects to. @throws OpspawnError `OPTIONS_INVALID` */
export function createMcp(servers: McpServers, options: McpToolOptions): Mcp {
  requireToolOptions(options, servers.names)
  const { name = 'mcp', auto = {}, register = 'direct' } = options
  const workshop = workshopOf(servers, options)
  const { catalog, access } = workshop
  const bench = createBench(workshop)
  let restoring: Promise<void> | undefined
  const restored = (): Promise<void> => (restoring ??= catalog.restore())
  let closing: Promise<void> | undefined

  const mcp: Mcp = {
    spec: 'extension/1',
    name,
    ...createSessions(workshop),
    async tools(choice = {}) {
      await restored()
      return chooseTools(bench, choice, auto)
    },
    async setup(host) {
      for (const tool of await mcp.tools({ mode: register })) host.add(tool)
      return () => mcp.close()
    },
    async list() {
      await restored()
      return listed(workshop)
    },
    call: async (server, tool, input, { principal, ...call } = {}) =>
      callFromCode(workshop, server, tool, input, { ...call, agent: '', caller: { principal } }),
    async instructions() {
      const said = await Promise.all(
        servers.names
          .filter((server) => access(server).instructions === true)
          .map(
            async (server) => [server, cleanText((await catalog.load(server, {})).instructions ?? '', MAX_INSTRUCTIONS)] as const,
          ),
      )
      return Object.fromEntries(said.filter(([, text]) => text !== ''))
    },
    pinChanges: () => changesOf(workshop),
    approvePins: (tools) => approve(workshop, tools),
    problems: () => catalog.problems(),
    states: () => servers.states(),
    close: () =>
      (closing ??= (async () => {
        bench.seen.clear()
        catalog.close()
        await Promise.all([servers.close(), workshop.checker.close()])
      })()),
    [Symbol.asyncDispose]: () => mcp.close(),
  }
  return mcp
}
