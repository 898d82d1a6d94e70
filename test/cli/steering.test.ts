/** Setting runs aside, beginning again, and answering for interrupted calls: the real command on pipes, in processes of its own. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { sqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { call, callJson, hasTerminal, json, opspawn, project, start, startOnTerminal } from './support.ts'

interface Listed {
  readonly runs: readonly Readonly<Record<string, unknown>>[]
}

/** In this process: quick, for what is not what a test is about. */
const quick = (cwd: string, ...args: readonly string[]): ReturnType<typeof call> => call(cwd, args)
const notesIn = (cwd: string): { readonly NOTES: string } => ({ NOTES: join(cwd, 'notes') })
const count = (cwd: string, word: string): number =>
  existsSync(join(cwd, 'notes')) ? readFileSync(join(cwd, 'notes'), 'utf8').split(`${word}\n`).length - 1 : 0

describe('pause and resume', { timeout: 240_000 }, () => {
  test('a run is set aside, says since when and by whom, and goes on when it is resumed', async () => {
    const cwd = project()
    await opspawn(cwd, 'run', 'mirror', 'x', '--id', 'one', '--detach')
    expect(
      await opspawn(cwd, 'pause', 'one', '--by', 'ada', '--reason', 'let me see', '--no-config', '--store', 'runs.db'),
    ).toMatchObject({
      code: 0,
      stdout: 'asked run one to pause\n',
    })
    await start(cwd, ['worker', '--until-idle']).ended
    const { runs } = await json<Listed>(cwd, 'list')
    const paused = { since: expect.any(Number), by: 'ada', reason: 'let me see' }
    expect(runs).toMatchObject([{ runId: 'one', status: 'paused', paused }])
    expect((await opspawn(cwd, 'list')).stdout).toMatch(/ paused .* since \d{4}-.*Z by ada: let me see\n/)
    const inspected = await opspawn(cwd, 'inspect', 'one')
    expect(inspected.stdout).toMatch(/\npaused {3}since .* by ada: let me see\n/)
    expect(inspected.stdout).toContain('opspawn resume one --by YOU')
    expect(await json(cwd, 'pause', 'one')).toEqual({ runs: [{ runId: 'one', status: 'paused' }] })

    expect(await json(cwd, 'resume', 'one', '--by', 'bob')).toMatchObject({ runs: [{ runId: 'one', status: 'queued' }] })
    await start(cwd, ['worker', '--until-idle']).ended
    expect(await json(cwd, 'inspect', 'one')).toMatchObject({ run: { status: 'completed', outcome: { output: { heard: 'x' } } } })
    for (const command of ['pause', 'resume']) {
      const late = await opspawn(cwd, command, 'one')
      expect(late.code).toBe(4)
      expect(late.stderr).toContain('error RUN_FINISHED: ')
    }
    expect(await opspawn(cwd, 'pause', 'none')).toMatchObject({ code: 3, stdout: '' })
    expect(await opspawn(cwd, 'paus', 'one')).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean pause?') })
  })

  test('a run in quarantine shows its evidence, and is let out', async () => {
    const cwd = project()
    await opspawn(cwd, 'run', 'mirror', 'x', '--id', 'sick', '--detach')
    const store = sqliteStore({ path: join(cwd, 'runs.db') })
    for (const how of ['drain', 'quarantine'] as const) {
      const [claim] = await store.claim({ workerId: `worker-${how}`, leaseMs: 1000, runId: 'sick' })
      if (claim === undefined) throw new Error('not ready')
      await store.release(claim.fence, { how })
    }
    await store[Symbol.asyncDispose]()
    const claims = [
      { at: expect.any(Number), epoch: 1, worker: 'worker-drain' },
      { at: expect.any(Number), epoch: 2, worker: 'worker-quarantine' },
    ]
    expect(await json(cwd, 'inspect', 'sick')).toMatchObject({
      run: { status: 'quarantined' },
      quarantined: { since: expect.any(Number), claims, open: [] },
    })
    const inspected = await opspawn(cwd, 'inspect', 'sick')
    expect(inspected.stdout).toContain('its workers kept dying; 2 claims in which nothing was settled:')
    expect(inspected.stdout).toMatch(/claim 2 by worker-quarantine\n/)
    expect((await opspawn(cwd, 'list')).stdout).toContain('after 2 claims in which nothing was settled')
    await opspawn(cwd, 'resume', 'sick')
    await start(cwd, ['worker', '--until-idle']).ended
    expect(await json(cwd, 'inspect', 'sick')).toMatchObject({ run: { status: 'completed' } })
  })
})

