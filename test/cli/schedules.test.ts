/** Schedules from the command line: the real command on pipes. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createOrchestrator } from '../../src/index.ts'
import { json, opspawn, project, start } from './support.ts'

interface Schedules {
  readonly schedules: readonly Readonly<Record<string, unknown>>[]
  readonly cursor?: string
}

/** Puts schedules into the file of a project. */
async function put(cwd: string): Promise<void> {
  const ops = await createOrchestrator({ store: join(cwd, 'runs.db'), work: false, announce: false })
  await ops.schedules.put({ name: 'nightly', agent: 'mirror', cron: '0 3 * * *', zone: 'Europe/Oslo', input: { at: 'night' } })
  await ops.schedules.put({ name: 'often', agent: 'echo', every: '300d' })
  await ops.close()
}

describe('schedules', () => {
  test('are listed, paused, resumed and removed from any process', async () => {
    const cwd = project()
    await put(cwd)
    const store = ['--no-config', '--store', 'runs.db']
    const listed = await json<Schedules>(cwd, 'schedules', 'list', ...store)
    expect(listed.schedules).toEqual([
      {
        name: 'nightly',
        agent: 'mirror',
        cron: '0 3 * * *',
        zone: 'Europe/Oslo',
        input: { at: 'night' },
        paused: false,
        nextAt: expect.any(Number),
      },
      { name: 'often', agent: 'echo', every: '300d', paused: false, nextAt: expect.any(Number) },
    ])
    expect((await opspawn(cwd, 'schedules', 'list', ...store)).stdout).toMatch(
      /^SCHEDULE +AGENT +WHEN +NEXT +LAST\nnightly +mirror +0 3 \* \* \* Europe\/Oslo +\d{4}-\S+ \S+Z +-\noften +echo +every 300d +\d{4}-/,
    )
    const first = await json<Schedules>(cwd, 'schedules', 'list', '--limit', '1', ...store)
    expect(first.schedules).toMatchObject([{ name: 'nightly' }])
    expect(await json(cwd, 'schedules', 'list', '--cursor', first.cursor ?? '', ...store)).toMatchObject({
      schedules: [{ name: 'often' }],
    })

    expect(await json(cwd, 'schedules', 'pause', 'nightly', ...store)).toMatchObject({ name: 'nightly', paused: true })
    expect((await opspawn(cwd, 'schedules', 'list', ...store)).stdout).toMatch(/nightly .* paused /)
    const resumed = await opspawn(cwd, 'schedules', 'resume', 'nightly', ...store)
    expect(resumed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^resumed schedule nightly; next at \d{4}-.*Z\n$/) })
    expect(await opspawn(cwd, 'schedules', 'remove', 'often', ...store)).toMatchObject({
      code: 0,
      stdout: 'removed schedule often\n',
    })
    expect((await json<Schedules>(cwd, 'schedules', 'list', ...store)).schedules).toHaveLength(1)
    for (const what of ['pause', 'resume', 'remove']) {
      expect(await opspawn(cwd, 'schedules', what, 'often', ...store)).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining('error SCHEDULE_UNKNOWN: '),
      })
    }
    expect(await opspawn(cwd, 'schedules', 'lst')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean list?'),
    })
    expect(await json<Schedules>(cwd, 'list', ...store)).toMatchObject({ runs: [] })
  })

  test('a triggered run is done by a worker', async () => {
    const cwd = project()
    expect(await opspawn(cwd, 'run', 'echo')).toMatchObject({ code: 0 })
    expect(await opspawn(cwd, 'schedules', 'list')).toMatchObject({ code: 0, stdout: 'no schedules\n' })
    await put(cwd)
    const { runId } = await json<{ runId: string }>(cwd, 'schedules', 'trigger', 'nightly')
    await start(cwd, ['worker', '--until-idle']).ended
    expect(await json(cwd, 'inspect', runId)).toMatchObject({
      run: { agent: 'mirror', outcome: { output: { heard: { at: 'night' } } } },
    })
    expect(await opspawn(cwd, 'schedules', 'trigger', 'none')).toMatchObject({ code: 3, stdout: '' })
    const bare = await opspawn(cwd, 'schedules', 'trigger', 'nightly', '--no-config', '--store', 'runs.db')
    expect(bare).toMatchObject({ code: 2, stdout: '' })
  })
})
