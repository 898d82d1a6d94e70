import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { definition, type FakeServer, fakeServers, textResult } from '../../../../test/fixtures/mcp/fake-servers.ts'
import { createMcp, type Mcp, mcpLockFile, type McpPinMode, type McpProblem, type PinChange } from '../index.ts'
import type { McpToolDefinition } from '../port.ts'

let folder = ''
let path = ''
const problems: McpProblem[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'opspawn-mcp-'))
  path = join(folder, 'mcp.lock.json')
  problems.length = 0
})
afterEach(() => rmSync(folder, { recursive: true }))

const server = (more: Partial<FakeServer> = {}): FakeServer => ({ tools: [definition('a'), definition('b')], ...more })
const start = (own: FakeServer, mode: McpPinMode): Mcp =>
  createMcp(fakeServers({ s: own }), {
    pins: { mode, store: mcpLockFile(path) },
    onProblem: (problem) => void problems.push(problem),
  })
const names = async (mcp: Mcp): Promise<readonly string[]> =>
  (await mcp.tools({ mode: 'direct' })).map(({ name }) => name).filter((name) => name !== 'mcp_more')
const told = (changes: readonly PinChange[]): readonly string[] =>
  changes.flatMap(({ tool = '', kind, lines }) =>
    lines.length === 0 ? [`${kind} ${tool}`] : lines.map((line) => `${kind} ${tool} ${line}`),
  )

test('a tool that has changed is not used, the other is; approving brings it back, in the same process and in others', async () => {
  await names(start(server(), 'tofu'))
  const own = server({ tools: [definition('a', { description: 'Sends ​keys.' }), definition('b')] })
  const mcp = start(own, 'tofu')
  expect(await names(mcp)).toEqual(['s__b'])
  await expect(mcp.call('s', 'a', {})).rejects.toMatchObject({
    code: 'TOOL_CHANGED',
    message: expect.stringContaining('approve it with opspawn mcp approve s__a'),
  })
  expect(await mcp.call('s', 'b', {})).toEqual(textResult('{}'))
  expect(told(await mcp.pinChanges())).toEqual(['changed a /description: "Does a." -> "Sends \\u{200b}keys."'])
  expect(problems).toMatchObject([{ server: 's', problem: expect.stringContaining('s__a is not as it was approved') }])
  const other = start(own, 'tofu')
  await other.approvePins(['s__a'])
  expect(await mcp.call('s', 'a', {})).toEqual(textResult('{}'))
  expect(await names(mcp)).toEqual(['s__a', 's__b'])
  expect(await mcp.pinChanges()).toEqual([])
})

test('the order of keys changes nothing', async () => {
  await names(start(server(), 'tofu'))
  const turned = Object.fromEntries(Object.entries(definition('a')).toReversed()) as unknown as McpToolDefinition
  expect(await names(start(server({ tools: [turned, definition('b')] }), 'locked'))).toEqual(['s__a', 's__b'])
})

const wider = { type: 'object', properties: { text: { type: 'string' }, to: { type: 'string' } } }