describe('resolve', { timeout: 240_000 }, () => {
  test('an unsafe call that was cut off is shown as a question, and not made again when it happened', async () => {
    const cwd = project()
    const first = start(cwd, ['run', 'sender', '--id', 'transfer', '--watch'], { ...notesIn(cwd), HANG: '1' })
    await first.written('tool wire')
    while (count(cwd, 'wired') === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    first.child.kill('SIGKILL')
    await first.ended
    const worker = start(cwd, ['worker', '--until-idle'], notesIn(cwd))
    await worker.ended
    const { runs } = await json<Listed>(cwd, 'list', '--waiting')
    const question = 'wire was interrupted and may have happened. May it be called again?'
    expect(runs).toMatchObject([{ runId: 'transfer', approvals: [{ kind: 'outcome', key: 'wire-1', question }] }])
    expect((await opspawn(cwd, 'list')).stdout).toContain('a call may have happened: resolve')
    const inspected = await opspawn(cwd, 'inspect', 'transfer')
    expect(inspected.stdout).toContain(`does not know of wire-1: ${question}`)
    expect(inspected.stdout).toContain('opspawn resolve transfer wire-1 --by YOU --happened')

    const wrong = await opspawn(cwd, 'approve', 'transfer', 'wire-1', '--by', 'ada')
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('error APPROVAL_UNKNOWN') })
    const none = await opspawn(cwd, 'approve', 'transfer', '--by', 'ada')
    expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining('run transfer waits for no approval') })
    for (const args of [[], ['--happened', '--not-happened'], ['--not-happened', '--output', '1']]) {
      expect(await opspawn(cwd, 'resolve', 'transfer', ...args, '--by', 'ada')).toMatchObject({ code: 2, stdout: '' })
    }
    expect(await opspawn(cwd, 'resolve', 'transfer', '--happened')).toMatchObject({ code: 2 })
    const answer = ['--happened', '--output', '{"sent":"yesterday"}', '--by', 'ada', '--reason', 'the account says so']
    expect(await json(cwd, 'resolve', 'transfer', ...answer)).toEqual({
      runId: 'transfer',
      key: 'wire-1',
      happened: true,
      output: { sent: 'yesterday' },
      by: 'ada',
      reason: 'the account says so',
    })
    expect(await opspawn(cwd, 'resolve', 'transfer', 'wire-1', '--not-happened', '--by', 'bob')).toMatchObject({ code: 4 })
    await start(cwd, ['worker', '--until-idle'], notesIn(cwd)).ended
    expect(await json(cwd, 'inspect', 'transfer')).toMatchObject({ run: { outcome: { output: { sent: 'yesterday' } } } })
    expect(count(cwd, 'wired')).toBe(1)
  })
})

test('what a run below waits for is shown with its own id, and answered from the run above', { timeout: 240_000 }, async () => {
  const cwd = project()
  await opspawn(cwd, 'run', 'boss', '--id', 'top', '--detach')
  await start(cwd, ['worker', '--until-idle'], notesIn(cwd)).ended
  const { children } = await json<{ children: readonly { runId: string }[] }>(cwd, 'inspect', 'top')
  const below = children[0]?.runId ?? ''
  expect((await opspawn(cwd, 'inspect', 'top')).stdout).toContain(`opspawn approve ${below} pay-1 --by YOU`)
  expect((await opspawn(cwd, 'list', '--waiting')).stdout).toContain(`May cashier call pay? (run ${below})`)
  expect(await json(cwd, 'approve', 'top', '--by', 'ada')).toEqual({ runId: below, key: 'pay-1', approved: true, by: 'ada' })
  await start(cwd, ['worker', '--until-idle'], notesIn(cwd)).ended
  expect(await json(cwd, 'inspect', 'top')).toMatchObject({ run: { outcome: { output: 'completed' } } })
  expect(count(cwd, 'paid')).toBe(1)
})

