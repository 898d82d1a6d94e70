/** The whole handle over servers that are not as they should be, and over one of the newest protocol version. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Json, JsonObject, Tool } from '../../src/index.ts'
import { mcp, type Mcp, type McpElicitation, type McpOptions } from '../../src/plugins/tool-mcp/index.ts'
import { toolContext } from '../../src/testing/index.ts'
import { httpStub } from '../fixtures/mcp/http-stub.ts'
import { modernServer } from '../fixtures/mcp/modern-server.ts'
import { overStdio } from '../fixtures/mcp/real-servers.ts'

const SLOW = 240_000
const FIXTURES = join(import.meta.dirname, '../fixtures/mcp')
const limits = { connectTimeoutMs: 60_000 }

let folder = ''
const open: Mcp[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'opspawn-mcp-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
  rmSync(folder, { recursive: true })
}, SLOW)

function made(options: McpOptions): Mcp {
  const handle = mcp(options)
  open.push(handle)
  return handle
}

const overPipes = (program: string, ...args: readonly string[]): JsonObject => ({
  command: process.execPath,
  args: [join(FIXTURES, program), ...args],
  limits,
})

describe('large results', { timeout: SLOW }, () => {
  test('of 5 MB are cut, and the rest is given byte for byte; one of 12 MB fails alone', async () => {
    const handle = made({ servers: { stub: overPipes('stub.mjs') }, access: { stub: { approval: 'never' } } })
    const tools = new Map((await handle.tools({ mode: 'direct' })).map((tool) => [tool.name, tool]))
    const use = (name: string, input: JsonObject): Promise<Json> =>
      Promise.resolve((tools.get(name) as Tool<JsonObject, Json>).execute(input, toolContext()))
    const bytes = 5_000_000
    const first = (await use('stub__large', { bytes, numbered: true })) as unknown as {
      readonly text: string
      readonly more: { readonly id: string; readonly offset: number; readonly size: number }
    }
    expect([first.text.length, first.more.offset, first.more.size]).toEqual([65_536, 65_536, bytes])
    let all = first.text
    for (let next: { readonly id: string; readonly offset: number } | undefined = first.more; next !== undefined;) {
      const { id, offset } = next
      const part = (await use('mcp_more', { id, offset })) as unknown as { readonly text: string; readonly more?: typeof next }
      all += part.text
      next = part.more
    }
    expect(all === Array.from({ length: bytes / 8 }, (_, at) => String(at).padStart(8)).join('')).toBe(true)
    await expect(use('stub__large', { bytes: 12_000_000 })).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    expect(await use('stub__echo', { still: 'here' })).toMatchObject({ text: '{"still":"here"}' })
    expect(handle.states()).toMatchObject([{ state: 'ready', connections: 1 }])
  })
})

describe.skipIf(process.platform !== 'linux')('processes', { timeout: SLOW }, () => {
  const lines = (file: string): readonly string[] => readFileSync(file, 'utf8').trim().split('\n')
  const stat = (pid: string): readonly string[] | undefined => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')
    } catch {
      return undefined
    }
  }
  const isAlive = (pid: string): boolean => ![undefined, 'Z'].includes(stat(pid)?.[0])

  test('of twenty starts behind a launcher, half of them killed, all are gone when all are closed', async () => {
    const pids = join(folder, 'pids')
    for (let batch = 0; batch < 4; batch += 1) {
      const handles = Array.from({ length: 5 }, () =>
        mcp({ servers: { stub: overPipes('launcher.mjs', 'ignore-term', 'ignore-end', `pid=${pids}`) } }),
      )
      await Promise.all(handles.map((handle) => handle.list()))
      const servers = lines(pids).slice(-5)
      expect(servers.filter(isAlive)).toHaveLength(5)
      // The launcher alone is killed: what it started goes on, and would be left behind.
      if (batch % 2 === 0) for (const pid of servers) process.kill(Number(stat(pid)?.[1]), 'SIGKILL')
      await Promise.all(handles.map((handle) => handle.close()))
    }
    expect(lines(pids)).toHaveLength(20)
    await expect.poll(() => lines(pids).filter(isAlive), { timeout: 6_000 }).toEqual([])
  })
})

describe('protocol versions', { timeout: SLOW }, () => {
  test('are found out by the same configuration for a server of the newest and three of the one before', async () => {
    const modern = modernServer()
    const handle = made({
      servers: {
        modern: { url: 'https://modern.example/mcp' },
        everything: { ...overStdio('everything'), limits },
        files: { ...overStdio('filesystem', folder), limits },
        memory: { ...overStdio('memory'), env: { MEMORY_FILE_PATH: join(folder, 'memory.json') }, limits },
      },
      fetch: modern.fetch,
    })
    expect(await handle.list()).toHaveLength(37)
    expect(handle.states()).toMatchObject([
      { server: 'modern', state: 'ready', protocolVersion: '2026-07-28' },
      { server: 'everything', state: 'ready', protocolVersion: '2025-11-25' },
      { server: 'files', state: 'ready', protocolVersion: '2025-11-25' },
      { server: 'memory', state: 'ready', protocolVersion: '2025-11-25' },
    ])
    expect(await handle.call('modern', 'greet', {})).toMatchObject({ content: [{ text: 'hello' }] })
    await modern.close()
  })

  test('are not guessed at of an address where nobody is', async () => {
    const gone = await httpStub()
    await gone.end()
    const handle = made({ servers: { gone: { url: gone.url, limits } } })
    await expect(handle.call('gone', 'act', {})).rejects.toMatchObject({ code: 'TOOL_UNAVAILABLE' })
    expect(handle.states()).toMatchObject([{ server: 'gone', state: 'backoff', connections: 0, protocolVersion: undefined }])
  })
})

test(
  'a page that a real server wants visited is shown whole and with its host, and is not visited; one of http is not even shown',
  async () => {
    const page = await httpStub()
    const asked: McpElicitation[] = []
    const handle = made({
      servers: { everything: { ...overStdio('everything'), limits } },
      handlers: () => ({
        elicit: (request) => {
          asked.push(request)
          return Promise.resolve({ action: 'accept' })
        },
      }),
    })
    const names = async (): Promise<readonly string[]> => (await handle.list()).map(({ tool }) => tool)
    await expect.poll(names, { timeout: 60_000 }).toContain('everything__trigger-url-elicitation')
    const url = page.url.replace('http:', 'https:')
    const visit = (address: string): Promise<unknown> =>
      handle.call('everything', 'trigger-url-elicitation', { url: address, message: 'Pay' })
    expect(await visit(`${url}?order=1`)).toMatchObject({ isError: false })
    expect(asked).toEqual([{ mode: 'url', message: 'Pay', url: `${url}?order=1`, host: new URL(url).host }])
    const refused = JSON.stringify(await visit(page.url))
    expect(refused).toContain('decline')
    expect([asked.length, page.seen.length, await names().then((all) => all.some((one) => one.includes('sampling')))]).toEqual([
      1,
      0,
      false,
    ])
    await page.end()
  },
  SLOW,
)
