import { type Json, type JsonObject, type OperationOptions, OpspawnError, toFailure } from '../../../core/index.ts'
import type { CatalogTool } from '../catalog/server-catalog.ts'
import { type Deadline, deadline } from '../deadline.ts'
import { toolFault } from '../faults.ts'
import type { McpCallOptions, McpConnection, McpContent, McpToolResult } from '../port.ts'
import type { McpCaller } from '../servers.ts'
import type { ToolTerms } from './access.ts'
import type { Workshop } from './workshop.ts'

/** One call, as it is made. */
export interface McpCall extends OperationOptions, Pick<McpCallOptions, 'onProgress' | 'meta'> {
  /** Whose rate it counts against. */
  readonly agent: string
  readonly caller: McpCaller
}

/**
 * Makes a call of a tool as it was shown: the connection is open, the definition is still the same and approved, the rate
 * allows it; then it is called once, and its result checked and rid of secrets.
 *
 * @throws OpspawnError `TOOL_CHANGED`, `TOOL_RATE_LIMITED`, `TOOL_UNAVAILABLE`, `TOOL_TIMEOUT`, `TOOL_OUTPUT_INVALID`,
 * `EFFECT_UNKNOWN`, and what the connection throws
 * @throws the reason of `call.signal`
 */
export async function performCall(
  workshop: Workshop,
  shown: CatalogTool,
  terms: ToolTerms,
  input: JsonObject,
  call: McpCall,
): Promise<McpToolResult> {
  const { servers, rates } = workshop
  const { server, name } = shown
  let isCounted = false
  const result = await inTime(workshop, shown, terms, call, (limit, way) =>
    servers.use(
      server,
      call.caller,
      async (connection) => {
        // A new connection may lead to another server.
        await requireSame(workshop, shown, call)
        if (!isCounted) rates.take(terms.rate, call.agent, server, name)
        isCounted = true
        return callOnce(workshop, shown, { connection, input, call, limit, way })
      },
      { signal: limit.signal },
    ),
  )
  const clean = masked(result, (text) => servers.mask(server, text))
  await requireValid(workshop, shown, clean)
  return clean
}

/** @throws OpspawnError `TOOL_CHANGED`, `TOOL_UNKNOWN` */
async function requireSame({ catalog }: Workshop, shown: CatalogTool, { caller, signal }: McpCall): Promise<void> {
  const find = (tools: readonly CatalogTool[]): CatalogTool | undefined => tools.find(({ name }) => name === shown.name)
  let now = find((await catalog.load(shown.server, caller, { signal })).tools)
  if (now === undefined)
    throw toolFault('TOOL_CHANGED', `${shown.id} was not called: MCP server "${shown.server}" has no such tool any more`)
  if (now.pin !== shown.pin) throw changedSince(shown)
  if (now.quarantine !== undefined) now = find((await catalog.judgeAgain(shown.server, caller)).tools)
  if (now?.quarantine !== undefined)
    throw toolFault('TOOL_CHANGED', `${shown.id} was not called: ${now.quarantine}`, { tool: shown.id })
}

/** A call of a definition that is another one now. */
export function changedSince({ id }: CatalogTool): OpspawnError {
  const text = `${id} was not called: its definition has changed since it was shown; look at it again, and call it as it is now`
  return toolFault('TOOL_CHANGED', text, { tool: id })
}

/** Holds a call to its time, and puts into words what is not in ours. */
async function inTime<T>(
  { servers, clock, maxCallMs }: Workshop,
  { server, name }: CatalogTool,
  { effect, timeoutMs }: ToolTerms,
  { signal }: McpCall,
  act: (limit: Deadline, way: Way) => Promise<T>,
): Promise<T> {
  const way: Way = { isSent: false }
  const limit = deadline(clock, { ms: timeoutMs, hardMs: maxCallMs }, signal, (ms) => {
    const text = `"${name}" of MCP server "${server}" did not finish within ${ms} ms`
    if (effect !== 'unsafe' || !way.isSent) return new OpspawnError('TOOL_TIMEOUT', text)
    return new OpspawnError('EFFECT_UNKNOWN', `${text}; whether its effect happened is not known, do not repeat it blindly`)
  })
  try {
    return await act(limit, way)
  } catch (error) {
    if (OpspawnError.is(error) || error === signal?.reason) throw error
    const why = servers.mask(server, toFailure(error, 'TOOL_FAILED').message)
    throw toolFault('TOOL_FAILED', `"${name}" of MCP server "${server}" failed: ${why}`, undefined, error)
  } finally {
    limit.end()
  }
}

/** How far a call has come. */
interface Way {
  isSent: boolean
}

interface Once {
  readonly connection: McpConnection
  readonly input: JsonObject
  readonly call: McpCall
  readonly limit: Deadline
  readonly way: Way
}

async function callOnce(
  { places }: Workshop,
  { server, name }: CatalogTool,
  { connection, input, call, limit, way }: Once,
): Promise<McpToolResult> {
  const room = places.get(server)
  await room?.take(limit.signal)
  try {
    const { signal } = limit
    way.isSent = true
    return await connection.callTool(name, input, {
      signal,
      meta: call.meta,
      onProgress: (progress) => {
        limit.extend()
        call.onProgress?.(progress)
      },
    })
  } finally {
    room?.give()
  }
}

/** What the server says it gives is checked where it says so; an error's data is nobody's promise. */
async function requireValid({ checker }: Workshop, { id, output }: CatalogTool, result: McpToolResult): Promise<void> {
  if (output === undefined || result.isError) return
  const what = `the result of ${id}`
  if (result.structuredContent === undefined)
    throw toolFault('TOOL_OUTPUT_INVALID', `${what} has no structured content, although the tool declares its form`)
  const issues = await checker.check(output, result.structuredContent, what)
  if (issues.length === 0) return
  const shown = issues.slice(0, 5).map(({ path, message }) => `${path}: ${message}`)
  throw toolFault('TOOL_OUTPUT_INVALID', `${what} does not fit the form that the tool declares: ${shown.join('; ')}`)
}

/** Texts with the secrets of the server's configuration taken out. */
function masked(result: McpToolResult, mask: (text: string) => string): McpToolResult {
  const { structuredContent } = result
  return {
    ...result,
    content: result.content.map((one) => maskedContent(one, mask)),
    ...(structuredContent === undefined ? undefined : { structuredContent: maskedJson(structuredContent, mask) }),
  }
}

function maskedContent(content: McpContent, mask: (text: string) => string): McpContent {
  if (content.type === 'text') return { ...content, text: mask(content.text) }
  if (content.type === 'resource') {
    const { text } = content.resource
    return text === undefined ? content : { ...content, resource: { ...content.resource, text: mask(text) } }
  }
  return content.type === 'unknown' ? { ...content, value: maskedJson(content.value, mask) } : content
}

function maskedJson(value: Json, mask: (text: string) => string): Json {
  const text = JSON.stringify(value)
  const clean = mask(text)
  if (clean === text) return value
  return JSON.parse(text, (_key, item: unknown) => (typeof item === 'string' ? mask(item) : item)) as Json
}
