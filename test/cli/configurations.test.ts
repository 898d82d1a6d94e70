/** What commands make of configurations and workflow documents, called in this process. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { type Listed, call, callJson, emptyFolder, project } from './support.ts'

describe('configurations', () => {
  test.each([
    ['export default 7', 'config-export', 'is a value of type number'],
    ['export const other = 1', 'config-export', 'is missing'],
    ['export default { start() {} }', 'config-export', 'is an orchestrator that is open already'],
    ['export default async () => []', 'config-export', 'is a list'],
    ['throw new Error("no luck")', 'config-failed', 'no luck'],
    ['export default () => { throw new Error("later") }', 'config-failed', 'later'],
  ])('%s is refused', async (text, reason, message) => {
    const cwd = emptyFolder({ 'opspawn.config.mjs': text })
    const { code, stderr } = await call(cwd, ['agents', '--json'])
    expect(code).toBe(2)
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string; details: object } }
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', details: { reason } })
    expect(error.message).toContain(message)
  })

  test('agents and tools tell what is registered, also by extensions', async () => {
    const cwd = project()
    const { agents } = await callJson<{ agents: readonly object[] }>(cwd, 'agents')
    expect(agents).toContainEqual({ name: 'finder', models: { default: 'scripted/scripted' }, tools: ['lookup'], delegates: [] })
    const { tools } = await callJson<{ tools: readonly object[] }>(cwd, 'tools')
    expect(tools).toContainEqual({
      name: 'pay',
      description: 'Pays an amount.',
      effect: 'unsafe',
      labels: ['outbound'],
      approval: true,
      agents: ['cashier'],
    })
    expect((await call(cwd, ['tools'])).stdout).toContain('Comes with an extension.')
    expect((await call(cwd, ['agents'])).stdout).toMatch(/^AGENT +PLANNER/)
  })

  test('doctor tells what is sound and what is not', async () => {
    const cwd = project()
    await call(cwd, ['run', 'cashier', '--detach'])
    await call(cwd, ['worker', '--until-idle'])
    const { checks } = await callJson<{ checks: readonly { name: string; status: string }[] }>(cwd, 'doctor')
    expect(Object.fromEntries(checks.map(({ name, status }) => [name, status]))).toEqual({
      node: 'ok',
      'node:sqlite': 'ok',
      configuration: 'ok',
      agents: 'ok',
      durability: 'ok',
      store: 'ok',
      runs: 'ok',
      approvals: 'warning',
    })
    const broken = emptyFolder({ 'opspawn.config.mjs': 'export default { agents: [{}], store: "runs.db" }' })
    const { code, stdout } = await call(broken, ['doctor'])
    expect(code).toBe(78)
    expect(stdout).toMatch(/error {4}agents +(AGENT|PLUGIN)_INVALID/)
  })

  test('inspect and doctor tell what a run is pinned to that no worker has any more', async () => {
    const cwd = project()
    await call(cwd, ['run', 'cashier', '--detach'])
    await call(cwd, ['worker', '--until-idle'])
    const [{ runId } = { runId: '' }] = (await callJson<Listed>(cwd, 'list')).runs
    expect((await call(cwd, ['inspect', runId])).stdout).toMatch(/pinned +cashier@\w+, last registered .* by process \d+ on /)
    const db = new DatabaseSync(join(cwd, 'runs.db'))
    // As if it had been accepted long ago, under another definition.
    db.exec("UPDATE runs SET status = 'queued', ready = 1, due_at = NULL, updated_at = 0, definition = 'cashier@gone'")
    db.exec("UPDATE details SET origin = json_set(origin, '$.definition', 'gone')")
    db.close()
    const { checks } = await callJson<{ checks: readonly { name: string; text: string }[] }>(cwd, 'doctor')
    const found = checks.find(({ name }) => name === 'definition')
    expect(found?.text).toMatch(
      /^1 ready, pinned to cashier@gone, no worker that registered it is on record; the latest is cashier@/,
    )
  })

  test('init writes what runs, and overwrites nothing', async () => {
    const cwd = emptyFolder({ '.gitignore': 'mine' })
    expect(await callJson(cwd, 'init', 'new')).toEqual({
      folder: join(cwd, 'new'),
      files: ['opspawn.config.ts', 'hello.yaml', '.gitignore'],
    })
    expect((await callJson<{ files: readonly string[] }>(cwd, 'init')).files).toEqual(['opspawn.config.ts', 'hello.yaml'])
    expect(readFileSync(join(cwd, '.gitignore'), 'utf8')).toBe('mine')
    const again = await call(cwd, ['init'])
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('has opspawn.config.ts and hello.yaml already')
  })
})

describe('workflow documents', () => {
  const BAD = 'name: bad\ntasks:\n  a: { tol: x }\n  b: { tool: looukp, needs: c }\n'
  const GOOD = 'name: good\ntasks:\n  a: { tool: lookup }\n  b: { needs: a, workflow: other }\n'
  const OTHER = 'name: other\ntasks:\n  rest: { sleep: 1ms }\n'

  test('validate tells every problem with its place, with and without a configuration', async () => {
    const bare = emptyFolder({ 'bad.yaml': BAD, 'good.yaml': GOOD })
    const found = await call(bare, ['validate', 'bad.yaml', 'good.yaml'])
    expect(found.code).toBe(78)
    const lines = found.stdout.trimEnd().split('\n')
    expect(lines.length).toBeGreaterThan(1)
    for (const line of lines) expect(line).toMatch(/^bad\.yaml:\d+:\d+ /)
    expect(found.stderr).toMatch(/^error AGENT_INVALID: \d problems in 1 of 2 documents\n$/)
    expect(found.stdout).not.toContain('looukp')
    expect(await call(bare, ['validate', 'good.yaml'])).toMatchObject({ code: 0, stdout: '' })

    const cwd = project({ 'bad.yaml': BAD, 'good.yaml': GOOD, 'other.yaml': OTHER })
    expect((await call(cwd, ['validate', 'bad.yaml'])).stdout).toContain('there is no tool "looukp"; did you mean "lookup"?')
    expect((await call(cwd, ['validate', 'bad.yaml', '--no-config'])).stdout).not.toContain('looukp')
    expect((await call(cwd, ['validate', 'good.yaml'])).stdout).toContain('there is no workflow "other"')
    expect(await call(cwd, ['validate', 'good.yaml', 'other.yaml'])).toMatchObject({ code: 0 })
    const { stdout, code } = await call(cwd, ['validate', 'bad.yaml', 'other.yaml', '--json'])
    expect(code).toBe(78)
    expect(JSON.parse(stdout)).toMatchObject({
      files: [
        {
          file: 'bad.yaml',
          valid: false,
          problems: expect.arrayContaining([expect.objectContaining({ line: 3, rule: 'unknown-key' })]),
        },
        { file: 'other.yaml', valid: true, name: 'other', problems: [] },
      ],
    })
  })

  test('validate names a circle of documents that start one another, with a configuration and without', async () => {
    const calls = (name: string, other: string): string => `name: ${name}\ntasks:\n  go: { workflow: ${other} }\n`
    const files = {
      'a.yaml': calls('a', 'b'),
      'b.yaml': calls('b', 'c'),
      'c.yaml': calls('c', 'a'),
      'd.yaml': calls('d', 'parrot'),
    }
    for (const cwd of [emptyFolder(files), project(files)]) {
      const { code, stdout } = await call(cwd, ['validate', 'a.yaml', 'b.yaml', 'c.yaml', 'd.yaml'])
      expect(code).toBe(78)
      expect(stdout).toContain('a.yaml:3:19 workflows start one another in a circle: a → b → c → a (/tasks/go/workflow)')
      expect(stdout).toContain('b → c → a → b')
      expect(stdout).not.toContain('d.yaml')
    }
  })

  test('graph draws a document and where a run stands in it', async () => {
    const cwd = project({ 'other.yaml': OTHER })
    expect((await call(cwd, ['graph', 'other.yaml'])).stdout).toMatch(/^flowchart TD\n/)
    expect((await call(cwd, ['graph', 'other.yaml', '--format', 'dot'])).stdout).toMatch(/^digraph "other" \{/)
    await call(cwd, ['run', 'other.yaml', '--id', 'done'])
    const drawn = await callJson(cwd, 'graph', 'other.yaml', '--run', 'done')
    expect(drawn).toMatchObject({ workflow: 'other', format: 'mermaid', tasks: [{ name: 'rest', status: 'completed' }] })
    expect((await call(cwd, ['graph', 'parot'])).stderr).toContain('did you mean parrot?')
    expect((await call(cwd, ['graph', 'parrot'])).stderr).toContain('is no workflow')
  })
})
