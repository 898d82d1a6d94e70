/** Skills of a server: read when they are wanted, and given only as they were listed. */
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { httpStub, type HttpStub } from '../../../../test/fixtures/mcp/http-stub.ts'
import { mcp, mcpDriverV1, mcpDriverV2, type Mcp, type McpDriver } from '../index.ts'

const SLOW = 60_000
const ROOT = 'skill://brew-tea/'
const FILES = {
  'SKILL.md': '---\nname: brew-tea\ndescription: Brews tea\n---\n\nBoil water.\n',
  'references/LEAVES.md': 'Green.\n',
}

const stubs: HttpStub[] = []
const handles: Mcp[] = []
afterEach(async () => {
  await Promise.all(handles.splice(0).map((one) => one.close()))
  await Promise.all(stubs.splice(0).map((one) => one.end()))
}, SLOW)

/** A server with one skill, whose files are given with what `given` has in their place; and a handle to it. */
async function serverWith(given: Readonly<Record<string, string>>, driver: McpDriver) {
  const read: string[] = []
  const entry = {
    uri: `${ROOT}SKILL.md`,
    frontmatter: { name: 'brew-tea', description: 'Brews tea' },
    resources: Object.entries(FILES).map(([path, text]) => ({
      uri: `${ROOT}${path}`,
      digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
      size: Buffer.byteLength(text),
    })),
  }
  const answers: Readonly<Record<string, (params: { readonly uri?: string }) => object>> = {
    initialize: () => ({
      protocolVersion: '2025-11-25',
      capabilities: { resources: {}, extensions: { 'io.modelcontextprotocol/skills': {} } },
      serverInfo: { name: 'teas', version: '1' },
    }),
    'skills/list': () => ({ skills: [entry] }),
    'resources/read': ({ uri = '' }) => {
      read.push(uri)
      const path = uri.slice(ROOT.length) as keyof typeof FILES
      return { contents: [{ uri, text: given[path] ?? FILES[path] }] }
    },
  }
  const stub = await httpStub(({ body }, response, { id, method = '' }) => {
    const answer = answers[method]
    if (answer === undefined) return false
    const { params = {} } = JSON.parse(body) as { readonly params?: { readonly uri?: string } }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: answer(params) }))
    return true
  })
  stubs.push(stub)
  const handle = mcp({ servers: { teas: { url: stub.url } }, driver })
  handles.push(handle)
  return { handle, read }
}

describe('skills', { timeout: SLOW }, () => {
  it('are listed without being read, and read with what they were listed as', async () => {
    const { handle, read } = await serverWith({}, mcpDriverV2())
    const [skill] = await handle.skills('teas')
    expect([skill, read]).toEqual([{ uri: `${ROOT}SKILL.md`, name: 'brew-tea', description: 'Brews tea' }, []])
    const file = await handle.readSkill('teas', `${ROOT}SKILL.md`)
    expect([Buffer.from(file.bytes).toString('utf8'), file.isVerified]).toEqual([FILES['SKILL.md'], true])
    await handle.readSkill('teas', `${ROOT}SKILL.md`, 'references/LEAVES.md')
    expect(read).toEqual([`${ROOT}SKILL.md`, `${ROOT}references/LEAVES.md`])
    await expect(handle.readSkill('teas', 'skill://other/SKILL.md')).rejects.toMatchObject({ code: 'TOOL_FAILED' })
    await expect(handle.readSkill('teas', `${ROOT}SKILL.md`, '../secret')).rejects.toMatchObject({ code: 'TOOL_OUTPUT_INVALID' })
    expect(read).toHaveLength(2)
  })

  it.each([
    ['of another text', 'SKILL.md', FILES['SKILL.md'].replace('Boil', 'Burn')],
    ['of another size', 'references/LEAVES.md', 'Green, and what I say.\n'],
  ])('are not given with a file %s', async (_what, path, text) => {
    const { handle } = await serverWith({ [path]: text }, mcpDriverV2())
    const file = path === 'SKILL.md' ? undefined : path
    await expect(handle.readSkill('teas', `${ROOT}SKILL.md`, file)).rejects.toMatchObject({ code: 'TOOL_OUTPUT_INVALID' })
  })

  it('are not there with the older library, which says so', async () => {
    const { handle } = await serverWith({}, mcpDriverV1())
    await expect(handle.skills('teas')).rejects.toMatchObject({ message: expect.stringContaining('mcpDriverV2') })
  })
})
