import { expect, test } from 'vitest'
import { definition, fakeServers } from '../../../test/fixtures/mcp/fake-servers.ts'
import { createMcp, mcp, type McpOptions, type McpToolChoice, type McpToolOptions, mcpMemoryArtifacts } from './index.ts'

const servers = fakeServers({ s: { tools: [definition('note')] } })

test.each<[unknown, string]>([
  [5, 'mcp must be an object'],
  [{ timeout: 5 }, 'no member "timeout"'],
  [{ name: 'a b' }, 'name must be 1 to 50'],
  [{ register: 'all' }, 'register must be'],
  [{ maxResultBytes: 0 }, 'maxResultBytes must be a whole number'],
  [{ onProblem: 'x' }, 'onProblem must be a function'],
  [{ catalog: '' }, 'catalog must be a path'],
  [{ pins: {} }, 'pins needs a mode'],
  [{ pins: { mode: 'on' } }, 'mode must be off, warn'],
  [{ auto: { tools: -1 } }, 'mcp: auto: tools must be'],
  [{ access: { x: {} } }, 'names server "x", which is not configured; configured are s'],
  [{ access: { s: { trust: true } } }, 'access of server "s" has no member "trust"'],
  [{ access: { s: { labels: ['secret'] } } }, 'labels must be a list of private'],
  [{ access: { s: { rate: { calls: 5 } } } }, 'rate must be { calls, perMs }'],
  [{ access: { s: { tools: { a: { effect: 'transactional' } } } } }, 'tool "a" of server "s": effect must be'],
])('wrong options are refused: %j', (options, text) => {
  expect(() => createMcp(servers, options as McpToolOptions)).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining(text) }),
  )
})

test.each<[unknown, string]>([
  [undefined, 'takes an object with servers'],
  [{ servers: { a: {} } }, 'mcpServers.a'],
  [{ servers: { a: { command: 'x' } }, tools: 5 }, 'no member "tools"'],
])('so are those of mcp: %j', (options, text) => {
  expect(() => mcp(options as McpOptions)).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining(text) }),
  )
})

test.each<[unknown, string]>([
  [{ servers: ['t'] }, 'there is no server "t"; configured are s'],
  [{ mode: 'both' }, 'mode must be'],
  [{ tool: 'x' }, 'no member "tool"'],
])('so are choices of tools: %j', async (choice, text) => {
  const handle = createMcp(servers, {})
  await expect(handle.tools(choice as McpToolChoice)).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    message: expect.stringContaining(text),
  })
})

test('so are bounds of what is kept, and servers that are not there', async () => {
  expect(() => mcpMemoryArtifacts({ maxBytes: 0 })).toThrow('maxBytes must be')
  const handle = createMcp(servers, {})
  await expect(handle.call('t', 'a', {})).rejects.toMatchObject({ code: 'TOOL_UNKNOWN' })
  await expect(handle.call('s', 'notes', {})).rejects.toMatchObject({
    code: 'TOOL_UNKNOWN',
    message: expect.stringContaining('nearest: note'),
  })
  await expect(handle.resources('t')).rejects.toMatchObject({ code: 'TOOL_UNKNOWN' })
})

test('two handles stand side by side, each with a name of its own', async () => {
  const handle = createMcp(servers, { name: 'other' })
  expect((await handle.tools({ mode: 'proxy' })).map(({ name }) => name)).toEqual(['other'])
  expect((await handle.tools({ mode: 'direct' })).map(({ name }) => name)).toEqual(['s__note', 'other_more'])
})
