/** MCP servers from the command line: the real command on pipes, a server that is a process. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../examples/run-example.ts'
import { emptyFolder, json, opspawn } from './support.ts'

const tool = (name: string, description: string): object => ({ name, description, inputSchema: { type: 'object' } })

function folderWith(mode: string, tools: readonly object[]): string {
  const stub = join(root, 'test/fixtures/mcp/stub-server.mjs')
  const cwd = emptyFolder({ 'tools.json': JSON.stringify(tools) })
  const servers = { stub: { command: process.execPath, args: [stub, join(cwd, 'tools.json')] } }
  const pins = { mode, store: join(cwd, 'mcp.lock.json') }
  const text = `import { mcp } from 'opspawn/plugins/tool-mcp'
export default { plugins: [mcp({ servers: ${JSON.stringify(servers)}, pins: ${JSON.stringify(pins)} })] }\n`
  writeFileSync(join(cwd, 'opspawn.config.ts'), text)
  return cwd
}

describe('mcp', () => {
  test('pins, shows what has changed with what cannot be seen, and approves it', async () => {
    const cwd = folderWith('locked', [tool('a', 'Does a.'), tool('b', 'Does b.')])
    expect(await json(cwd, 'mcp', 'list')).toMatchObject({
      tools: [
        { tool: 'stub__a', effect: 'unsafe', approval: true, quarantine: expect.stringContaining('never approved') },
        { tool: 'stub__b' },
      ],
      problems: [{ server: 'stub' }, { server: 'stub' }],
    })
    expect(await opspawn(cwd, 'mcp', 'pin')).toMatchObject({ code: 0, stdout: 'approved 2 tools\n' })
    expect(await opspawn(cwd, 'mcp', 'diff')).toMatchObject({ code: 0, stdout: 'nothing differs\n' })
    writeFileSync(join(cwd, 'tools.json'), JSON.stringify([tool('a', 'Does a.​'), tool('c', 'Does b.')]))
    expect(await opspawn(cwd, 'mcp', 'diff')).toMatchObject({
      code: 1,
      stdout: `changed stub a\n  /description: "Does a." -> "Does a.\\u{200b}"\ngone stub b\nrenamed stub c\n  /name: "b" -> "c"\n`,
    })
    expect(await opspawn(cwd, 'mcp', 'approve', 'stub__a')).toMatchObject({ code: 0, stdout: 'approved stub__a\n' })
    const listed = await opspawn(cwd, 'mcp', 'list')
    expect(listed.stdout).toMatch(
      /stub__a +unsafe +always +[0-9a-f]{12} +- +Does a\.\nstub__c +unsafe +always +[0-9a-f]{12} +held back/,
    )
    expect(listed.stderr).toContain('stub__c was never approved')
    expect(await opspawn(cwd, 'mcp', 'approve', 'stub__x')).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining('TOOL_UNKNOWN'),
    })
  })

  test('says when there are no servers, and when pins cannot be read', async () => {
    const cwd = folderWith('tofu', [tool('a', 'Does a.')])
    writeFileSync(join(cwd, 'mcp.lock.json'), '{')
    expect(await opspawn(cwd, 'mcp', 'diff')).toMatchObject({ code: 9, stderr: expect.stringContaining('mcp.lock.json') })
    writeFileSync(join(cwd, 'opspawn.config.ts'), 'export default {}\n')
    expect(await opspawn(cwd, 'mcp', 'list')).toMatchObject({ code: 2, stderr: expect.stringContaining('has no MCP servers') })
  })
})
