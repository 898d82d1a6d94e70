/** What each command prints and how it ends, called in this process. The same on real pipes and terminals: pipe.test, terminal.test. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { optionsOf } from '../../src/cli/calling/common-options.ts'
import { type Listed, call, callJson, emptyFolder, project } from './support.ts'

describe('help', () => {
  test('lists every command; its own help has every argument and option', async () => {
    const { code, stdout } = await call('/', ['--help'])
    expect(code).toBe(0)
    for (const command of COMMANDS) {
      expect(stdout).toContain(command.name.split(' ')[0])
      const help = await call('/', [...command.name.split(' '), '--help'], { columns: 400 })
      expect(help.code).toBe(0)
      for (const { flags } of optionsOf(command)) expect(help.stdout).toContain(flags)
      for (const { name } of command.arguments ?? []) expect(help.stdout).toContain(name)
    }
  })

  test('stands on standard error, and the call counts as wrong, where no command is given', async () => {
    const { code, stdout, stderr } = await call('/', [])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Usage: opspawn')
  })

  test('the version is that of the package', async () => {
    expect(await call('/', ['--version'])).toEqual({ code: 0, stdout: '9.9.9\n', stderr: '' })
  })
})

describe('calls that cannot be understood end with 2', () => {
  test.each([
    [['lst'], "unknown command 'lst'; did you mean list?"],
    [['list', '--stats', 'x'], "unknown option '--stats'; did you mean --status?"],
    [['list', '--status', 'asleep'], 'must be one of queued'],
    [['graph', '--format', 'png', 'x.yaml'], "argument 'png' is invalid"],
    [['approve'], "missing required argument 'run'"],
    [['list', '--limit', '0', '--store', 'runs.db'], '--limit must be a whole number above 0, not "0"'],
    [['list', '--waiting', '--status', 'failed', '--store', 'runs.db'], '--waiting and --status cannot be used together'],
    [['logs', '--since', 'soon', '--store', 'runs.db'], '--since must be a time such as 250ms'],
    [['list', '--store', 'other.db'], 'there is no file '],
    [['list'], 'which store? There is no opspawn.config.ts in '],
    [['run', 'parrot', 'x'], 'there is no opspawn.config.ts in '],
    [['list', '--config', 'other.ts'], 'there is no configuration '],
    [['approve', 'x', 'y', '--store', 'runs.db'], '--by is needed'],
    [['graph'], 'which workflow?'],
    [['validate', 'none.yaml'], 'cannot be read'],
    [['worker', '--store', 'runs.db'], 'a worker needs agents'],
    [['events', 'export', '--store', 'other.db'], 'there is no file '],
  ])('%j', async (args, text) => {
    const cwd = emptyFolder({ 'runs.db': '' })
    const { code, stdout, stderr } = await call(cwd, args)
    expect(stderr).toContain('error OPTIONS_INVALID: ')
    expect(stderr).toContain(text)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('as JSON too', async () => {
    const { code, stderr } = await call('/', ['lst', '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'OPTIONS_INVALID', exit: 2, retryable: false } })
    expect(stderr.trimEnd()).not.toContain('\n')
  })
})

describe('looking and acting', () => {
  test('list filters, pages, and tells what waits', async () => {
    const cwd = project()
    for (const id of ['one', 'two', 'three']) await call(cwd, ['run', 'mirror', id, '--id', id, '--tenant', id])
    await call(cwd, ['run', 'failing', '--id', 'bad'])
    await call(cwd, ['run', 'cashier', '--id', 'ask', '--detach'])
    await call(cwd, ['worker', '--until-idle'])
    const ids = async (...args: string[]): Promise<readonly string[]> =>
      (await callJson<Listed>(cwd, 'list', ...args)).runs.map(({ runId }) => runId)
    expect(await ids()).toEqual(['ask', 'bad', 'three', 'two', 'one'])
    expect(await ids('--status', 'failed', '--status', 'waiting')).toEqual(['ask', 'bad'])
    expect(await ids('--agent', 'mirror', '--limit', '2')).toEqual(['three', 'two'])
    expect(await ids('--tenant', 'two')).toEqual(['two'])
    const { cursor = '' } = await callJson<Listed>(cwd, 'list', '--limit', '3')
    expect(await ids('--limit', '3', '--cursor', cursor)).toEqual(['two', 'one'])
    expect((await call(cwd, ['list', '--limit', '3'])).stderr).toContain(`more: --cursor ${cursor}`)
    expect(await callJson(cwd, 'list', '--waiting')).toMatchObject({ runs: [{ runId: 'ask', approvals: [{ key: 'pay-1' }] }] })
    const { stdout } = await call(cwd, ['list', '--waiting'])
    expect(stdout).toMatch(/^RUN +AGENT +SINCE +APPROVAL +QUESTION\nask +cashier .* pay-1 +May cashier call pay\?\n$/)
    expect((await call(cwd, ['list', '--agent', 'none'])).stdout).toBe('no runs\n')
    expect((await call(cwd, ['list', '--agent', 'none', '--waiting'])).stdout).toBe('no runs wait\n')
  })

  test('inspect shows steps with attempts, times, tokens and cost', async () => {
    const cwd = project()
    await call(cwd, ['run', 'finder', 'x', '--id', 'found'])
    const { steps, usage, run } = await callJson<{ steps: readonly object[]; usage: object; run: object }>(
      cwd,
      'inspect',
      'found',
    )
    expect(run).toMatchObject({ runId: 'found', status: 'completed' })
    expect(usage).toMatchObject({ modelCalls: 2, toolCalls: 1, inputTokens: 20, outputTokens: 10 })
    const call1 = { attempts: 1, askedAt: expect.any(Number), endedAt: expect.any(Number), durationMs: expect.any(Number) }
    expect(steps).toMatchObject([
      { kind: 'model', inputTokens: 10, outputTokens: 5, cost: 20 / 1_000_000, ...call1 },
      { kind: 'tool', what: 'tool lookup {"q":1}', status: 'completed', ...call1 },
      { kind: 'model', result: 'Found it.', ...call1 },
    ])
    const { stdout } = await call(cwd, ['inspect', 'found'])
    expect(stdout).toContain('cost 0.000040')
    expect(stdout).not.toContain('\u001b')
    expect(await call(cwd, ['inspect', 'lost'])).toMatchObject({ code: 3, stdout: '' })
  })

  test('signal, approve, deny and cancel reach a run', async () => {
    const cwd = project()
    for (const [agent = '', id = ''] of [
      ['listener', 'ear'],
      ['cashier', 'yes'],
      ['cashier', 'no'],
      ['listener', 'end'],
    ])
      await call(cwd, ['run', agent, '--id', id, '--detach'])
    await call(cwd, ['worker', '--until-idle'])
    expect(await callJson(cwd, 'signal', 'ear', 'news', '{"rain":true}')).toEqual({
      runId: 'ear',
      name: 'news',
      payload: { rain: true },
    })
    expect(await callJson(cwd, 'approve', 'yes', '--by', 'ada')).toEqual({
      runId: 'yes',
      key: 'pay-1',
      approved: true,
      by: 'ada',
    })
    expect((await call(cwd, ['deny', 'no', 'pay-1', '--by', 'ada', '--reason', 'no'])).stdout).toBe('denied pay-1 of run no\n')
    expect((await call(cwd, ['cancel', 'end'])).stdout).toBe('asked run end to end\n')
    expect((await call(cwd, ['approve', 'ear', '--by', 'ada'])).code).toBe(3)
    expect((await call(cwd, ['signal', 'ear', 'opspawn.cancel'])).code).toBe(2)
    await call(cwd, ['worker', '--until-idle'])
    const outcome = async (id: string): Promise<unknown> =>
      (await callJson<{ run: { outcome: unknown } }>(cwd, 'inspect', id)).run.outcome
    expect(await outcome('ear')).toEqual({ status: 'completed', output: { heard: { rain: true } } })
    expect(await outcome('yes')).toEqual({ status: 'completed', output: { payment: 'completed' } })
    expect(await outcome('no')).toEqual({ status: 'completed', output: { payment: 'denied' } })
    expect(await outcome('end')).toMatchObject({ status: 'cancelled' })
    expect((await call(cwd, ['cancel', 'ear'])).stdout).toBe('run ear had ended already: completed\n')
  })

  test('logs filters by run, agent, level, type and time', async () => {
    const cwd = project()
    await call(cwd, ['run', 'finder', '--id', 'found'])
    await call(cwd, ['run', 'failing', '--id', 'bad'])
    const lines = async (...args: string[]): Promise<readonly string[]> => {
      const { stdout } = await call(cwd, ['logs', ...args])
      return stdout === '' ? [] : stdout.trimEnd().split('\n')
    }
    const all = await lines()
    expect(all[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}found finder run-start/)
    expect(all.every((line) => !line.includes('run-claim'))).toBe(true)
    expect((await lines('found')).every((line) => line.includes(' found finder '))).toBe(true)
    expect(await lines('--level', 'error')).toHaveLength(1)
    expect((await lines('--type', 'run-claim')).map((line) => line.split(/ +/)[2])).toEqual(['found', 'bad'])
    expect((await lines('--agent', 'failing', '--level', 'debug')).map((line) => line.split(/ +/)[4])).toEqual([
      'run-start',
      'run-claim',
      'run-end',
    ])
    expect(await lines('--since', '1h')).toEqual(all)
    expect(await lines('--until', '1h')).toEqual([])
    const { stdout } = await call(cwd, ['logs', 'bad', '--follow', '--json'])
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      runId: 'bad',
      level: 'error',
      event: { type: 'run-end' },
    })
    const followed = await call(cwd, ['logs', '--follow'], {
      onWrite: (interrupt, written) => void (written.includes('bad failing run-end') && interrupt('SIGINT')),
    })
    expect(followed).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('the file of the runs', () => {
  test('backup copies it, vacuum shrinks it, events export writes the histories', async () => {
    const cwd = project()
    await call(cwd, ['run', 'finder', '--id', 'found'])
    await call(cwd, ['run', 'failing', '--id', 'bad'])
    const { bytes } = await callJson<{ bytes: number }>(cwd, 'backup', 'copy.db')
    expect(bytes).toBeGreaterThan(1000)
    expect((await callJson<Listed>(cwd, 'list', '--store', 'copy.db')).runs).toHaveLength(2)
    const again = await call(cwd, ['backup', 'copy.db'])
    expect(again.code).toBe(9)
    expect(again.stderr).toContain('error STORE_FAILED')
    expect(await callJson(cwd, 'vacuum', '--store', 'copy.db')).toMatchObject({ deletedRuns: 0, bytesAfter: expect.any(Number) })
    expect((await call(cwd, ['vacuum'])).stdout).toMatch(/kB before, /)

    const { stdout } = await call(cwd, ['events', 'export'])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines[0]).toEqual({ format: 'opspawn-events/1' })
    expect(lines.filter((line) => 'run' in line)).toMatchObject([{ run: { runId: 'found' } }, { run: { runId: 'bad' } }])
    expect(lines.filter(({ runId }) => runId === 'bad').map(({ event }) => (event as { seq: number }).seq)).toEqual([1, 2, 3])
    expect(await callJson(cwd, 'events', 'export', 'bad', '-o', 'bad.ndjson')).toMatchObject({ runs: 1, events: 3 })
    expect(readFileSync(join(cwd, 'bad.ndjson'), 'utf8').trimEnd().split('\n')).toHaveLength(5)
    expect((await call(cwd, ['events', 'export', '-o', 'bad.ndjson'])).stderr).toContain('cannot be written')
    const failed = await call(cwd, ['events', 'export', '--status', 'failed', '--agent', 'failing'])
    expect(failed.stdout.match(/"run":/g)).toHaveLength(1)
  })

  test('is not made by looking at it', async () => {
    const cwd = project()
    expect((await call(cwd, ['vacuum'])).stderr).toContain('there is no file')
    expect((await call(cwd, ['list', '--store', 'typo.db'])).code).toBe(2)
    expect(existsSync(join(cwd, 'typo.db'))).toBe(false)
    writeFileSync(join(cwd, 'text.db'), 'this is no database, but it is long enough to be read as one'.repeat(20))
    const { code, stderr } = await call(cwd, ['list', '--store', 'text.db'])
    expect(code).toBe(9)
    expect(stderr).toContain('error STORE_FAILED')
  })
})
