/** Setting runs aside, and answering for interrupted calls: the real command on pipes, in processes of its own. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { sqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { call, callJson, hasTerminal, json, opspawn, project, start, startOnTerminal } from './support.ts'
import { notesIn, count } from './notes.ts'

interface Listed {
  readonly runs: readonly Readonly<Record<string, unknown>>[]
}

/** In this process: quick, for what is not what a test is about. */
const quick = (cwd: string, ...args: readonly string[]): ReturnType<typeof call> => call(cwd, args)

describe('pause and resume', () => {
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

describe('resolve', () => {
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

test('what a run below waits for is shown with its own id, and answered from the run above', async () => {
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

// Without `script` there is no terminal to be had.
describe.skipIf(!hasTerminal)('on a terminal', () => {
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

describe('cancel', () => {
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
