/** The whole handle over the servers of the protocol's authors, each a process of its own. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOrchestrator, defineAgent, type JsonObject, type RunEvent } from '../../src/index.ts'
import { mcp, type Mcp, type McpCompletionTarget, type McpElicitation } from '../../src/plugins/tool-mcp/index.ts'
import { promptText, scriptedModel } from '../../src/testing/index.ts'
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
    const [dynamicText] = await handle.readResource('everything', 'demo://resource/dynamic/text/7')
    const [dynamicBlob] = await handle.readResource('everything', 'demo://resource/dynamic/blob/7')
    expect([dynamicText?.text, typeof dynamicBlob?.blob]).toEqual([expect.stringContaining('7'), 'string'])
    const said = async (name: string, input: Readonly<Record<string, string>>): Promise<string> =>
      JSON.stringify((await handle.prompt('everything', name, input)).messages)
    expect(await said('simple-prompt', {})).toContain('simple prompt')
    expect(await said('args-prompt', { city: 'Bergen', state: 'Vestland' })).toContain('Bergen, Vestland')
    expect(await said('completable-prompt', { department: 'Sales', name: 'Eve' })).toContain('Eve')
    expect(await said('resource-prompt', { resourceType: 'Text', resourceId: '3' })).toContain('demo://resource/dynamic/text/3')
    const typed = async (of: McpCompletionTarget['of'], argument: string, value: string, known = {}): Promise<unknown> =>
      (await handle.complete('everything', { of, argument, value, known })).values
    expect([
      await typed({ prompt: 'completable-prompt' }, 'department', 'E'),
      await typed({ prompt: 'completable-prompt' }, 'name', 'B', { department: 'Engineering' }),
      await typed({ prompt: 'resource-prompt' }, 'resourceType', 'B'),
      await typed({ resource: templates.items[0]?.uriTemplate ?? '' }, 'resourceId', '4'),
    ]).toEqual([['Engineering'], ['Bob'], ['Blob'], ['4']])
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

  test('a change is told by the everything server too, at its own pace', async () => {
    const told: string[] = []
    const uri = 'demo://resource/dynamic/text/1'
    const end = await handle.subscribe('everything', uri, (changed) => void told.push(changed))
    await handle.call('everything', 'toggle-subscriber-updates', {})
    await expect.poll(() => told, { timeout: 60_000 }).toContain(uri)
    await handle.call('everything', 'toggle-subscriber-updates', {})
    await end()
  })

  test('a model finds, looks at and uses tools of three servers through one, reads a resource, and goes on with a cut result', async () => {
    const book = join(folder, 'notes', 'book.txt')
    const text = Array.from({ length: 20_000 }, (_, at) => String(at).padStart(7)).join(' ')
    writeFileSync(book, text)
    const asked = (
      input: JsonObject,
    ): { readonly toolCalls: readonly { readonly name: string; readonly input: JsonObject }[] } => ({
      toolCalls: [{ name: 'mcp', input }],
    })
    const model = scriptedModel([
      asked({ action: 'list', query: 'read a text file' }),
      asked({ action: 'describe', tool: 'files__read_text_file' }),
      asked({ action: 'call', tool: 'files__read_text_file', arguments: { path: book } }),
      (request: Parameters<typeof promptText>[0]) => {
        const [, id = '', offset] = /"more":\{"id":"([^"]+)","offset":(\d+)/.exec(promptText(request)) ?? []
        return asked({ action: 'more', id, offset: Number(offset) })
      },
      asked({ action: 'call', tool: 'everything__get-sum', arguments: { a: 2, b: 3 } }),
      asked({ action: 'read', server: 'memory', uri: 'memory://knowledge-graph' }),
      'done',
    ])
    const agent = defineAgent({ name: 'clerk', model, tools: await handle.tools({ mode: 'proxy' }) })
    await using ops = await createOrchestrator({ agents: [agent], announce: false })
    const run = await ops.start(agent, 'go')
    const values: unknown[] = []
    for await (const event of run) {
      if (event.type === 'approval-request') await run.approve(event.key, { by: 'eve' })
      if (event.type === 'effect-end' && event.key.startsWith('tool') && event.outcome.status === 'completed') {
        values.push(event.outcome.value)
      }
    }
    const [list, described, first, rest, sum, graph] = values
    expect([list, described]).toEqual([
      expect.stringContaining('files__read_text_file: '),
      expect.stringContaining('files__read_text_file(path: string, '),
    ])
    expect(`${(first as { text: string }).text}${(rest as { text: string }).text}`).toBe(text.slice(0, 131_072))
    expect([JSON.stringify(sum), JSON.stringify(graph)]).toEqual([
      expect.stringContaining('5'),
      expect.stringContaining('memory://'),
    ])
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