describe('retry and fork', { timeout: 240_000 }, () => {
  test('retry begins where the run failed and does nothing again that completed; fork does as it is told', async () => {
    const cwd = project({ broken: '' })
    const notes = notesIn(cwd)
    expect(await start(cwd, ['run', 'reader', '--id', 'first'], notes).ended).toMatchObject({ code: 1 })
    expect([count(cwd, 'fetched'), count(cwd, 'tried')]).toEqual([1, 1])
    rmSync(join(cwd, 'broken'))
    const again = await start(cwd, ['retry', 'first', '--id', 'second', '--watch', '--json'], notes).ended
    expect(again).toMatchObject({ code: 0, stderr: '' })
    const lines = again.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, object>)
    expect(lines.at(-1)).toMatchObject({
      result: { runId: 'second', status: 'completed', outcome: { output: 'mended' }, forkOf: { runId: 'first' } },
    })
    expect([count(cwd, 'fetched'), count(cwd, 'tried')]).toEqual([1, 2])
    expect((await opspawn(cwd, 'inspect', 'second')).stdout).toMatch(/\nfork of +first, event \d+\n/)

    const whole = await start(cwd, ['fork', 'first', '--after-seq', '1', '--id', 'third'], notes).ended
    expect(whole).toMatchObject({ code: 0, stdout: 'mended\n' })
    expect([count(cwd, 'fetched'), count(cwd, 'tried')]).toEqual([2, 3])

    const over = await opspawn(cwd, 'retry', 'second')
    expect(over).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^error STATE_INVALID: .*\n {2}hint: `opspawn fork`/),
    })
    expect(await opspawn(cwd, 'fork', 'first', '--after-seq', '99')).toMatchObject({ code: 2, stdout: '' })
    expect(await opspawn(cwd, 'fork', 'first', '--agent', 'nobody')).toMatchObject({ code: 3, stdout: '' })
    expect(await opspawn(cwd, 'fork', 'none')).toMatchObject({ code: 3, stdout: '' })
    expect(await opspawn(cwd, 'retry', 'first', '--no-config', '--store', 'runs.db')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the new run needs its agent'),
    })
  })

  test('fork takes another input or agent; with --detach a worker does it', async () => {
    const cwd = project()
    await opspawn(cwd, 'run', 'mirror', 'x', '--id', 'one')
    expect(await json(cwd, 'fork', 'one', '--set', 'a=1')).toMatchObject({ outcome: { output: { heard: { a: 1 } } } })
    expect(await json(cwd, 'fork', 'one', '--agent', 'echo')).toMatchObject({ agent: 'echo', outcome: { output: 'echo' } })
    expect(await opspawn(cwd, 'fork', 'one', '--input', '"y"', '--id', 'two', '--detach')).toMatchObject({
      code: 0,
      stdout: 'two\n',
    })
    expect(await json(cwd, 'inspect', 'two')).toMatchObject({ run: { status: 'queued' }, input: 'y' })
    await start(cwd, ['worker', '--until-idle']).ended
    expect(await json(cwd, 'inspect', 'two')).toMatchObject({ run: { outcome: { output: { heard: 'y' } } } })
  })
})

/** A configuration with another mirror, and without the listener. */
function otherConfig(): string {
  const config = pathToFileURL(join(import.meta.dirname, 'programs/config.ts')).href
  return `import config from '${config}'
const { agents, ...rest } = config()
const decide = ({ input }: { input: unknown }) => ({ type: 'finish', output: { heard: input, now: 'else' } })
export default {
  ...rest,
  agents: agents
    .filter(({ name }) => name !== 'listener')
    .map((agent) => (agent.name === 'mirror' ? { ...agent, planner: { ...agent.planner, version: '2', decide } } : agent)),
}
`
}

