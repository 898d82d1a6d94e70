/** The real command on pipes, in a process of its own. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { node, root } from '../examples/run-example.ts'
import { emptyFolder, opspawn, project, start } from './support.ts'

describe('the command on pipes', () => {
  test('keeps data and remarks apart, plain, and ends with the code of the table', async () => {
    const cwd = project()
    expect(await opspawn(cwd, 'run', 'parrot', 'x')).toMatchObject({
      code: 0,
      stdout: 'Hello from the parrot.\n',
      stderr: expect.stringMatching(/^completed run /),
    })
    const failed = await opspawn(cwd, 'run', 'failing', '--json')
    expect(failed.code).toBe(1)
    expect(JSON.parse(failed.stdout)).toMatchObject({ status: 'failed', outcome: { error: { code: 'TOOL_FAILED' } } })
    expect(JSON.parse(failed.stderr)).toMatchObject({ error: { code: 'TOOL_FAILED', exit: 1 } })
    const unknown = await opspawn(cwd, 'inspct', 'x')
    expect(unknown).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('did you mean inspect?') })
    expect(await opspawn(cwd, 'inspect', 'x')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error RUN_UNKNOWN: .*\n {2}hint: /),
    })
    expect((await opspawn(cwd, 'inspect', 'x', '--debug')).stderr).toMatch(/\n +at .*look-up\.ts/)
  })

  test.each([
    ['export default {', 'config-syntax'],
    ['enum E { A }\nexport default {}', 'config-syntax'],
    ['import "./none.ts"\nexport default {}', 'config-failed'],
  ])('tells what is wrong with the configuration %j', async (text, reason) => {
    const cwd = emptyFolder({ 'opspawn.config.ts': text })
    const { code, stdout, stderr } = await opspawn(cwd, 'agents', '--json')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'OPTIONS_INVALID', details: { reason } } })
    expect((await opspawn(cwd, 'agents')).stderr).not.toMatch(/^ +at /m)
  })

  test('an agent that is wrong keeps its own code', async () => {
    const index = pathToFileURL(join(root, 'src/index.ts')).href
    const cwd = emptyFolder({
      'opspawn.config.ts': `import { defineAgent } from '${index}'\nexport default { agents: [defineAgent({ name: '' })] }\n`,
    })
    const { code, stderr } = await opspawn(cwd, 'agents')
    expect(stderr).toMatch(/^error (AGENT|NAME)_INVALID: .*opspawn\.config\.ts: /)
    expect([2, 78]).toContain(code)
  })

  test('an interrupt ends the run, and the process with 130', async () => {
    const running = start(project(), ['run', 'sleeper', 'x', '--watch'])
    await running.written('tool hang')
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect(code).toBe(130)
    expect(stderr).toContain('error RUN_CANCELLED')
  })

  test('SIGTERM lets a worker stop, and leaves a run for another worker', async () => {
    const cwd = project()
    const worker = start(cwd, ['worker'])
    await worker.written('is ready')
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('stopping') })
    const running = start(cwd, ['run', 'sleeper', 'x', '--id', 'nap', '--watch'])
    await running.written('tool hang')
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 143, stderr: expect.stringContaining('left run nap') })
    const listed = await opspawn(cwd, 'list', '--status', 'queued', '--json')
    expect(JSON.parse(listed.stdout)).toMatchObject({ runs: [{ runId: 'nap', deliveries: 0 }] })
  })

  test('logs of a run in another process are followed to its end', async () => {
    const cwd = project()
    const running = start(cwd, ['run', 'listener', '--id', 'ear', '--watch'])
    await running.written('wait for signal news')
    const following = start(cwd, ['logs', 'ear', '-f', '--store', 'runs.db'])
    await following.written('wait for signal news')
    expect(await opspawn(cwd, 'signal', 'ear', 'news', 'rain', '--store', 'runs.db')).toMatchObject({ code: 0 })
    expect(await following.ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('run-end completed {"heard":"rain"}'),
    })
    expect(await running.ended).toMatchObject({ code: 0 })
  })

  test('a reader that is gone ends the writing without a fault', async () => {
    const cwd = project()
    await opspawn(cwd, 'run', 'parrot', 'x', '--id', 'one')
    const command = `"${node}" "${join(root, 'src/cli/main.ts')}" logs -f --store runs.db | true`
    const options = { cwd, encoding: 'utf8', timeout: 20_000 } as const
    const { status, stderr } = spawnSync('bash', ['-c', `set -o pipefail; ${command}`], options)
    expect({ status, stderr }).toEqual({ status: 141, stderr: '' })
  })

  test('an older Node is refused in one sentence', () => {
    const older = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.1' } })`
    const { status, stdout, stderr } = spawnSync(node, ['--import', older, join(root, 'src/cli/main.ts'), 'list'], {
      encoding: 'utf8',
    })
    expect({ status, stdout, stderr }).toEqual({
      status: 78,
      stdout: '',
      stderr: 'opspawn needs Node 22.18 or newer; this is Node 20.11.1.\n',
    })
  })
})
