import type { CatalogTool } from '../catalog/server-catalog.ts'
import type { ToolSearch } from '../catalog/search.ts'
import type { McpCaller } from '../servers.ts'
import { fitsAny } from './access.ts'
import type { Workshop } from './workshop.ts'

/** Which tools somebody asks for. */
export interface ToolChoice {
  /** Names of servers. @default all */
  readonly servers?: readonly string[] | undefined
  /** Names as models see them, or patterns with `*`. @default all */
  readonly tools?: readonly string[] | undefined
}

/** What an agent sees of the servers: nothing else is there for it. */
export interface View {
  readonly servers: readonly string[]
  /** In a fixed order, without what is in quarantine. */
  readonly tools: readonly CatalogTool[]
  readonly search: ToolSearch
  /** By the name that models see, or the server's own name. */
  find(name: string, server?: string): CatalogTool | undefined
  isVisible(tool: CatalogTool): boolean
}

/** Who looks: rules may hide tools by name. */
export interface Viewer {
  /** `undefined`: the operator, who sees everything. */
  readonly agent: string | undefined
  readonly caller: McpCaller
  readonly isHidden?: ((tool: string) => boolean) | undefined
}

/** What is known now. */
export function viewFor({ catalog, servers, access }: Workshop, choice: ToolChoice, viewer: Viewer): View {
  const names = servers.names.filter(
    (server) =>
      (choice.servers ?? servers.names).includes(server) &&
      (viewer.agent === undefined || fitsAny(viewer.agent, access(server).agents)),
  )
  const joined = catalog.joined(names, viewer.caller)
  const isVisible = (tool: CatalogTool): boolean =>
    tool.quarantine === undefined && isChosen(tool, choice, access(tool.server).only) && viewer.isHidden?.(tool.id) !== true
  const tools = joined.tools.filter(isVisible)
  // A server of which nothing may be used is not there.
  const hasHidden = (server: string): boolean => catalog.peek(server, viewer.caller) !== undefined
  return {
    servers: names.filter((server) => !hasHidden(server) || tools.some((tool) => tool.server === server)),
    tools,
    search: joined.search,
    isVisible,
    find(name, server) {
      const byId = joined.byId.get(name)
      if (byId !== undefined) return isVisible(byId) ? byId : undefined
      // A server's own name will do where it means one tool.
      const [own, ...others] = tools.filter((tool) => tool.name === name && (server === undefined || tool.server === server))
      return others.length === 0 ? own : undefined
    },
  }
}

function isChosen({ id, name }: CatalogTool, { tools }: ToolChoice, only: readonly string[] | undefined): boolean {
  return fitsAny(name, only) && fitsAny(id, tools)
}
