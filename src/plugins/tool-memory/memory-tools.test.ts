import { describe, expect, test } from 'vitest'
import type { Memory, MemoryRecord, MemoryScope, Tool, ToolContext } from '../../core/index.ts'
import { requireTool } from '../../orchestrator/checks/tool.ts'
import { manualClock } from '../../testing/clock.ts'
import { toolConformance } from '../../testing/tool-conformance.ts'
import { toolContext } from '../../testing/tool-context.ts'
import { inProcessMemory } from '../memory-in-process/index.ts'
import { memoryTools, type MemoryToolsOptions } from './index.ts'

const quiet = (): Memory => inProcessMemory({ clock: manualClock() })
const mine: Partial<ToolContext> = { tenant: 't', agent: 'guide', session: 's' }

let calls = 0
/** One call, with a key of its own unless one is given. */
async function use<T = never>(tools: readonly Tool[], name: string, input: object, more: Partial<ToolContext> = {}): Promise<T> {
  const tool = tools.find((one) => one.name === name)
  if (tool === undefined) throw new Error(`there is no ${name}`)
  return (await tool.execute(input, toolContext({ ...mine, key: `call-${(calls += 1)}`, ...more }))) as T
}

async function records(memory: Memory, scope: Partial<MemoryScope> = {}): Promise<readonly MemoryRecord[]> {
  return (await memory.bind({ tenant: 't', agent: 'guide', session: 's', ...scope }).list({ limit: 200 })).records
}

type Found = { readonly records: readonly { readonly id: string; readonly text: string; readonly score: number }[] }

test('the tools are tools, with the effect class and the labels that they have', () => {
  const tools = memoryTools(quiet(), { working: true })
  for (const tool of tools) expect(() => requireTool(tool)).not.toThrow()
  expect(tools.map(({ name, effect, labels }) => [name, effect, labels])).toEqual([
    ['memory_search', 'pure', ['private', 'untrusted']],
    ['memory_remember', 'idempotent', undefined],
    ['memory_update', 'idempotent', undefined],
    ['memory_forget', 'idempotent', undefined],
    ['working_memory_update', 'idempotent', undefined],
  ])
})

describe.each([
  ['memory_search', { query: 'otter' }, { query: 5 }],
  ['memory_remember', { text: 'otter' }, { text: 5 }],
  ['memory_forget', { ids: ['a'] }, { ids: 'a' }],
  ['working_memory_update', { document: { n: 1 } }, { document: 'n' }],
])('%s is a tool/1', (name, validInput, invalidInput) => {
  const memory = quiet()
  toolConformance({
    test,
    createTool: () => memoryTools(memory, { working: true }).find((tool) => tool.name === name) as Tool,
    validInput,
    invalidInput,
    ...(name === 'memory_forget' ? undefined : { observe: async () => (await memory.stats()).records }),
  })
})

test('what is remembered is found, corrected and forgotten', async () => {
  const memory = quiet()
  const tools = memoryTools(memory)
  const { id } = await use(tools, 'memory_remember', { text: 'The otter is called Olga.' })
  expect(await use(tools, 'memory_search', { query: 'otter' })).toMatchObject({
    records: [{ id, kind: 'fact', text: 'The otter is called Olga.', score: expect.any(Number) }],
    omitted: 0,
    degraded: [],
  })
  const changed = (await use(tools, 'memory_update', { id, text: 'The otter is called Otto.' })) as { id: string }
  const after = (await use(tools, 'memory_search', { query: 'otter' })) as Found
  expect(after.records.map(({ text }) => text)).toEqual(['The otter is called Otto.'])
  expect(await records(memory)).toMatchObject([
    { id, supersededBy: changed.id },
    { id: changed.id, supersedes: id },
  ])
  expect(await use(tools, 'memory_forget', { ids: [changed.id, id] })).toEqual({ count: 2, verified: false })
  expect(await records(memory)).toEqual([])
})

test('forgetting a fact forgets what it was before, which no search shows', async () => {
  const memory = quiet()
  const tools = memoryTools(memory)
  let { id } = await use<{ id: string }>(tools, 'memory_remember', { text: 'The otter is called Olga.' })
  for (const text of ['The otter is called Otto.', 'The otter is called Oda.'])
    ({ id } = await use<{ id: string }>(tools, 'memory_update', { id, text }))
  await use(tools, 'memory_remember', { text: 'The heron is called Hugo.' })
  expect(await use(tools, 'memory_forget', { ids: [id] })).toEqual({ count: 3, verified: false })
  expect((await records(memory)).map(({ text }) => text)).toEqual(['The heron is called Hugo.'])
  expect(await use(tools, 'memory_forget', { ids: [id] })).toEqual({ count: 0, verified: false })
})

test('the same call made again changes nothing twice', async () => {
  const memory = quiet()
  const tools = memoryTools(memory, { working: true })
  const key = { key: 'same' }
  const first = (await use(tools, 'memory_remember', { text: 'Olga' }, key)) as { id: string }
  expect(await use(tools, 'memory_remember', { text: 'Olga' }, key)).toEqual(first)
  for (let n = 0; n < 2; n += 1) await use(tools, 'memory_update', { id: first.id, text: 'Otto' }, { key: 'other' })
  expect(await records(memory)).toHaveLength(2)
  await use(tools, 'working_memory_update', { document: { n: 1 } }, { key: 'w1' })
  await use(tools, 'working_memory_update', { document: { n: 2 } }, { key: 'w2' })
  await use(tools, 'working_memory_update', { document: { n: 1 } }, { key: 'w1' })
  const kept = (await records(memory)).filter(({ metadata }) => metadata?.['opspawn.form'] === 'working')
  expect(kept.map(({ text, supersededBy }) => [text, supersededBy !== undefined])).toEqual([
    ['{"n":1}', true],
    ['{"n":2}', false],
  ])
})