describe('replay', { timeout: 240_000 }, () => {
  test('names the first difference between what was decided and what would be today, and ends with a code', async () => {
    const cwd = project({ 'other.config.ts': otherConfig() })
    for (const [agent = '', id = ''] of [
      ['mirror', 'm'],
      ['finder', 'f'],
      ['failing', 'b'],
    ])
      await opspawn(cwd, 'run', agent, 'x', '--id', id)
    await opspawn(cwd, 'run', 'listener', '--id', 'ear', '--detach')
    await start(cwd, ['worker', '--until-idle']).ended
    expect(await opspawn(cwd, 'replay')).toMatchObject({ code: 0, stdout: '', stderr: 'same: 4 of 4 runs decide alike today\n' })
    expect(await json(cwd, 'replay', 'm')).toMatchObject({
      runs: [{ runId: 'm', same: true, decisions: 1 }],
      same: 1,
      different: 0,
    })

    const changed = await opspawn(cwd, 'replay', '--config', 'other.config.ts')
    expect(changed.code).toBe(1)
    expect(changed.stdout).toMatch(/^ear listener waiting skipped: there is no agent "listener" today\n/)
    expect(changed.stdout).toMatch(/m mirror completed event 3, \/output\/now\n {2}recorded .*\n {2}today .*else/)
    expect(changed.stderr).toMatch(/^different: 2 of 4 runs decide alike today, 1 skipped; 1 would go on in another way/)
    const { code, stdout } = await opspawn(cwd, 'replay', '--config', 'other.config.ts', '--agent', 'mirror', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      runs: [{ runId: 'm', same: false, seq: 3, path: '/output/now' }],
      different: 1,
      skipped: 0,
    })
    expect(await opspawn(cwd, 'replay', '--config', 'other.config.ts', '--status', 'failed')).toMatchObject({ code: 0 })
    expect(await opspawn(cwd, 'replay', 'ear', '--config', 'other.config.ts')).toMatchObject({ code: 3, stdout: '' })
    expect(await opspawn(cwd, 'replay', '--no-config', '--store', 'runs.db')).toMatchObject({ code: 2 })
  })

  test('a run that no worker of this configuration takes up is told as such', async () => {
    const cwd = project({ 'other.config.ts': otherConfig() })
    for (const [agent = '', id = ''] of [
      ['mirror', 'm'],
      ['listener', 'ear'],
    ])
      await opspawn(cwd, 'run', agent, '--id', id, '--detach')
    const own = await json<Listed>(cwd, 'list')
    expect(own.runs.every((run) => run['parked'] === undefined)).toBe(true)
    const { runs } = await json<Listed>(cwd, 'list', '--config', 'other.config.ts')
    const [ear, mirror] = runs as readonly { readonly definition: string; readonly parked: { readonly present?: string } }[]
    expect(ear?.parked).toEqual({ definition: `listener@${ear?.definition}` })
    const pinned = `mirror@${mirror?.definition}`
    expect(mirror?.parked).toEqual({ definition: pinned, present: expect.stringMatching(/^mirror@[0-9a-f]{16}$/) })
    expect(mirror?.parked.present).not.toBe(pinned)
    const told = (await opspawn(cwd, 'inspect', 'm', '--config', 'other.config.ts')).stdout.split('\n')
    expect(told.filter((line) => /pinned|parked|no worker of/.test(line))).toEqual([
      expect.stringMatching(/^pinned +mirror@.*; no worker of this configuration takes it up: it has mirror@[0-9a-f]{16}$/),
    ])
    for (const [config, here] of [
      ['other.config.ts', false],
      ['opspawn.config.ts', true],
    ] as const)
      expect(await json(cwd, 'inspect', 'm', '--config', config)).toMatchObject({ definition: { definition: pinned, here } })
    const broken = project({ 'broken.config.mjs': 'export default { agents: [{}], store: "runs.db" }' })
    await opspawn(broken, 'run', 'mirror', '--id', 'm', '--detach')
    const listed = await opspawn(broken, 'list', '--config', 'broken.config.mjs')
    expect(listed).toMatchObject({ code: 0, stderr: expect.stringMatching(/is not known: (AGENT|PLUGIN)_INVALID/) })
    expect(listed.stdout).toContain('m ')
  })
})

