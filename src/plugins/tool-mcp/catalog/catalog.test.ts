import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import real from '../../../../test/fixtures/mcp/real-tools.json' with { type: 'json' }
import { definition, type FakeServer, fakeServers, textResult } from '../../../../test/fixtures/mcp/fake-servers.ts'
import { SEARCH_QUERIES } from '../../../../test/fixtures/mcp/search-queries.ts'
import type { JsonObject } from '../../../core/index.ts'
import { createMcp, type McpProblem, mcpCatalogFile } from '../index.ts'
import type { McpToolDefinition } from '../port.ts'
import { boundedSchema } from './bounded-schema.ts'
import { cleanText, visibleText } from './clean-text.ts'
import { joinCatalogs } from './joined.ts'
import { qualifiedName } from './names.ts'
import { toolSearch } from './search.ts'
import { serverCatalog } from './server-catalog.ts'

const pinned = { identity: {}, instructions: undefined }
const catalogOf = (server: string, tools: readonly unknown[]): ReturnType<typeof serverCatalog> =>
  serverCatalog(server, { items: tools as readonly McpToolDefinition[], broken: [] }, pinned)
const realCatalogs = Object.entries(real).map(([server, { tools }]) => catalogOf(server, tools))

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'opspawn-mcp-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('names', () => {
  test('are the server and the tool, with what providers refuse replaced', () => {
    expect(qualifiedName('fs', 'read_file')).toBe('fs__read_file')
    expect(qualifiedName('a.b', 'x/y z')).toBe('a_b__x_y_z')
    expect(qualifiedName('-a', 'b')).toBe('_a__b')
  })

  test('of 90 characters are cut to 64, the same each time, and differ where the whole differs', () => {
    const long = qualifiedName('s'.repeat(30), `${'t'.repeat(59)}a`)
    expect(long).toHaveLength(64)
    expect(long).toMatch(/^[A-Za-z0-9_-]+$/)
    expect(qualifiedName('s'.repeat(30), `${'t'.repeat(59)}a`)).toBe(long)
    expect(qualifiedName('s'.repeat(30), `${'t'.repeat(59)}b`)).not.toBe(long)
  })

  test('that two tools would have belong to neither, and both sources are named', () => {
    const joined = joinCatalogs([catalogOf('a', [definition('x.y'), definition('x/y'), definition('z')])])
    expect(joined.tools.map(({ id }) => id)).toEqual(['a__z'])
    expect(joined.clashes).toEqual([
      '"x.y" of server "a" and "x/y" of server "a" would both be called a__x_y; rename one of the servers',
    ])
    const across = joinCatalogs([catalogOf('a__b', [definition('c')]), catalogOf('a', [definition('b__c')])])
    expect([across.tools, across.clashes.length]).toEqual([[], 1])
  })

  test('of two servers with one tool name are both there', () => {
    const joined = joinCatalogs([catalogOf('b', [definition('same')]), catalogOf('a', [definition('same')])])
    expect(joined.tools.map(({ id }) => id)).toEqual(['a__same', 'b__same'])
  })
})

