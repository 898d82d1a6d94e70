/** The whole handle over the servers of the protocol's authors, each a process of its own. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOrchestrator, defineAgent, type JsonObject, type RunEvent } from '../../src/index.ts'
import { mcp, type Mcp, type McpElicitation } from '../../src/plugins/tool-mcp/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { overStdio } from '../fixtures/mcp/real-servers.ts'

const SLOW = 120_000
let folder = ''
let handle: Mcp

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'opspawn-mcp-')))
  mkdirSync(join(folder, 'notes'))
  writeFileSync(join(folder, 'notes', 'tea.txt'), 'green')
  handle = mcp({
    servers: {
      everything: overStdio('everything'),
      files: overStdio('filesystem', join(folder, 'notes')),
      memory: { ...overStdio('memory'), env: { MEMORY_FILE_PATH: join(folder, 'memory.json') } },
    },
    access: { files: { trusted: true }, everything: { approval: 'never', instructions: true } },
  })
  await handle.list()
}, SLOW)
afterAll(async () => {
  await handle.close()
  rmSync(folder, { recursive: true })
})

/** One run that makes one call; asked, a person refuses. */
async function play(name: string, input: JsonObject): Promise<readonly RunEvent[]> {
  const model = scriptedModel([{ toolCalls: [{ name, input }] }, 'done'])
  const agent = defineAgent({ name: 'clerk', model, tools: await handle.tools({ mode: 'direct' }) })
  await using ops = await createOrchestrator({ agents: [agent], announce: false })
  const run = await ops.start(agent, 'go')
  const events: RunEvent[] = []
  for await (const event of run) {
    if ('seq' in event) events.push(event as RunEvent)
    if (event.type === 'approval-request') await run.deny(event.key, { by: 'eve' })
  }
  return events
}

const outcomeOf = (events: readonly RunEvent[]): unknown =>
  events.flatMap((event) => (event.type === 'effect-end' && event.key.startsWith('tool') ? [event.outcome] : []))[0]

describe('real servers', { timeout: SLOW }, () => {
  test('36 tools are listed, in one order, and the one that needs a task says so', async () => {
    const tools = (await handle.list()).map(({ tool }) => tool)
    expect(tools).toHaveLength(36)
    expect(tools).toEqual(tools.toSorted())
    expect(handle.problems()).toEqual([])
    expect((await handle.tools({ mode: 'direct' })).map(({ name }) => name)).not.toContain('everything__simulate-research-query')
  })

  test('the four tools that need us to answer appear where we do, after the list has changed', async () => {
    const asked: McpElicitation[] = []
    const handlers = () => ({
      elicit: (request: McpElicitation) => {
        asked.push(request)
        return Promise.resolve({ action: 'decline' as const })
      },
      sample: () => Promise.resolve({ role: 'assistant', content: { type: 'text', text: 'x' }, model: 'm' }),
      roots: () => Promise.resolve([]),
    })
    await using able = mcp({ servers: { everything: overStdio('everything') }, handlers })
    const names = async (): Promise<readonly string[]> => (await able.list()).map(({ tool }) => tool)
    await expect.poll(names, { timeout: 30_000 }).toHaveLength(17)
    expect(await names()).toContain('everything__trigger-elicitation-request')
    const found = await able.call('everything', 'trigger-elicitation-request', {})
    expect([asked[0]?.mode, found.isError]).toEqual(['form', false])
  })

  test('reading is allowed, writing asks, and what is refused is not done; an error of the server is told as one', async () => {
    const tea = join(folder, 'notes', 'tea.txt')
    expect(outcomeOf(await play('files__read_text_file', { path: tea }))).toEqual({
      status: 'completed',
      value: { from: 'MCP server files', text: 'green' },
    })
    const path = join(folder, 'notes', 'new.txt')
    expect(outcomeOf(await play('files__write_file', { path, content: 'x' }))).toMatchObject({ status: 'denied' })
    expect(existsSync(path)).toBe(false)
    expect(outcomeOf(await play('files__read_text_file', { path: '/etc/hostname' }))).toMatchObject({
      status: 'failed',
      error: { code: 'TOOL_FAILED', message: expect.stringContaining('MCP server files reports: ') },
    })
  })

  test('resources, templates, prompts and completion are there', async () => {
    const [resources, templates, prompts] = await Promise.all([
      handle.resources('everything'),
      handle.resourceTemplates('everything'),
      handle.prompts('everything'),
    ])
    expect([resources.items.length, templates.items.length, prompts.items.length]).toEqual([7, 2, 4])
    const uri = resources.items[0]?.uri ?? ''
    expect((await handle.readResource('everything', uri))[0]?.text?.length).toBeGreaterThan(0)
    const input = { city: 'Bergen', state: 'Vestland' }
    const prompt = await handle.prompt('everything', prompts.items.find(({ name }) => name.includes('args'))?.name ?? '', input)
    expect(JSON.stringify(prompt.messages)).toContain('Bergen')
    const of = { prompt: prompts.items.find(({ name }) => name.includes('completable'))?.name ?? '' }
    const completed = await handle.complete('everything', { of, argument: 'department', value: 'E' })
    expect(completed.values).toContain('Engineering')
    expect((await handle.instructions())['everything']?.length).toBeLessThanOrEqual(512)
  })

  test('a change of a resource is told to who subscribed', async () => {
    const told: string[] = []
    const end = await handle.subscribe('memory', 'memory://knowledge-graph', (uri) => void told.push(uri))
    const entities = [{ name: 'Ada', entityType: 'person', observations: ['likes tea'] }]
    await handle.call('memory', 'create_entities', { entities })
    await expect.poll(() => told.length, { timeout: 30_000 }).toBeGreaterThan(0)
    await end()
    const read = await handle.call('memory', 'read_graph', {})
    expect(JSON.stringify(read.structuredContent)).toContain('likes tea')
  })

  test('progress is told in order, a limit ends a call, an abort ends it otherwise, and the next call works', async () => {
    const steps: number[] = []
    const call = (input: JsonObject, options = {}): Promise<unknown> =>
      handle.call('everything', 'trigger-long-running-operation', input, options)
    await call({ duration: 1, steps: 4 }, { onProgress: ({ progress }: { progress: number }) => void steps.push(progress) })
    expect(steps.length).toBeGreaterThanOrEqual(3)
    expect(steps).toEqual(steps.toSorted((left, right) => left - right))
    const reason = new Error('enough')
    const control = new AbortController()
    const stopped = call({ duration: 30, steps: 1 }, { signal: control.signal }).catch((error: unknown) => error)
    control.abort(reason)
    expect(await stopped).toBe(reason)
    await using hasty = mcp({
      servers: { everything: overStdio('everything') },
      access: { everything: { timeoutMs: 700, tools: { 'trigger-long-running-operation': { effect: 'pure' } } } },
    })
    await hasty.call('everything', 'echo', { message: 'first' })
    const late = hasty.call('everything', 'trigger-long-running-operation', { duration: 30, steps: 1 })
    await expect(late).rejects.toMatchObject({ code: 'TOOL_TIMEOUT' })
    expect(await hasty.call('everything', 'echo', { message: 'x' })).toMatchObject({ content: [{ text: 'Echo: x' }] })
  })
})
