/** `opspawn run` and what a terminal adds, called in this process. */
import { describe, expect, test } from 'vitest'
import { type Listed, call, callJson, emptyFolder, project } from './support.ts'

describe('run', () => {
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

describe('a terminal', () => {
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