describe('events import', { timeout: 240_000 }, () => {
  test('takes in what was exported, once; what has not ended is paused, and can go on', async () => {
    const cwd = project()
    await quick(cwd, 'run', 'finder', '--id', 'f')
    await quick(cwd, 'run', 'mirror', 'x', '--id', 'm', '--key', 'k')
    await quick(cwd, 'run', 'mirror', 'later', '--id', 'q', '--detach')
    await quick(cwd, 'events', 'export', '-o', 'all.ndjson')
    const into = ['--store', 'new.db']
    const first = await json(cwd, 'events', 'import', 'all.ndjson', ...into)
    const path = join(cwd, 'new.db')
    expect(first).toEqual({ file: join(cwd, 'all.ndjson'), path, imported: 3, present: 0, paused: ['q'], refused: [] })
    expect(await callJson(cwd, 'events', 'import', 'all.ndjson', ...into)).toMatchObject({ imported: 0, present: 3, refused: [] })
    for (const id of ['f', 'm'])
      expect(await callJson(cwd, 'inspect', id, ...into)).toEqual(await callJson(cwd, 'inspect', id, '--store', 'runs.db'))
    const exported = await quick(cwd, 'events', 'export', 'f', 'm', ...into)
    expect(exported.stdout.split('\n').sort()).toEqual((await quick(cwd, 'events', 'export', 'f', 'm')).stdout.split('\n').sort())
    // The idempotency key came along.
    expect(await callJson(cwd, 'run', 'mirror', 'x', '--key', 'k', ...into)).toMatchObject({ runId: 'm' })
    await start(cwd, ['worker', '--until-idle', ...into]).ended
    expect(await callJson(cwd, 'inspect', 'q', ...into)).toMatchObject({ run: { status: 'paused' } })
    await quick(cwd, 'resume', 'q', ...into)
    await start(cwd, ['worker', '--until-idle', ...into]).ended
    expect(await callJson(cwd, 'inspect', 'q', ...into)).toMatchObject({ run: { outcome: { output: { heard: 'later' } } } })
    // It has grown since, and is still the run of the file.
    expect(await callJson(cwd, 'events', 'import', 'all.ndjson', ...into)).toMatchObject({ imported: 0, present: 3, refused: [] })
    const piped = start(cwd, ['events', 'import', '-', '--store', 'piped.db', '--json'])
    piped.child.stdin.end(readFileSync(join(cwd, 'all.ndjson')))
    expect(JSON.parse((await piped.ended).stdout)).toMatchObject({ file: '-', imported: 3 })
  })

  test('a run that does not fit is refused by name and line, and the others are taken in', async () => {
    const cwd = project()
    for (const id of ['a', 'b', 'c']) await quick(cwd, 'run', 'mirror', id, '--id', id)
    const { stdout } = await quick(cwd, 'events', 'export')
    const lines = stdout.trimEnd().split('\n')
    const b = lines.findIndex((line) => line.includes('"run":{"runId":"b"'))
    // One event of `b` is lost.
    writeFileSync(join(cwd, 'hole.ndjson'), [...lines.slice(0, b + 2), ...lines.slice(b + 3)].join('\n'))
    const holed = await quick(cwd, 'events', 'import', 'hole.ndjson', '--store', 'new.db')
    expect(holed).toMatchObject({ code: 2, stdout: expect.stringContaining('2 runs imported into ') })
    expect(holed.stderr).toMatch(
      new RegExp(`error OPTIONS_INVALID: .*hole.ndjson:${b + 1}: run "b" cannot be taken in: its record counts`),
    )
    expect(await quick(cwd, 'inspect', 'b', '--store', 'new.db')).toMatchObject({ code: 3 })

    // A run of the same id with another history.
    await quick(cwd, 'run', 'mirror', 'other', '--id', 'b', '--store', 'new.db')
    writeFileSync(join(cwd, 'all.ndjson'), stdout)
    const taken = await quick(cwd, 'events', 'import', 'all.ndjson', '--store', 'new.db', '--json')
    expect(taken.code).toBe(4)
    expect(JSON.parse(taken.stdout)).toMatchObject({
      imported: 0,
      present: 2,
      refused: [{ runId: 'b', code: 'RUN_EXISTS', line: b + 1 }],
    })

    // A file that was cut off in the middle of a line: what stands before it is in.
    writeFileSync(join(cwd, 'cut.ndjson'), stdout.slice(0, stdout.indexOf('"runId":"c"') + 30))
    const cut = await quick(cwd, 'events', 'import', 'cut.ndjson', '--store', 'third.db')
    expect(cut).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/error OPTIONS_INVALID: .*cut\.ndjson:\d+ is not JSON/),
    })
    expect((await callJson<Listed>(cwd, 'list', '--store', 'third.db')).runs.map(({ runId }) => runId)).toEqual(['a'])
    expect(await callJson(cwd, 'events', 'import', 'all.ndjson', '--store', 'third.db')).toMatchObject({
      imported: 2,
      present: 1,
    })
    for (const [name, text] of [
      ['none.ndjson', undefined],
      ['empty.ndjson', ''],
      ['list.ndjson', '[]'],
      ['else.ndjson', '{"a":1}'],
    ] as const) {
      if (text !== undefined) writeFileSync(join(cwd, name), text)
      expect(await quick(cwd, 'events', 'import', name, '--store', 'third.db')).toMatchObject({ code: 2, stdout: '' })
    }
  })
})

