/** Raw servers that die, hang, flood, and do not want to end; through our connections, on both drivers. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMcpConnections, mcpDriverV1, mcpDriverV2, parseMcpServers, type McpConnections, type McpDriver } from '../index.ts'

const SLOW = 120_000
const FIXTURES = join(import.meta.dirname, '../../../../test/fixtures/mcp')

let folder = ''
let open: McpConnections[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'opspawn-mcp-'))
})
afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  open = []
  rmSync(folder, { recursive: true })
}, SLOW)

function connectionsTo(driver: McpDriver, program: string, args: readonly string[], limits = {}): McpConnections {
  const stub = {
    command: process.execPath,
    args: [join(FIXTURES, program), ...args],
    limits: { connectTimeoutMs: 60_000, ...limits },
  }
  const made = createMcpConnections({ servers: parseMcpServers({ mcpServers: { stub } }), driver })
  open.push(made)
  return made
}

const lines = (file: string): readonly string[] => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
const isAlive = (pid: string): boolean => {
  try {
    return process.kill(Number(pid), 0) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

describe.each([
  ['v2', mcpDriverV2],
  ['v1', mcpDriverV1],
] as const)('driver %s', (_name, makeDriver) => {
  it(
    'gives up a message that is too large, and nothing else',
    async () => {
      const link = connectionsTo(makeDriver(), 'stub.mjs', []).link('stub')
      const large = (bytes: number) => link.use((connection) => connection.callTool('large', { bytes }))
      const hanging = link.use((connection) => connection.callTool('echo', { still: 'here' }))
      await expect(large(12_000_000)).rejects.toMatchObject({
        code: 'PAYLOAD_TOO_LARGE',
        details: { limit: 8_388_608, bytes: expect.any(Number) },
        message: expect.stringContaining('MCP server "stub": The server sent a message of 12'),
      })
      await hanging
      const five = await large(5_000_000)
      expect(five.content[0]).toEqual({ type: 'text', text: 'x'.repeat(5_000_000) })
      expect(link.state()).toMatchObject({ state: 'ready', connections: 1 })
    },
    SLOW,
  )

  it(
    'keeps nineteen tools when the twentieth cannot be read',
    async () => {
      const link = connectionsTo(makeDriver(), 'stub.mjs', []).link('stub')
      const { items, broken } = await link.use((connection) => connection.listTools())
      expect(items.map(({ name }) => name)).toEqual(['echo', 'large', 'die', 'hang'])
      expect(broken).toEqual([{ name: 'malformed', problem: 'inputSchema is not an object' }])
    },
    SLOW,
  )

  it(
    'sends a call once whose server dies of it, and makes the next one over a new connection',
    async () => {
      const count = join(folder, 'count')
      const link = connectionsTo(makeDriver(), 'stub.mjs', [`count=${count}`]).link('stub')
      await expect(link.use((connection) => connection.callTool('die', {}))).rejects.toMatchObject({ code: 'EFFECT_UNKNOWN' })
      expect(lines(count)).toEqual(['die'])
      const { items } = await link.use((connection) => connection.listTools())
      expect(items).toHaveLength(4)
      expect(link.state()).toMatchObject({
        state: 'ready',
        connections: 2,
        lastError: { code: 'TOOL_UNAVAILABLE', message: expect.stringContaining('signal SIGKILL') },
      })
      expect(lines(count)).toEqual(['die'])
    },
    SLOW,
  )

  it.skipIf(process.platform === 'win32')(
    'leaves nothing of a launcher whose server ignores every wish to end',
    async () => {
      const pids = join(folder, 'pids')
      const connections = connectionsTo(makeDriver(), 'launcher.mjs', ['ignore-term', 'ignore-end', `pid=${pids}`])
      await connections.link('stub').use((connection) => connection.listTools())
      const [pid] = lines(pids)
      expect(isAlive(pid!)).toBe(true)
      await connections.close()
      expect(isAlive(pid!)).toBe(false)
    },
    SLOW,
  )
})

describe('driver v2', () => {
  it.each(['silent', 'die-at-discover'])(
    'falls back to the old handshake with a server that is %s',
    async (flag) => {
      const link = connectionsTo(mcpDriverV2(), 'stub.mjs', [flag]).link('stub')
      const { items } = await link.use((connection) => connection.listTools())
      expect(items).toHaveLength(4)
      expect(link.state()).toMatchObject({ state: 'ready', protocolVersion: '2025-11-25' })
    },
    SLOW,
  )

  it(
    'says that a program is not there, and does not try again by itself',
    async () => {
      const servers = parseMcpServers({
        mcpServers: {
          none: { command: '/nowhere/at/all' },
          stub: { command: process.execPath, args: [join(FIXTURES, 'stub.mjs')], limits: { connectTimeoutMs: 60_000 } },
        },
      })
      const connections = createMcpConnections({ servers, driver: mcpDriverV2() })
      open.push(connections)
      const states = await connections.connectAll()
      expect(states).toMatchObject([
        {
          server: 'none',
          state: 'failed',
          lastError: { code: 'TOOL_UNAVAILABLE', message: expect.stringContaining('there is no such program') },
        },
        { server: 'stub', state: 'ready' },
      ])
    },
    SLOW,
  )

  it(
    'stops waiting for a server that says nothing',
    async () => {
      const hang = {
        command: process.execPath,
        args: ['-e', 'setInterval(() => undefined, 1000)'],
        limits: { connectTimeoutMs: 300 },
      }
      const connections = createMcpConnections({ servers: parseMcpServers({ mcpServers: { hang } }), driver: mcpDriverV2() })
      open.push(connections)
      const call = connections.link('hang').use((connection) => connection.listTools())
      await expect(call).rejects.toMatchObject({ code: 'TOOL_UNAVAILABLE', message: expect.stringContaining('after 300 ms') })
      expect(connections.states()).toMatchObject([{ state: 'backoff', attempts: 1 }])
    },
    SLOW,
  )

  it.skipIf(process.platform === 'win32')(
    'leaves nothing when the host is killed',
    async () => {
      const pids = join(folder, 'pids')
      const host = spawn(process.execPath, [join(FIXTURES, 'host.ts'), 'ignore-term', 'ignore-end', `pid=${pids}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await new Promise<void>((resolve) =>
        host.stdout.on('data', (data: Buffer) => String(data).includes('connected') && resolve()),
      )
      const [pid] = lines(pids)
      expect(isAlive(pid!)).toBe(true)
      host.kill('SIGKILL')
      await expect.poll(() => isAlive(pid!), { timeout: 60_000 }).toBe(false)
    },
    SLOW,
  )
})
