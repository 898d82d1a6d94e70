/** Whatever is given wrong: a code, a sentence that says what and where, and no fault of ours. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { node, root } from '../examples/run-example.ts'
import { call, emptyFolder, opspawn, project } from './support.ts'

const MAIN = join(root, 'src/cli/main.ts')
const refused = (text: string, code = 'OPTIONS_INVALID') => ({
  code: code === 'OPTIONS_INVALID' ? 2 : (expect.any(Number) as number),
  stdout: '',
  stderr: expect.stringContaining(`error ${code}: ${text}`) as string,
})

describe('files', () => {
  test('an input that is no YAML', async () => {
    const cwd = project({ 'bad.yaml': 'a: [1,\nb: }' })
    const called = await call(cwd, ['run', 'parrot', '--input', '@bad.yaml'])
    expect(called).toEqual(refused(`${join(cwd, 'bad.yaml')} is not YAML: Flow sequence`))
    expect(called.stderr).toMatch(/at line 2, column 1\n$/)
  })
  test('an output that is there already, or is a folder', async () => {
    const cwd = project({ 'there.ndjson': '' })
    await call(cwd, ['run', 'parrot', 'x'])
    for (const [name, why] of [
      ['there.ndjson', 'EEXIST'],
      ['.', 'EEXIST'],
      ['nowhere/x', 'ENOENT'],
    ] as const)
      expect(await call(cwd, ['events', 'export', '-o', name])).toEqual(refused(`${join(cwd, name)} cannot be written: ${why}`))
  })
  test('a folder to begin in that is a file', async () => {
    const cwd = emptyFolder({ taken: '' })
    expect(await call(cwd, ['init', 'taken'])).toEqual(refused(`${join(cwd, 'taken')} cannot be written: EEXIST`))
  })
  test.each(['', '.'])('a folder in place of a store: --store %j', async (given) => {
    const cwd = emptyFolder()
    const text = `--store takes a file such as runs.db, and ${cwd} is a folder`
    expect(await call(cwd, ['list', '--store', given])).toEqual(refused(text))
  })
  test('a store that is not there is not made by who looks after it', async () => {
    const cwd = project()
    const { code, stdout } = await call(cwd, ['doctor', '--store', 'mistyped.db'])
    expect([code, stdout]).toEqual([2, expect.stringMatching(/error +store +OPTIONS_INVALID: there is no file .*mistyped\.db/)])
    expect(existsSync(join(cwd, 'mistyped.db'))).toBe(false)
  })
})

describe('a configuration', () => {
  const configured = (text: string): string => emptyFolder({ 'opspawn.config.mjs': text })

  test('that is a folder', async () => {
    const cwd = emptyFolder()
    mkdirSync(join(cwd, 'opspawn.config.ts'))
    const text = `the configuration ${join(cwd, 'opspawn.config.ts')} is a folder`
    expect(await call(cwd, ['agents'])).toEqual(refused(text))
    expect(await call(cwd, ['agents', '--config', 'opspawn.config.ts'])).toEqual(refused(text))
  })
  test('that is left out where it is needed', async () => {
    expect(await call(project(), ['agents', '--no-config'])).toEqual(refused('this needs a configuration, and --no-config'))
  })
  test('that needs a package which is not installed', async () => {
    const { code, stderr } = await call(configured(`import 'not-installed-here'`), ['agents'])
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('hint: install it in the folder of the configuration: npm install not-'),
    ])
  })
  test.each([
    ['{ agent: [] }', 'has no member "agent"; did you mean agents?'],
    ['{ other: 1 }', 'has no member "other"; it may have agents, plugins, store'],
    ['{ agents: 5 }', 'must be a list of agents'],
    ['{ agents: [7] }', 'must be a list of agents'],
    ['{ plugins: "x" }', 'must be a list of plugins'],
    ['{ store: 5 }', 'must be a store, or the path of a file'],
    ['{ store: {} }', 'must be a store, or the path of a file'],
    ['{ scheduler: 1 }', 'must be a scheduler'],
  ])('%s, whatever is called', async (options, text) => {
    const cwd = configured(`export default ${options}`)
    for (const words of [['agents'], ['tools'], ['list'], ['vacuum'], ['schedules', 'list'], ['mcp', 'list'], ['run', 'x']]) {
      const { code, stderr } = await call(cwd, words)
      expect([words, code, stderr]).toEqual([words, 2, expect.stringContaining(text)])
    }
  })
  test('with a part that is none', async () => {
    const called = await call(configured('export default { agents: [{}] }'), ['agents'])
    expect(called).toEqual(refused('an agent or a plugin of the configuration has no spec', 'PLUGIN_INVALID'))
  })
})

test('a workflow of the configuration, by its file: what to do', async () => {
  const cwd = emptyFolder({ 'nap.yaml': 'name: nap\ntasks: { rest: { sleep: 1s } }\n' })
  const text = `import { loadWorkflow } from '${pathToFileURL(join(root, 'src/plugins/planner-workflow/index.ts')).href}'
export default async () => ({ agents: [await loadWorkflow('name: nap\\ntasks: { rest: { sleep: 1s } }')] })`
  writeFileSync(join(cwd, 'opspawn.config.mjs'), text)
  const { code, stderr } = await call(cwd, ['run', 'nap.yaml'])
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(/^error NAME_DUPLICATE[^]*hint: a workflow that the configuration has/m),
  ])
})

test('a number that is too large: how large it may be', async () => {
  const { stderr } = await call(project(), ['list', '--limit', '9'.repeat(20)])
  expect(stderr).toMatch(/--limit must be a whole number above 0, and below 1,000,000,000, not "9+"/)
})

test('a schedule that there is not: where they stand', async () => {
  const cwd = project()
  await call(cwd, ['run', 'parrot', 'x'])
  const { code, stderr } = await call(cwd, ['schedules', 'trigger', 'nightly'])
  expect([code, stderr]).toEqual([3, expect.stringContaining('hint: `opspawn schedules list`')])
})

test('every command of two words is told of by its first', async () => {
  const { stdout } = await call('/', ['--help'])
  const told = stdout.slice(stdout.indexOf('Commands:')).trim().split('\n').slice(1)
  expect(told.filter((line) => !/^ {2}\S.* {2,}\S|^ {10,}\S/.test(line))).toEqual([])
})

describe('a real process', () => {
  test.skipIf(process.versions.node.startsWith('22.'))(
    'says that a configuration is empty (not on Node 22, which does not tell it from one without options)',
    async () => {
      const cwd = emptyFolder({ 'opspawn.config.ts': '' })
      const text = `the default export of ${join(cwd, 'opspawn.config.ts')} is missing`
      expect(await opspawn(cwd, 'agents')).toMatchObject(refused(text))
    },
  )
  test('in a folder that is gone says so', () => {
    const folder = emptyFolder()
    const script = `rmdir "$PWD" && exec "${node}" "${MAIN}" list`
    const { status, stderr } = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8', timeout: 20_000 })
    mkdirSync(folder)
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^error OPTIONS_INVALID: the folder .*\n {2}hint: .*\n$/),
    })
  })
  test.skipIf(!existsSync('/dev/full'))('on a full disk says that nothing was written (not where there is no /dev/full)', () => {
    const script = `"${node}" "${MAIN}" --help > /dev/full`
    const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', timeout: 20_000 })
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^error OPTIONS_INVALID: what was to be said cannot be written: ENOSPC/),
    })
  })
})