describe('a definition', () => {
  test('that cannot be used is reported, and the nineteen others are there', () => {
    const tools = Array.from({ length: 19 }, (_, at) => definition(`tool-${at}`))
    const { tools: usable, broken } = catalogOf('s', [...tools.slice(0, 7), { name: 'bad', inputSchema: 'x' }, ...tools.slice(7)])
    expect(usable).toHaveLength(19)
    expect(broken).toEqual([{ tool: 'bad', problem: 'its inputSchema is no object' }])
  })

  test.each<[unknown, string]>([
    [undefined, 'its name is no text'],
    [{ ...definition('x'), name: 5 }, 'its name is no text'],
    [definition('a​b'), 'hidden characters'],
    [definition('a b'), 'blanks'],
    [{ ...definition('x'), description: 5 }, 'its description is no text'],
    [definition('x', { inputSchema: { type: 'string' } }), 'of type "string"'],
    [definition('x', { inputSchema: { type: 'object', properties: { 'a‮': {} } } }), 'hidden characters'],
    [definition('x', { inputSchema: { $ref: 'https://evil.example/s.json' } }), 'out of the schema'],
    [definition('x', { outputSchema: [] as never }), 'outputSchema is no object'],
  ])('is refused: %#', (given, text) => {
    const { tools, broken } = catalogOf('s', [given])
    expect(tools).toEqual([])
    expect(broken[0]?.problem).toContain(text)
  })

  test('is shown without characters that are not seen, and kept as it came', () => {
    const hidden = 'Adds​ two‮ numbers.\u0007\u{E0041}'
    const [tool] = catalogOf('s', [
      definition('add', { description: hidden, inputSchema: { type: 'object', properties: { a: { description: '⁦a' } } } }),
    ]).tools
    expect(tool?.description).toBe('Adds two numbers.')
    expect(tool?.input).toEqual({ type: 'object', properties: { a: { description: 'a' } } })
    expect(tool?.raw['description']).toBe(hidden)
    expect(visibleText(hidden)).toBe('Adds\\u{200b} two\\u{202e} numbers.\\u{7}\\u{e0041}')
    expect(cleanText('x'.repeat(20), 10)).toBe(`${'x'.repeat(9)}…`)
  })

  test('with a schema of 200 levels or 20,000 nodes is refused, one within the bounds is not', () => {
    let deep: JsonObject = { type: 'object' }
    for (let level = 0; level < 100; level += 1) deep = { properties: { a: deep } }
    expect(() => boundedSchema(deep, 'schema')).toThrow('deeper than 128')
    const wide = { properties: Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`p${at}`, true])) }
    expect(() => boundedSchema(wide, 'schema')).toThrow('more than 10000 nodes')
    expect(boundedSchema({ properties: { a: { items: {} } } }, 'schema').nodes).toBe(4)
  })

  test('with a pattern that is none is used without it', () => {
    const bounded = boundedSchema({ properties: { a: { pattern: '(' } }, patternProperties: { '[': {}, b: {} } }, 'schema')
    expect(bounded.schema).toEqual({ properties: { a: {} }, patternProperties: { b: {} } })
    expect(bounded.remarks).toHaveLength(2)
  })
})

describe('search', () => {
  const joined = joinCatalogs(realCatalogs)

  test('finds the right one of 36 tools among the first five, 27 times of 30', () => {
    expect(joined.tools).toHaveLength(36)
    const { find } = toolSearch(joined.tools)
    const found = SEARCH_QUERIES.filter(([query, tool]) => find(query, 5, () => true).some(({ id }) => id === tool))
    expect(SEARCH_QUERIES).toHaveLength(30)
    expect(found.length).toBeGreaterThanOrEqual(27)
  })

  test('finds nothing that is not accepted, and knows words of names in any form', () => {
    const { find } = toolSearch(joined.tools)
    expect(find('read text file', 5, ({ server }) => server === 'memory').every(({ server }) => server === 'memory')).toBe(true)
    expect(find('readTextFile', 1, () => true)[0]?.id).toBe('filesystem__read_text_file')
  })
})

