/**
 * What the plugin's part of a call of an MCP tool costs above the client library alone: the same echo, the same server, call
 * after call in turn. And what 1,000 connections, opened and closed, leave behind.
 */
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { mcp, mcpDriverV2 } from 'opspawn/plugins/tool-mcp'
import { toolContext } from 'opspawn/testing'

const calls = Number(process.argv[2] ?? 10_000)
const cycles = Number(process.argv[3] ?? 1_000)

/** Connections at once while they are opened and closed. */
const BATCH = 10

const library = createRequire(fileURLToPath(import.meta.resolve('opspawn')))
const load = (name: string): Promise<Record<string, never>> => import(pathToFileURL(library.resolve(name)).href)
const { Client } = (await load('@modelcontextprotocol/client')) as unknown as {
  readonly Client: new (info: object) => BareClient
}
const { StdioClientTransport } = (await load('@modelcontextprotocol/client/stdio')) as unknown as {
  readonly StdioClientTransport: new (options: object) => unknown
}

interface BareClient {
  connect(transport: unknown): Promise<void>
  callTool(call: { readonly name: string; readonly arguments: object }): Promise<unknown>
  close(): Promise<void>
}

const answers = `{
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'echo', version: '1' } }),
  'tools/list': () => ({ tools: [{ name: 'echo', inputSchema: { type: 'object', properties: { message: { type: 'string' } } } }] }),
  'tools/call': ({ arguments: { message } }) => ({ content: [{ type: 'text', text: message }] }),
}`
const code = `const answers = ${answers}
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  const said = answers[method] ? { result: answers[method](params) } : { error: { code: -32601, message: 'none' } }
  if (id !== undefined) process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...said }) + '\\n')
})`
const server = { command: process.execPath, args: ['-e', code] }

async function overhead(): Promise<Record<string, number>> {
  const bare = new Client({ name: 'bench', version: '1' })
  await bare.connect(new StdioClientTransport(server))
  await using handle = mcp({
    servers: { echo: server },
    access: { echo: { approval: 'never' } },
    pins: { mode: 'tofu', store: memory() },
  })
  const [tool] = await handle.tools({ mode: 'direct' })
  if (tool === undefined) throw new Error('there is no tool')
  const context = toolContext()
  const took = { bare: [] as number[], ours: [] as number[] }
  const input = { message: 'hello' }
  for (let call = -500; call < calls; call += 1) {
    const start = performance.now()
    await bare.callTool({ name: 'echo', arguments: input })
    const between = performance.now()
    await tool.execute(input, context)
    const end = performance.now()
    if (call < 0) continue
    took.bare.push(between - start)
    took.ours.push(end - between)
  }
  await bare.close()
  return {
    'mcp-p50': quantile(took.ours, 0.5) - quantile(took.bare, 0.5),
    'mcp-p99': quantile(took.ours, 0.99) - quantile(took.bare, 0.99),
    'mcp-bare-p50': quantile(took.bare, 0.5),
  }
}

function memory(): { readonly where: string; read(): Promise<never>; write(pins: unknown): Promise<void> } {
  let kept: unknown
  return {
    where: 'memory',
    read: () => Promise.resolve(kept as never),
    write: (pins) => Promise.resolve(void (kept = pins)),
  }
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number
}

/** Handles, and processes, that are there after all connections were closed and were not before the first. */
async function left(): Promise<Record<string, number>> {
  const count = (): number => process.getActiveResourcesInfo().filter((name) => !/^(Timeout|Immediate)$/.test(name)).length
  const driver = mcpDriverV2()
  const cycle = async (): Promise<void> => {
    await using handle = mcp({ servers: { echo: server }, driver })
    await handle.call('echo', 'echo', { message: 'x' })
  }
  await cycle()
  const before = count()
  for (let done = 0; done < cycles; done += BATCH) await Promise.all(Array.from({ length: BATCH }, cycle))
  await new Promise((resolve) => setTimeout(resolve, 100))
  return { 'mcp-left': count() - before }
}

const figures = { ...(await overhead()), ...(await left()) }
process.stdout.write(JSON.stringify(figures), () => process.exit(0))
