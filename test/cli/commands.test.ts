/** What each command prints and how it ends, called in this process. The same on real pipes and terminals: pipe.test, terminal.test. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { optionsOf } from '../../src/cli/common-options.ts'
import { call, callJson, emptyFolder, project } from './support.ts'

interface Listed {
  readonly runs: readonly { readonly runId: string; readonly status: string; readonly agent: string }[]
  readonly cursor?: string
}

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

describe('run', { timeout: 60_000 }, () => {
  test('gives the output on standard output and the rest on standard error', async () => {
    const { code, stdout, stderr } = await call(project(), ['run', 'parrot', 'say', 'hello'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hello from the parrot.\n' })
    expect(stderr).toMatch(/^completed run \S+: 1 model calls, 15 tokens, /)
  })

  test.each([
    [['words', 'of', 'text'], '', 'words of text'],
    [['--input', '{"a":1}'], '', { a: 1 }],
    [['--input', 'no json'], '', 'no json'],
    [['--set', 'a=1', '-s', 'b=x=y'], '', { a: 1, b: 'x=y' }],
    [['--input', '@in.json'], '', { from: 'file' }],
    [['--input', '@in.yaml'], '', { from: ['yaml'] }],
    [['--input', '@in.txt'], '', 'plain\n'],
    [['--input', '-'], '{"from":"stdin"}', { from: 'stdin' }],
    [[], '', null],
  ])('takes its input from %j', async (args, stdin, heard) => {
    const cwd = project({ 'in.json': '{"from":"file"}', 'in.yaml': 'from: [yaml]', 'in.txt': 'plain\n' })
    const { code, stdout } = await call(cwd, ['run', 'mirror', ...args, '--json'], { stdin })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', outcome: { output: { heard } } })
  })

  test.each([
    [['run', 'mirror', 'x', '--input', '1'], 2, 'in more than one way'],
    [['run', 'mirror', '--input', '@none.json'], 2, 'cannot be read'],
    [['run', 'mirror', '--input', '@bad.json'], 2, 'is not JSON'],
    [['run', 'mirror', '--set', 'x'], 2, '--set takes name=value'],
    [['run', 'mirror', '--priority', 'high'], 2, '--priority must be a whole number'],
    [['run', 'parot'], 3, 'error AGENT_UNKNOWN: there is no agent "parot"; did you mean parrot?'],
    [['run', 'nobody'], 3, 'error AGENT_UNKNOWN'],
    [['run', 'failing'], 1, 'error TOOL_FAILED: it broke \\u001b[2J'],
    [['run', 'sleeper', '--timeout', '20ms'], 8, 'error RUN_TIMEOUT'],
  ])('%j ends with %i', async (args, code, text) => {
    const called = await call(project({ 'bad.json': '{' }), args)
    expect(called.stderr).toContain(text)
    expect(called).toMatchObject({ code, stdout: '' })
  })

  test('writes a line for each event, in order, with --watch', async () => {
    const { stderr } = await call(project(), ['run', 'finder', 'x', '--watch'])
    const types = stderr.split('\n').map((line) => /^[\d:.]{12} ([a-z-]+)/.exec(line)?.[1])
    const known = types.filter((type) => type !== undefined && !type.endsWith('-delta'))
    expect(known).toEqual([
      'run-start',
      'run-claim',
      'decision',
      'effect-end',
      'decision',
      'effect-end',
      'decision',
      'effect-end',
      'run-end',
    ])
    expect(types).toContain('text-delta')
    expect(stderr).toContain('found \\u001b[31mred')
  })

  test('writes events and the result as lines of JSON with --watch --json', async () => {
    const { stdout, stderr } = await call(project(), ['run', 'parrot', 'x', '--watch', '--json'])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, { type?: string }>)
    expect(lines[0]?.['event']?.type).toBe('run-start')
    expect(lines.at(-2)?.['event']?.type).toBe('run-end')
    expect(lines.at(-1)).toMatchObject({ result: { status: 'completed', durationMs: expect.any(Number) } })
    expect(stderr).toBe('')
  })

  test('the first interrupt ends the run, the second leaves it; a request to end hands it to another worker', async () => {
    const cwd = project()
    let told = 0
    const once = await call(cwd, ['run', 'sleeper', 'x', '--id', 'once', '--watch'], {
      onWrite: (interrupt, written) => {
        if (written.includes('tool hang') && told++ === 0) interrupt('SIGINT')
      },
    })
    expect(once.code).toBe(130)
    expect(once.stderr).toContain('asking the run to end')
    expect(once.stderr).toContain('error RUN_CANCELLED')
    told = 0
    const twice = await call(cwd, ['run', 'sleeper', 'x', '--id', 'twice', '--watch'], {
      onWrite: (interrupt, written) => {
        if (!written.includes('tool hang') || told++ > 0) return
        interrupt('SIGINT')
        interrupt('SIGINT')
      },
    })
    expect(twice).toMatchObject({ code: 130, stderr: expect.stringContaining('left run twice') })
    told = 0
    const left = await call(cwd, ['run', 'sleeper', 'x', '--id', 'left', '--watch'], {
      onWrite: (interrupt, written) => {
        if (written.includes('tool hang') && told++ === 0) interrupt('SIGTERM')
      },
    })
    expect(left.code).toBe(143)
    expect(left.stderr).toContain('left run left')
    const { runs } = await callJson<Listed>(cwd, 'list')
    expect(runs.filter(({ runId }) => runId !== 'twice').map(({ runId, status }) => [runId, status])).toEqual([
      ['left', 'queued'],
      ['once', 'cancelled'],
    ])
  })

  test('hands in alone with --detach, and only where a worker can find it', async () => {
    const cwd = project()
    expect(await call(cwd, ['run', 'echo', '--detach', '--id', 'later'])).toMatchObject({ code: 0, stdout: 'later\n' })
    expect((await callJson<Listed>(cwd, 'list')).runs).toMatchObject([{ runId: 'later', status: 'queued' }])
    expect(await call(cwd, ['worker', '--until-idle'])).toMatchObject({ code: 0 })
    expect((await callJson<Listed>(cwd, 'list')).runs).toMatchObject([{ runId: 'later', status: 'completed' }])
    const memory = emptyFolder({ 'opspawn.config.mjs': 'export default { agents: [] }' })
    expect((await call(memory, ['run', 'echo', '--detach'])).stderr).toContain('--detach needs a store that a worker shares')
    const looked = await call(memory, ['list'])
    expect(looked.code).toBe(78)
    expect(looked.stderr).toContain('error PLUGIN_CAPABILITY_MISSING')
  })

  test('the same key gives the run that exists', async () => {
    const cwd = project()
    const first = await callJson(cwd, 'run', 'mirror', 'x', '--key', 'k')
    expect(await callJson(cwd, 'run', 'mirror', 'x', '--key', 'k')).toEqual(first)
    expect((await callJson<Listed>(cwd, 'list')).runs).toHaveLength(1)
  })

  test('runs a workflow document, with a configuration or with a file alone', async () => {
    const cwd = project({
      'find.yaml':
        'name: find\ntasks:\n  look: { tool: lookup, with: { q: "${{ input.q }}" } }\noutput: "${{ tasks.look.output }}"\n',
    })
    const { code, stdout } = await call(cwd, ['run', 'find.yaml', '--set', 'q=1'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'found \\u001b[31mred\\u001b[0m\n' })
    const bare = emptyFolder({ 'nap.yaml': 'name: nap\ntasks:\n  rest: { sleep: 1ms }\n' })
    const napped = await call(bare, ['run', 'nap.yaml'])
    expect(napped.code).toBe(0)
    expect(napped.stderr).toContain('kept in memory and lost')
    expect((await call(bare, ['run', 'none.yaml'])).stderr).toContain('there is no file')
  })
})

describe('a terminal', { timeout: 60_000 }, () => {
  test('sees what is open redrawn and what has settled left, without a line that is too long', async () => {
    const cwd = project()
    const { code, stdout, stderr } = await call(cwd, ['run', 'finder', 'x', '--watch', '--no-color'], { columns: 50 })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Found it.\n' })
    expect(stderr).toContain('✓ tool lookup {"q":1}')
    expect(stderr).toContain('Found it.')
    const redrawn = stderr.split('\n').filter((line) => /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/.test(line))
    expect(redrawn.filter((line) => line.length >= 50)).toEqual([])
    // As many lines are taken back as were drawn: at the end nothing of the region is left.
    expect(stderr.trimEnd().split('\u001b[J').at(-1)).toMatch(/^completed run /)
  })

  test('is told how to answer when the run waits for a person', async () => {
    const cwd = project()
    let asked = false
    const { code, stderr } = await call(cwd, ['run', 'cashier', '--id', 'ask', '--watch'], {
      columns: 100,
      env: { FORCE_COLOR: '0' },
      onWrite: (interrupt, written) => {
        if (asked || !written.includes('opspawn approve ask pay-1 --by YOU')) return
        asked = true
        interrupt('SIGINT')
      },
    })
    expect(code).toBe(130)
    expect(stderr).toContain('? pay-1 waits for approval: May cashier call pay?')
    expect(stderr).toContain('✗ tool pay')
    const bar = await call(cwd, ['run', 'parrot', 'x'], { columns: 100 })
    expect(bar.stderr).toMatch(/\r\p{Cc}\[Kparrot \S+ {2}\d+ ms/u)
    const exported = await call(cwd, ['events', 'export', '-o', 'all'], { columns: 100 })
    expect(exported.stderr).toMatch(/exporting [█░]{24} \d\/2/)
  })

  test('logs of all runs are followed while they grow', async () => {
    const cwd = project()
    await call(cwd, ['run', 'listener', '--id', 'ear', '--detach'])
    await call(cwd, ['worker', '--until-idle'])
    let step = 0
    let acting: Promise<unknown> = Promise.resolve()
    const followed = await call(cwd, ['logs', '-f', '--store', 'runs.db'], {
      onWrite: (interrupt, written) => {
        if (step === 0 && written.includes('ear listener decision')) {
          step = 1
          acting = call(cwd, ['signal', 'ear', 'news']).then(() => call(cwd, ['worker', '--until-idle', '--json']))
        }
        if (written.includes('ear listener run-end')) interrupt('SIGINT')
      },
    })
    await acting
    expect(followed.code).toBe(0)
    const seen = followed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ +/)[4])
    expect(seen).toEqual(['run-start', 'decision', 'signal', 'effect-end', 'run-end'])
  })
})

describe('looking and acting', { timeout: 60_000 }, () => {
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

describe('configurations', { timeout: 60_000 }, () => {
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

describe('workflow documents', { timeout: 60_000 }, () => {
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

describe('the file of the runs', { timeout: 60_000 }, () => {
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
