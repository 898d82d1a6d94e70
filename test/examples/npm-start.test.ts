/** The main command as a user types it, killed in the middle with everything that it started. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root, type Running, startProcess } from './run-example.ts'

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

function start(): Running {
  const env = { ASK_FOLDER_STORE: join(scratch, 'runs'), ASK_FOLDER_MEMORY: join(scratch, 'memory') }
  const args = ['start', '--silent', '--', folder, QUESTION, '--pause', '1.5']
  return startProcess('npm', args, { cwd: root, env, detached: true })
}

// Windows has no groups of processes that a signal ends.
test.skipIf(process.platform === 'win32')(
  'npm start that is killed with -9 and typed again goes on, and makes no finished step again',
  async () => {
    const first = start()
    await first.written('2. read_file')
    process.kill(-(first.child.pid ?? NaN), 'SIGKILL')
    const { signal, stdout } = await first.ended
    expect(signal).toBe('SIGKILL')
    expect(stdout).toContain('1. search_passages')
    expect(stdout).not.toContain('completed')
    expect(await readdir(join(scratch, 'runs')), 'the run is kept').not.toEqual([])

    const second = await start().ended
    expect(second.code).toBe(0)
    const [before = '', after = ''] = second.stdout.split('so far recorded before; from here on new')
    expect(before).toContain('Goes on   with the run that an earlier process left')
    expect(before).toContain('1. search_passages')
    expect(after).not.toContain('search_passages')
    expect(after).toContain('handbook.md:3')
    expect(after).toContain('\ncompleted · ')
  },
)
