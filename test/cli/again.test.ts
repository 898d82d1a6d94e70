/** Beginning again with a history, and asking the agents of today about it: the real command on pipes. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { json, opspawn, project, start } from './support.ts'
import { notesIn, count } from './notes.ts'

interface Listed {
  readonly runs: readonly Readonly<Record<string, unknown>>[]
}

describe('retry and fork', () => {
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

describe('replay', () => {
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
