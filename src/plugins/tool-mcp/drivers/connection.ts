import { OpspawnError, type Json, type JsonObject, type OperationOptions } from '../../../core/index.ts'
import type { McpCallOptions, McpConnection, McpList, McpToolDefinition } from '../port.ts'
import type { WireFailures } from '../transports/wire-failures.ts'
import { connectionEnded, failureOf } from './failures.ts'
import { headerProblem } from './header-annotations.ts'
import type { RawClient } from './raw-client.ts'
import {
  contentsIn,
  listIn,
  objectIn,
  promptIn,
  promptResultIn,
  resourceIn,
  templateIn,
  toolIn,
  toolResultIn,
  Unreadable,
} from './readers.ts'
import type { Subscriptions } from './subscriptions.ts'

/** Times that a person is asked in a row for one request: for a token at all, and for one that may do more. */
export const MAX_AUTHORISATIONS = 2

/** What a connection is made of. */
export interface ConnectionParts {
  readonly client: RawClient
  readonly failures: WireFailures
  readonly maxPages: number
  readonly subscriptions: Subscriptions
  readonly isClosed: () => boolean
  /** Asked when a request has failed: whether it was refused for want of a token, and there is one now. */
  readonly authorised: () => Promise<boolean>
  readonly close: () => Promise<void>
}

/** Our connection over the client of either library. */
export function connectionOver(parts: ConnectionParts): McpConnection {
  const { client } = parts
  const definitions = new Map<string, McpToolDefinition>()
  const send = sender(parts)
  const list = lister(parts, send)
  const { protocolVersion, serverInfo, capabilities, instructions, skills } = client
  const has = (name: string): boolean => capabilities[name] !== undefined

  return {
    protocolVersion,
    serverInfo,
    capabilities,
    instructions,
    async listTools(options) {
      const tools = await list(has('tools'), 'tools/list', 'tools', toolIn, options)
      const listed = client.mirrorsHeaders ? withoutWrongHeaders(tools) : tools
      definitions.clear()
      for (const tool of listed.items) definitions.set(tool.name, tool)
      return listed
    },
    listResources: (options) => list(has('resources'), 'resources/list', 'resources', resourceIn, options),
    listResourceTemplates: (options) =>
      list(has('resources'), 'resources/templates/list', 'resourceTemplates', templateIn, options),
    listPrompts: (options) => list(has('prompts'), 'prompts/list', 'prompts', promptIn, options),
    async callTool(name, input, options = {}) {
      const params = { name, arguments: input, ...(options.meta !== undefined && { _meta: options.meta }) }
      const call = () => client.callTool(params, definitions.get(name), requestOptions(options))
      return read(await send('tools/call', call, options), toolResultIn)
    },
    async readResource(uri, options) {
      const result = await send('resources/read', request('resources/read', { uri }, options), options)
      return read(result, (value) => listIn(objectIn(value, 'the answer')['contents'], 'contents').map(contentsIn))
    },
    async getPrompt(name, input, options) {
      const params = { name, arguments: input }
      return read(await send('prompts/get', request('prompts/get', params, options), options), promptResultIn)
    },
    async complete({ of, argument, value, known }, options) {
      const ref = 'prompt' in of ? { type: 'ref/prompt', name: of.prompt } : { type: 'ref/resource', uri: of.resource }
      const params = { ref, argument: { name: argument, value }, ...(known !== undefined && { context: { arguments: known } }) }
      const result = await send('completion/complete', request('completion/complete', params, options), options)
      return read(result, completionIn)
    },
    subscribe: (uri, options) => send('resources/subscribe', () => parts.subscriptions.add(uri, options), options),
    unsubscribe: (uri, options) => send('resources/unsubscribe', () => parts.subscriptions.remove(uri, options), options),
    skills: skills && {
      list: (options) => send('skills/list', () => skills.list(options), options),
      read: (uri, file, options) => send('skills/read', () => skills.read(uri, file, options), options),
    },
    close: parts.close,
  }

  function request(method: string, params: JsonObject, options: OperationOptions | undefined): () => Promise<unknown> {
    return () => client.request(method, params, requestOptions(options))
  }
}

