import type { Tool, ToolContext, ToolLabel } from '../../../core/index.ts'
import type { CatalogTool } from '../catalog/server-catalog.ts'
import type { Seen } from './seen.ts'
import type { ToolChoice } from './view.ts'
import type { Workshop } from './workshop.ts'

/** Makes tools, each once: the same definition gives the same tool. */
export interface Bench {
  readonly workshop: Workshop
  readonly seen: Seen
  /** The rest of a cut result. */
  readonly more: Tool
  /** A server's tool as one of ours: the one that was given out, where one was. */
  direct(tool: CatalogTool): Tool
  /** Gives it out for good: agents are defined by it, so it stays what it is, and its calls are refused once it has changed. */
  give(tool: CatalogTool): Tool
  /** The tool in front of all of a choice. */
  front(choice: ToolChoice): Tool
  /** Reads resources of a server, or lists them. */
  reader(server: string): Tool
  /** Asks those servers of which nothing is known yet; one that fails is left out. */
  known(choice: ToolChoice, context: Pick<ToolContext, 'caller' | 'signal'>): Promise<void>
}

/** Labels that results of some servers may have. */
export function labelsOf({ workshop }: Bench, servers: readonly string[]): readonly ToolLabel[] {
  const all = servers.flatMap((server) => {
    const { labels = ['untrusted'], tools = {} } = workshop.access(server)
    return [...labels, ...Object.values(tools).flatMap((own) => own.labels ?? [])]
  })
  return [...new Set(all)].filter((label) => label !== 'outbound').toSorted()
}
