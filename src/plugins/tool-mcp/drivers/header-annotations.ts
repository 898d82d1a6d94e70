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

  const visit = (node: unknown, path: string, isReachable: boolean, depth: number): string | undefined => {
    if (typeof node !== 'object' || node === null) return undefined
    if (depth > MAX_DEPTH) return `its input schema is deeper than ${MAX_DEPTH} levels`
    const entries = Object.entries(node)
    const header = entries.find(([key]) => key === 'x-mcp-header')
    const problem = header && annotationProblem(header[1], node, path, isReachable && path !== '', seen)
    if (problem !== undefined) return problem
    for (const [key, value] of entries) {
      if (DATA_KEYS.has(key)) continue
      const found =
        key === 'properties' && typeof value === 'object' && value !== null && !Array.isArray(value)
          ? firstProblem(Object.entries(value), ([name, child]) => visit(child, `${path}/${name}`, isReachable, depth + 1))
          : visit(value, `${path}/${key}`, false, depth + 1)
      if (found !== undefined) return found
    }
    return undefined
  }

  return visit(inputSchema, '', true, 0)
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

function annotationProblem(
  header: unknown,
  node: object,
  path: string,
  isAllowed: boolean,
  seen: Set<string>,
): string | undefined {
  if (!isAllowed) return `x-mcp-header stands at ${path || 'the root'}, where it may not stand`
  if (typeof header !== 'string' || !TOKEN.test(header)) return `x-mcp-header of ${path} is not a header's name`
  if (!TYPES.has((node as { readonly type?: unknown }).type)) {
    return `x-mcp-header stands at ${path}, which is not a string, integer or boolean`
  }
  const name = header.toLowerCase()
  if (seen.has(name)) return `x-mcp-header ${JSON.stringify(header)} stands twice`
  seen.add(name)
  return undefined
}
