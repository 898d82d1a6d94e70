import { type CatalogTool, compare, type ServerCatalog } from './server-catalog.ts'

/** The tools of several servers under one roof. */
export interface JoinedCatalog {
  /** In the order of their ids: the same at every start. */
  readonly tools: readonly CatalogTool[]
  readonly byId: ReadonlyMap<string, CatalogTool>
  /** Names that two sources claim; neither is usable. */
  readonly clashes: readonly string[]
}

/** Joins catalogs. An id that two tools would have belongs to neither, so that none can stand before another. */
export function joinCatalogs(catalogs: readonly ServerCatalog[]): JoinedCatalog {
  const groups = Map.groupBy(
    catalogs.flatMap(({ tools }) => tools),
    ({ id }) => id,
  )
  const clashes: string[] = []
  const tools: CatalogTool[] = []
  for (const [id, [first, ...others]] of groups) {
    if (first === undefined) continue
    if (others.length === 0) tools.push(first)
    else {
      const sources = [first, ...others].map(({ server, name }) => `"${name}" of server "${server}"`).toSorted()
      clashes.push(`${sources.join(' and ')} would both be called ${id}; rename one of the servers`)
    }
  }
  tools.sort((left, right) => compare(left.id, right.id))
  return { tools, byId: new Map(tools.map((tool) => [tool.id, tool])), clashes: clashes.toSorted() }
}