test('only the run says whose memory it is: other tenants, agents and sessions are neither seen nor changed', async () => {
  const memory = quiet()
  const tools = memoryTools(memory)
  const { id } = await use(tools, 'memory_remember', { text: 'otter' })
  for (const other of [{ tenant: 'u' }, { agent: 'x' }, { session: 'z' }, { session: undefined }]) {
    expect(await use(tools, 'memory_search', { query: 'otter' }, other)).toMatchObject({ records: [] })
    await expect(use(tools, 'memory_update', { id, text: 'gone' }, other)).rejects.toMatchObject({
      code: 'MEMORY_RECORD_UNKNOWN',
    })
    expect(await use(tools, 'memory_forget', { ids: [id] }, other)).toMatchObject({ count: 0 })
  }
  const wide = memoryTools(memory, { acrossSessions: true })
  expect(await use(wide, 'memory_search', { query: 'otter' }, { session: 'z' })).toMatchObject({ records: [{ text: 'otter' }] })
  expect(await use(wide, 'memory_search', { query: 'otter' }, { agent: 'x' })).toMatchObject({ records: [] })
  expect(await use(wide, 'memory_search', { query: 'otter' }, { tenant: 'u' })).toMatchObject({ records: [] })
})

test('what is written carries the labels, so that it counts when it is recalled', async () => {
  const memory = quiet()
  await use(memoryTools(memory, { working: true }), 'memory_remember', { text: 'a' })
  await use(memoryTools(memory, { labels: [] }), 'memory_remember', { text: 'b' })
  expect((await records(memory)).map(({ metadata }) => metadata)).toEqual([
    { 'opspawn.labels': 'private untrusted' },
    { 'opspawn.labels': '' },
  ])
})

test('a document that is too long is refused, and the one before stays', async () => {
  const memory = quiet()
  const tools = memoryTools(memory, { working: { maxLength: 20 } })
  await use(tools, 'working_memory_update', { document: { n: 1 } })
  await expect(use(tools, 'working_memory_update', { document: { text: 'x'.repeat(20) } })).rejects.toMatchObject({
    code: 'TOOL_INPUT_INVALID',
    message: expect.stringContaining('at most 20'),
  })
  expect((await records(memory)).map(({ text }) => text)).toEqual(['{"n":1}'])
})

test('calls at the same time leave one document that holds', async () => {
  const memory = quiet()
  const tools = memoryTools(memory, { working: true })
  await use(tools, 'working_memory_update', { document: { n: 0 } })
  await Promise.all([1, 2, 3, 4].map((n) => use(tools, 'working_memory_update', { document: { n } })))
  expect((await records(memory)).filter(({ supersededBy }) => supersededBy === undefined)).toHaveLength(1)
})

test('a document for all sessions stands in none', async () => {
  const memory = quiet()
  const tools = memoryTools(memory, { working: { level: 'agent' } })
  await use(tools, 'working_memory_update', { document: { n: 1 } })
  await use(tools, 'working_memory_update', { document: { n: 2 } }, { session: 'other' })
  expect(await records(memory)).toEqual([])
  const kept = (await memory.bind({ tenant: 't', agent: 'guide' }).list({ limit: 9 })).records
  expect(kept.map(({ text, supersededBy }) => [text, supersededBy !== undefined])).toEqual([
    ['{"n":1}', true],
    ['{"n":2}', false],
  ])
})

test('another prefix, no forgetting, erasing', async () => {
  const memory = quiet()
  expect(memoryTools(memory, { prefix: 'notes', forget: false, working: true }).map(({ name }) => name)).toEqual([
    'notes_search',
    'notes_remember',
    'notes_update',
    'working_notes_update',
  ])
  const tools = memoryTools(memory, { forget: 'erase' })
  const { id } = await use(tools, 'memory_remember', { text: 'otter' })
  expect(await use(tools, 'memory_forget', { ids: [id] })).toEqual({ count: 1, verified: true })
})

test.each<[unknown, unknown, string]>([
  [undefined, {}, 'takes a memory'],
  [{ spec: 'tool/1' }, {}, 'takes a memory'],
  [quiet(), 'x', 'must be an object'],
  [quiet(), { prefix: 'a b' }, 'prefix'],
  [quiet(), { acrossSessions: 1 }, 'acrossSessions'],
  [quiet(), { labels: ['outbound'] }, 'labels'],
  [quiet(), { tokens: 0 }, 'tokens'],
  [quiet(), { forget: true }, 'forget'],
  [quiet(), { working: 'yes' }, 'working'],
  [quiet(), { working: { schema: { type: 'string' } } }, 'schema'],
  [quiet(), { working: { level: 'user' } }, 'level'],
  [quiet(), { working: { maxLength: 1.5 } }, 'maxLength'],
  [quiet(), { toString: 1 }, 'no member "toString"'],
])('wrong options are refused (%#)', (memory, options, text) => {
  expect(() => memoryTools(memory as Memory, options as MemoryToolsOptions)).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining(text) }),
  )
})