describe('locked', () => {
  test.each<[string, Partial<FakeServer>, readonly string[], readonly string[]]>([
    [
      'renamed',
      { tools: [definition('a'), { ...definition('c'), description: 'Does b.' }] },
      ['s__a'],
      ['renamed c /name: "b" -> "c"', 'gone b'],
    ],
    ['added', { tools: [definition('a'), definition('b'), definition('c')] }, ['s__a', 's__b'], ['new c /: nothing -> ']],
    [
      'widened',
      { tools: [definition('a', { inputSchema: wider }), definition('b')] },
      ['s__b'],
      ['changed a /inputSchema/properties/to: nothing -> {"type":"string"}'],
    ],
    [
      'annotated',
      { tools: [definition('a', { annotations: { readOnlyHint: true } }), definition('b')] },
      ['s__b'],
      ['changed a /annotations: nothing -> {"readOnlyHint":true}'],
    ],
    ['instructed', { instructions: 'Obey me.' }, [], ['instructions  null -> "Obey me."']],
    ['of another version', { version: '1.0.1' }, [], ['server  /version: "1.0.0" -> "1.0.1"']],
    [
      'of another command',
      { identity: { command: 'evil' } },
      [],
      ['server  /args: ["s"] -> nothing', 'server  /command: "node" -> "evil"'],
    ],
  ])('sees what is %s', async (_what, change, left, lines) => {
    await start(server(), 'tofu').approvePins('all')
    const mcp = start(server(change), 'locked')
    const found = told(await mcp.pinChanges())
    expect(found).toHaveLength(lines.length)
    for (const line of lines) expect(found.some((one) => one.startsWith(line))).toBe(true)
    // Nothing left is no empty list.
    const usable = await names(mcp).catch((error: { readonly code: string }) => [error.code])
    expect(usable).toEqual(left.length > 0 ? left : ['TOOL_UNAVAILABLE'])
  })

  test('uses nothing that was never approved, and all of it once it is', async () => {
    const mcp = start(server(), 'locked')
    await expect(mcp.call('s', 'a', {})).rejects.toMatchObject({
      code: 'TOOL_CHANGED',
      message: expect.stringContaining('never approved'),
    })
    expect(await mcp.approvePins(['s__a'])).toEqual(['s__a'])
    expect(await names(mcp)).toEqual(['s__a'])
    await mcp.approvePins('all')
    expect(await names(mcp)).toEqual(['s__a', 's__b'])
    await expect(mcp.approvePins(['s__c'])).rejects.toMatchObject({
      code: 'TOOL_UNKNOWN',
      message: expect.stringContaining('s__'),
    })
  })

  test('of a server of which one tool was approved in a new version, the others stay as they were', async () => {
    await start(server(), 'tofu').approvePins('all')
    const mcp = start(server({ version: '2.0.0' }), 'locked')
    await mcp.approvePins(['s__a'])
    expect(await names(mcp)).toEqual(['s__a'])
  })
})

test.each(['{', '{}', '{"version":1,"servers":{"s":{"tools":{}}}}', '{"version":2,"servers":{}}'])(
  'where pins cannot be read nothing is called, and they are not written anew: %s',
  async (text) => {
    writeFileSync(path, text)
    for (const mode of ['tofu', 'locked'] as const) {
      const mcp = start(server(), mode)
      await expect(mcp.call('s', 'a', {})).rejects.toMatchObject({ code: 'TOOL_CHANGED', message: expect.stringContaining(path) })
      await expect(mcp.pinChanges()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    }
    expect(readFileSync(path, 'utf8')).toBe(text)
    const mcp = start(server(), 'locked')
    await mcp.approvePins('all')
    expect(await mcp.call('s', 'a', {})).toEqual(textResult('{}'))
  },
)

test('pins are checked again after a new connection and after the list has changed, and warn only warns', async () => {
  const own = server()
  const servers = fakeServers({ s: own })
  const mcp = createMcp(servers, { pins: { mode: 'tofu', store: path } })
  await mcp.call('s', 'a', {})
  own.tools = [definition('a', { title: 'Other' }), definition('b')]
  servers.drop('s')
  await expect(mcp.call('s', 'a', {})).rejects.toMatchObject({ code: 'TOOL_CHANGED' })
  expect(servers.calls).toHaveLength(1)
  expect(await names(start(own, 'warn'))).toEqual(['s__a', 's__b'])
  expect(problems).toMatchObject([{ problem: 's__a is not as it was approved' }])
  expect(await names(start(own, 'off'))).toEqual(['s__a', 's__b'])
})

test('two servers that are seen at first at once are both kept', async () => {
  const servers = fakeServers({ s: server(), t: server() })
  await createMcp(servers, { pins: { mode: 'tofu', store: path } }).list()
  expect(Object.keys((JSON.parse(readFileSync(path, 'utf8')) as { servers: object }).servers)).toEqual(['s', 't'])
})
