const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean'])
const MAX_DEPTH = 128

/**
 * What is wrong with the parameters that a tool wants to see in headers; undefined when nothing is. The protocol allows
 * `x-mcp-header` only at properties that are reached through `properties` alone, with a token that no other has, and wants
 * a tool dropped that does otherwise.
 */
export function headerProblem(inputSchema: unknown): string | undefined {
  const seen = new Set<string>()

  const visit = ({ node, path, isReachable, depth }: Place): string | undefined => {
    if (typeof node !== 'object' || node === null) return undefined
    if (depth > MAX_DEPTH) return `its input schema is deeper than ${MAX_DEPTH} levels`
    if (Object.hasOwn(node, 'x-mcp-header')) {
      const problem = annotationProblem(node, path, isReachable && path !== '', seen)
      if (problem !== undefined) return problem
    }
    return firstProblem(placesIn(node, path, isReachable, depth + 1), visit)
  }

  return visit({ node: inputSchema, path: '', isReachable: true, depth: 0 })
}

interface Place {
  readonly node: unknown
  readonly path: string
  readonly isReachable: boolean
  readonly depth: number
}

/** All schemas, and lists and maps of schemas, right below one. */
function placesIn(node: object, path: string, isReachable: boolean, depth: number): readonly Place[] {
  return Object.entries(node).flatMap(([key, value]): readonly Place[] => {
    if (DATA_KEYS.has(key)) return []
    const isMap = key === 'properties' && typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isMap) return [{ node: value, path: `${path}/${key}`, isReachable: false, depth }]
    const properties: readonly (readonly [string, unknown])[] = Object.entries(value as object)
    return properties.map(([name, child]) => ({ node: child, path: `${path}/${name}`, isReachable, depth }))
  })
}

/** Members that hold values, in which an annotation has no meaning. */
const DATA_KEYS: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples', 'x-mcp-header', 'required'])

function firstProblem<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const problem = find(item)
    if (problem !== undefined) return problem
  }
  return undefined
}

function annotationProblem(node: object, path: string, isAllowed: boolean, seen: Set<string>): string | undefined {
  const { 'x-mcp-header': header, type } = node as { readonly 'x-mcp-header'?: unknown; readonly type?: unknown }
  if (!isAllowed) return `x-mcp-header stands at ${path || 'the root'}, where it may not stand`
  if (typeof header !== 'string' || !TOKEN.test(header)) return `x-mcp-header of ${path} is not a header's name`
  if (!TYPES.has(type)) {
    return `x-mcp-header stands at ${path}, which is not a string, integer or boolean`
  }
  const name = header.toLowerCase()
  if (seen.has(name)) return `x-mcp-header ${JSON.stringify(header)} stands twice`
  seen.add(name)
  return undefined
}