describe('the catalog of a handle', () => {
  test('reads a list again when the server says that it has changed, and after a new connection; search follows', async () => {
    const servers = fakeServers({ s: { tools: [definition('one')] } })
    await using mcp = createMcp(servers, {})
    const names = async (): Promise<readonly string[]> => (await mcp.list()).map(({ tool }) => tool)
    expect(await names()).toEqual(['s__one'])
    const server = servers.servers['s'] as FakeServer
    server.tools = [definition('two')]
    expect(await names()).toEqual(['s__one'])
    servers.tell('s', { type: 'changed', what: 'tools' })
    expect(await names()).toEqual(['s__two'])
    server.tools = [definition('three')]
    servers.tell('s', { type: 'changed', what: 'prompts' })
    expect(await names()).toEqual(['s__two'])
    // The next use connects anew.
    servers.drop('s')
    await mcp.resources('s')
    expect(await names()).toEqual(['s__three'])
    expect(servers.lists).toEqual(['s', 's', 's'])
  })

  test('has tools before a connection, from a file, and holds them to the server at the first call', async () => {
    const path = join(folder, 'catalog.json')
    const servers = fakeServers({ s: { tools: [definition('one'), definition('two')] } })
    await createMcp(servers, { catalog: path }).list()
    const later = fakeServers({ s: { tools: [definition('one'), definition('two', { description: 'Other.' })] } })
    await using mcp = createMcp(later, { catalog: mcpCatalogFile(path) })
    const [one] = await mcp.tools({ mode: 'direct' })
    expect([one?.name, later.lists]).toEqual(['s__one', []])
    await expect(mcp.call('s', 'one', {})).resolves.toEqual(textResult('{}'))
    expect(later.lists).toEqual(['s'])
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ s: { tools: [{ name: 'one' }, { description: 'Other.' }] } })
  })

  test('does not use what was kept of another server of the name, and says when a file cannot be read', async () => {
    const path = join(folder, 'catalog.json')
    await createMcp(fakeServers({ s: { tools: [definition('one')] } }), { catalog: path }).list()
    const other = fakeServers({ s: { tools: [definition('two')], identity: { command: 'other' } } })
    await using mcp = createMcp(other, { catalog: path })
    expect((await mcp.tools({ mode: 'direct' })).map(({ name }) => name)).toEqual(['s__two', 'mcp_more'])
    writeFileSync(path, '{')
    await using broken = createMcp(other, { catalog: path })
    await expect(broken.tools()).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(path) })
  })

  test('keeps apart what servers show to different principals, and writes none of it down', async () => {
    const path = join(folder, 'catalog.json')
    const servers = fakeServers({ s: { tools: [definition('one')], isPersonal: true } })
    await using mcp = createMcp(servers, { catalog: path })
    await mcp.tools({ principal: 'ada' })
    ;(servers.servers['s'] as FakeServer).tools = [definition('two')]
    expect((await mcp.tools({ principal: 'bob', mode: 'direct' }))[0]?.name).toBe('s__two')
    expect((await mcp.tools({ principal: 'ada', mode: 'direct' }))[0]?.name).toBe('s__one')
    expect(() => readFileSync(path)).toThrow('ENOENT')
  })

  test('has tools of each principal before a connection, for that principal alone, where that is wanted', async () => {
    const path = join(folder, 'catalog.json')
    const server = { tools: [definition('one')], isPersonal: true }
    const options = { catalog: path, catalogPersonal: true }
    const first = fakeServers({ s: server, t: { tools: [definition('shared')] } })
    await using before = createMcp(first, options)
    await before.tools({ principal: 'ada' })
    ;(first.servers['s'] as FakeServer).tools = [definition('two')]
    await before.tools({ principal: 'bob of s' })
    const later = fakeServers({ s: { ...server, tools: [definition('three')] }, t: { tools: [] } })
    await using mcp = createMcp(later, options)
    const names = async (principal: string): Promise<readonly string[]> =>
      (await mcp.tools({ principal, mode: 'direct' })).map(({ name }) => name)
    expect(await names('ada')).toEqual(['s__one', 't__shared', 'mcp_more'])
    expect(await names('bob of s')).toEqual(['s__two', 't__shared', 'mcp_more'])
    expect(later.lists).toEqual([])
    expect(await names('eve')).toEqual(['s__three', 't__shared', 'mcp_more'])
    // What was kept is no leave to call: the first call asks the server as that principal.
    await expect(mcp.call('s', 'one', {}, { principal: 'ada' })).rejects.toMatchObject({ code: 'TOOL_CHANGED' })
    await using careful = createMcp(later, { catalog: path })
    await careful.tools({ principal: 'ada' })
    expect(later.lists).toEqual(['s', 's', 's'])
    const wanted = process.platform === 'win32' ? statSync(path).mode : 0
    // Windows has no such rights.
    expect(statSync(path).mode & 0o077).toBe(wanted & 0o077)
  })

  test('keeps all servers that are read at once', async () => {
    const path = join(folder, 'catalog.json')
    const names = ['a', 'b', 'c', 'd']
    const servers = fakeServers(Object.fromEntries(names.map((name) => [name, { tools: [definition('x')] }])))
    await using mcp = createMcp(servers, { catalog: path })
    await mcp.list()
    expect(Object.keys(JSON.parse(readFileSync(path, 'utf8')) as object).toSorted()).toEqual(names)
  })

  test('tells problems once, and of a server that is away there is never an empty list', async () => {
    const told: McpProblem[] = []
    const servers = fakeServers({ a: { tools: [definition('x'), {}] }, b: { tools: [], away: 'no route' } })
    await using mcp = createMcp(servers, { onProblem: (problem) => void told.push(problem) })
    expect((await mcp.tools({ mode: 'direct' })).map(({ name }) => name)).toEqual(['a__x', 'mcp_more'])
    servers.tell('a', { type: 'changed', what: 'tools' })
    await mcp.list()
    expect(told).toEqual([{ server: 'a', tool: '?', problem: 'its name is no text of 1 to 256 characters' }])
    await expect(mcp.tools({ servers: ['b'], mode: 'direct' })).rejects.toMatchObject({
      code: 'TOOL_UNAVAILABLE',
      message: expect.stringContaining('no route'),
    })
  })
})
