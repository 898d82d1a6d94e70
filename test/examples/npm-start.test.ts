/** The main command as a user types it, killed in the middle with everything that it started. */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { node, root, type Running, startProcess } from './run-example.ts'

const QUESTION = 'What happens when the lamp fails?'
let scratch = ''
let folder = ''

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'opspawn-npm-start-'))
  folder = join(scratch, 'lighthouse')
  await mkdir(folder)
  await writeFile(join(folder, 'handbook.md'), '# Handbook\n\nWhen the lamp fails, the keeper starts the spare lamp.\n')
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

function start(...args: readonly string[]): Running {
  const env = { ASK_FOLDER_STORE: join(scratch, 'runs'), ASK_FOLDER_MEMORY: join(scratch, 'memory') }
  return startProcess('npm', ['start', '--silent', '--', ...args], { cwd: root, env, detached: true })
}

test.each<[string, (path: string) => Promise<unknown>, RegExp]>([
  ['a path that is not there', async () => {}, /^INPUT_INVALID: \S+: there is no such folder or file\n$/],
  ['an empty folder', (path) => mkdir(path), /^INPUT_INVALID: \S+: no Markdown or text file to read here\n$/],
  ['a binary file', (path) => writeFile(path, 'lamp\0lamp'), /no Markdown or text file to read here\n {2}\S+\.md: binary/],
  [
    'a file of 50 MB',
    (path) => writeFile(path, '').then(() => truncate(path, 50_000_000)),
    /no Markdown or text file to read here\n {2}\S+\.md: 50 MB, above the limit of 5\.0 MB for one file\n$/,
  ],
])('npm start refuses %s with a sentence and a code that is not 0', async (what, make, text) => {
  const path = join(scratch, `${what.replaceAll(' ', '-')}.md`)
  await make(path)
  const { code, stdout, stderr } = await start(path, QUESTION).ended
  expect(stderr).toMatch(text)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(stdout).toBe('')
  expect(code).toBe(2)
})

test('an older Node is refused in one sentence', () => {
  const older = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.1' } })`
  const { status, stdout, stderr } = spawnSync(node, ['--import', older, join(root, 'scripts/assert-node.mjs')], {
    encoding: 'utf8',
  })
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: 'opspawn needs Node 22.18 or newer; this is Node 20.11.1.\n',
  })
})

// Windows has no groups of processes that a signal ends.
test.skipIf(process.platform === 'win32')(
  'npm start that is killed with -9 and typed again goes on, and makes no finished step again',
  async () => {
    const args = [folder, QUESTION, '--pause', '1.5']
    const first = start(...args)
    await first.written('2. read_file')
    process.kill(-(first.child.pid ?? NaN), 'SIGKILL')
    const { signal, stdout } = await first.ended
    expect(signal).toBe('SIGKILL')
    expect(stdout).toContain('1. search_passages')
    expect(stdout).not.toContain('completed')
    expect(await readdir(join(scratch, 'runs')), 'the run is kept').not.toEqual([])

    const second = await start(...args).ended
    expect(second.code).toBe(0)
    const [before = '', after = ''] = second.stdout.split('so far recorded before; from here on new')
    expect(before).toContain('Goes on   with the run that an earlier process left')
    expect(before).toContain('1. search_passages')
    expect(after).not.toContain('search_passages')
    expect(after).toContain('handbook.md:3')
    expect(after).toContain('\ncompleted · ')
  },
)