// Without `script` there is no terminal to be had.
describe.skipIf(!hasTerminal)('on a terminal', { timeout: 240_000 }, () => {
  test('long work shows how far it is', async () => {
    const cwd = project()
    await opspawn(cwd, 'run', 'mirror', 'x', '--id', 'm')
    await opspawn(cwd, 'events', 'export', '-o', 'all.ndjson')
    for (const [args, what] of [
      [['replay'], 'replaying'],
      [['events', 'import', 'all.ndjson', '--store', 'new.db'], 'importing'],
    ] as const) {
      const { code, stdout } = await startOnTerminal(cwd, args).ended
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`${what} [█░]{24} \\d+/\\d+`))
      expect(stdout).toMatch(/same|1 runs imported/)
      const plain = await startOnTerminal(cwd, args, { NO_COLOR: '1' }).ended
      expect(plain.stdout).not.toMatch(/\p{Cc}\[3\dm/u)
      expect((await opspawn(cwd, ...args)).stderr).not.toContain(what)
    }
  })

  test('a retry is watched like any run', async () => {
    const cwd = project({ broken: '' })
    await opspawn(cwd, 'run', 'reader', '--id', 'first')
    rmSync(join(cwd, 'broken'))
    const { code, stdout } = await startOnTerminal(cwd, ['retry', 'first', '--watch']).ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/✓\S* tool flaky/)
    expect(stdout).not.toMatch(/✓\S* tool fetch .*\n.*✓\S* tool fetch/)
    expect(stdout).toContain('mended')
  })
})

describe('cancel', { timeout: 240_000 }, () => {
  test('of a run whose planner declares it is made good by another run; each of the two names the other', async () => {
    const cwd = project({
      'undo.config.ts': `import { defineAgent } from '${pathToFileURL(join(import.meta.dirname, '../../src/index.ts')).href}'
const decide = ({ compensates, decisions }) => {
  if (compensates !== undefined) return { type: 'finish', output: 'undone' }
  return decisions > 0 ? { type: 'idle' } : { type: 'act', effects: [{ kind: 'wait', key: 'w', for: { type: 'approval', question: 'go?' } }] }
}
const planner = { spec: 'planner/1', name: 'keeper', reactive: true, decide, compensate: () => 'all of it' }
export default { agents: [defineAgent({ name: 'keeper', planner })], store: 'runs.db' }
`,
    })
    const config = ['--config', 'undo.config.ts']
    for (const args of [
      ['run', 'keeper', '--id', 'one', '--detach'],
      ['worker', '--until-idle'],
      ['cancel', 'one'],
    ])
      expect(await quick(cwd, ...args, ...config)).toMatchObject({ code: 0 })
    await start(cwd, ['worker', '--until-idle', ...config]).ended
    const { runs } = await callJson<Listed>(cwd, 'list', ...config)
    expect(runs.map(({ status, compensates }) => [status, compensates])).toEqual([
      ['completed', 'one'],
      ['cancelled', undefined],
    ])
    const undoing = String(runs[0]?.['runId'])
    expect((await quick(cwd, 'inspect', 'one', ...config)).stdout).toContain(`\nundone   by run ${undoing}\n`)
    expect((await quick(cwd, 'inspect', undoing, ...config)).stdout).toContain('\nundoes   run one\n')
    const refused = await quick(cwd, 'retry', 'one', ...config)
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain(undoing)
  })
})