function requestOptions(options: McpCallOptions = {}): {
  readonly signal: AbortSignal | undefined
  readonly onProgress: McpCallOptions['onProgress']
} {
  return { signal: options.signal, onProgress: options.onProgress }
}

type Send = <T>(method: string, perform: () => Promise<T>, options?: OperationOptions) => Promise<T>

function sender({ failures, isClosed, authorised }: ConnectionParts): Send {
  return async (method, perform, { signal } = {}) => {
    for (let asked = 0; ; asked += 1) {
      signal?.throwIfAborted()
      if (isClosed()) throw connectionEnded()
      try {
        return await perform()
      } catch (error) {
        if (!signal?.aborted && asked < MAX_AUTHORISATIONS && (await authorised())) continue
        throw failureOf(error, { method, signal, failures, isClosed: isClosed() })
      }
    }
  }
}

function read<T>(value: unknown, reader: (value: unknown) => T): T {
  try {
    return reader(value)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw new OpspawnError('TOOL_OUTPUT_INVALID', `The server's answer cannot be read: ${error.message}`, { cause: error })
  }
}

function lister({ client, maxPages }: ConnectionParts, send: Send) {
  return async <T>(
    isOffered: boolean,
    method: string,
    key: string,
    reader: (value: Json) => T,
    options?: OperationOptions,
  ): Promise<McpList<T>> => {
    const items: T[] = []
    const broken: { readonly name: string | undefined; readonly problem: string }[] = []
    if (!isOffered) return { items, broken }
    let cursor: string | undefined
    for (let pages = 0; pages < maxPages; pages += 1) {
      const params = cursor === undefined ? {} : { cursor }
      const page = await send(method, () => client.request(method, params, requestOptions(options)), options)
      const from = read(page, (value) => objectIn(value, 'the answer'))
      for (const item of read(from[key], (value) => listIn(value, key))) take(item, reader, items, broken)
      const next = from['nextCursor']
      if (typeof next !== 'string') return { items, broken }
      if (next === cursor) throw endless(method, `page ${pages + 1} leads to itself`)
      cursor = next
    }
    throw endless(method, `it has more than ${maxPages} pages (maxPages)`)
  }
}

function take<T>(
  item: Json,
  reader: (value: Json) => T,
  items: T[],
  broken: { readonly name: string | undefined; readonly problem: string }[],
): void {
  try {
    items.push(reader(item))
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    const name = (item as { readonly name?: unknown } | null)?.name
    broken.push({ name: typeof name === 'string' ? name.slice(0, 200) : undefined, problem: error.message })
  }
}

function endless(method: string, why: string): OpspawnError {
  return new OpspawnError('PAYLOAD_TOO_LARGE', `The list that the server gives for ${method} does not end: ${why}`)
}

function withoutWrongHeaders({ items, broken }: McpList<McpToolDefinition>): McpList<McpToolDefinition> {
  const problems = new Map(items.map((tool) => [tool, headerProblem(tool.inputSchema)]))
  return {
    items: items.filter((tool) => problems.get(tool) === undefined),
    broken: [
      ...broken,
      ...items.flatMap((tool) => {
        const problem = problems.get(tool)
        return problem === undefined ? [] : [{ name: tool.name, problem }]
      }),
    ],
  }
}

function completionIn(value: unknown): { readonly values: readonly string[]; total?: number; hasMore?: boolean } {
  const from = objectIn(objectIn(value, 'the answer')['completion'], 'the completion')
  const { total, hasMore } = from
  return {
    values: listIn(from['values'], 'values').filter((item): item is string => typeof item === 'string'),
    ...(typeof total === 'number' && { total }),
    ...(typeof hasMore === 'boolean' && { hasMore }),
  }
}
