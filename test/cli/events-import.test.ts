/** Histories into another file: the real command on pipes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { call, callJson, json, project, start } from './support.ts'

interface Listed {
  readonly runs: readonly Readonly<Record<string, unknown>>[]
}

/** In this process: quick, for what is not what a test is about. */
const quick = (cwd: string, ...args: readonly string[]): ReturnType<typeof call> => call(cwd, args)

describe('events import', () => {
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
