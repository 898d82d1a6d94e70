/** Every command there is: the real one on a pipe and on a terminal, plain where NO_COLOR asks for it, and found when misspelt. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { createOrchestrator } from '../../src/index.ts'
import { call, hasTerminal, opspawn, project, startOnTerminal } from './support.ts'

/** One sensible call of a command. */
interface Sample {
  readonly args: readonly string[]
  /** Calls that are made before, in this process, in the same folder. */
  readonly before?: readonly (readonly string[])[]
  readonly prepare?: (cwd: string) => Promise<void> | void
  /** @default 0 */
  readonly code?: number
}

const MEMORY = ['--memory', 'memory.jsonl', '--tenant', 'acme'] as const
const INGEST = ['memory', 'ingest', 'lamp.md', ...MEMORY] as const
const ONE = ['run', 'mirror', 'x', '--id', 'one'] as const
const QUEUED = [...ONE, '--detach'] as const
const WORK = ['worker', '--until-idle'] as const
const ASKING = [['run', 'cashier', 'pay', '--id', 'one', '--detach'], WORK] as const

async function putSchedule(cwd: string): Promise<void> {
  const ops = await createOrchestrator({ store: join(cwd, 'runs.db'), work: false, announce: false })
  await ops.schedules.put({ name: 'nightly', agent: 'mirror', cron: '0 3 * * *' })
  await ops.close()
}

const SAMPLES: Readonly<Record<string, Sample>> = {
  init: { args: ['init', 'new'] },
  run: { args: ['run', 'finder', 'x', '--watch'] },
  worker: { args: WORK, before: [QUEUED] },
  list: { args: ['list'], before: [ONE] },
  inspect: { args: ['inspect', 'one'], before: [ONE] },
  logs: { args: ['logs', 'one'], before: [ONE] },
  audit: { args: ['audit', '--all'], before: [...ASKING, ['approve', 'one', '--by', 'ada']] },
  approve: { args: ['approve', 'one', '--by', 'ada'], before: ASKING },
  deny: { args: ['deny', 'one', '--by', 'ada'], before: ASKING },
  // What it answers takes a process that is killed: steering.test.
  resolve: { args: ['resolve', 'one', '--happened', '--by', 'ada'], before: ASKING, code: 3 },
  signal: { args: ['signal', 'one', 'news', 'rain'], before: [['run', 'listener', '--id', 'one', '--detach']] },
  pause: { args: ['pause', 'one'], before: [QUEUED] },
  resume: { args: ['resume', 'one'], before: [QUEUED, ['pause', 'one'], WORK] },
  cancel: { args: ['cancel', 'one'], before: [QUEUED] },
  retry: {
    args: ['retry', 'one'],
    before: [['run', 'reader', '--id', 'one']],
    prepare: (cwd) => rmSync(join(cwd, 'broken')),
  },
  fork: { args: ['fork', 'one'], before: [ONE] },
  replay: { args: ['replay'], before: [ONE] },
  'schedules list': { args: ['schedules', 'list'], prepare: putSchedule },
  'schedules pause': { args: ['schedules', 'pause', 'nightly'], prepare: putSchedule },
  'schedules resume': { args: ['schedules', 'resume', 'nightly'], prepare: putSchedule },
  'schedules remove': { args: ['schedules', 'remove', 'nightly'], prepare: putSchedule },
  'schedules trigger': { args: ['schedules', 'trigger', 'nightly'], prepare: putSchedule },
  validate: { args: ['validate', 'nap.yaml'] },
  graph: { args: ['graph', 'nap.yaml'] },
  agents: { args: ['agents'] },
  tools: { args: ['tools'] },
  'policy explain': { args: ['policy', 'explain', 'cashier', 'pay', '{}'] },
  'events export': { args: ['events', 'export', '-o', 'all.ndjson'], before: [ONE] },
  'events import': {
    args: ['events', 'import', 'all.ndjson', '--store', 'new.db'],
    before: [ONE, ['events', 'export', '-o', 'all.ndjson']],
  },
  'memory ingest': { args: INGEST },
  'memory search': { args: ['memory', 'search', 'lamp', ...MEMORY], before: [INGEST] },
  'memory list': { args: ['memory', 'list', ...MEMORY], before: [INGEST] },
  'memory forget': { args: ['memory', 'forget', '--all', ...MEMORY], before: [INGEST] },
  'memory export': { args: ['memory', 'export', ...MEMORY], before: [INGEST] },
  'memory import': {
    args: ['memory', 'import', 'lamp.ndjson', '--memory', 'other.jsonl', '--tenant', 'acme'],
    before: [INGEST, ['memory', 'export', '-o', 'lamp.ndjson', ...MEMORY]],
  },
  'memory stats': { args: ['memory', 'stats', ...MEMORY], before: [INGEST] },
  backup: { args: ['backup', 'copy.db'], before: [ONE] },
  vacuum: { args: ['vacuum'], before: [ONE] },
  doctor: { args: ['doctor'], before: [ONE] },
}

async function folderFor({ before = [], prepare }: Sample): Promise<string> {
  const cwd = project()
  writeFileSync(join(cwd, 'lamp.md'), '# Lamp\n\nThe lamp is lit at dusk.\n')
  writeFileSync(join(cwd, 'nap.yaml'), 'name: nap\ntasks:\n  nap: { sleep: 1s }\n')
  writeFileSync(join(cwd, 'broken'), '')
  for (const args of before) await call(cwd, args)
  await prepare?.(cwd)
  return cwd
}

const COLOUR = /\p{Cc}\[[\d;]*m/u
const CONTROL = /[^\P{Cc}\n]/u
const names = COMMANDS.map(({ name }) => name)
const sampleOf = (name: string): Sample => SAMPLES[name] as Sample

test('there is a sample of every command', () => {
  expect(Object.keys(SAMPLES).toSorted()).toEqual(names.toSorted())
})

describe('on a pipe, as JSON and without a sign that steers a terminal', { timeout: 120_000 }, () => {
  test.each(names)('%s', async (name) => {
    const sample = sampleOf(name)
    const { code, stdout, stderr } = await opspawn(await folderFor(sample), ...sample.args, '--json')
    expect({ code, stderr }).toMatchObject({ code: sample.code ?? 0 })
    expect(stdout + stderr).not.toMatch(CONTROL)
    const [data, nothing] = code === 0 ? [stdout, ''] : [stderr, stdout]
    for (const line of data.trimEnd().split('\n')) expect(JSON.parse(line)).toBeTypeOf('object')
    expect(nothing).toBe('')
  })
})

// Without `script` there is no terminal to be had; that continuous integration has one is a test of terminal.test.
describe.skipIf(!hasTerminal)('on a terminal, for people', { timeout: 120_000 }, () => {
  test.each(names)('%s', async (name) => {
    const sample = sampleOf(name)
    const { code, stdout } = await startOnTerminal(await folderFor(sample), sample.args).ended
    expect({ code, stdout }).toMatchObject({ code: sample.code ?? 0 })
    expect(stdout).not.toMatch(/^\s*$/)
    expect(stdout).not.toMatch(/^ +at .*:\d+:\d+\)?$/m)
  })
})

describe('on a terminal with NO_COLOR, without colours', { timeout: 120_000 }, () => {
  test.each(names)('%s', async (name) => {
    const sample = sampleOf(name)
    const { code, stdout, stderr } = await call(await folderFor(sample), sample.args, { columns: 80, env: { NO_COLOR: '1' } })
    expect(code).toBe(sample.code ?? 0)
    expect(stdout + stderr).not.toMatch(COLOUR)
  })

  test('colours would be seen', async () => {
    const { stderr } = await call(await folderFor({ args: [] }), ['run', 'finder', 'x', '--watch'], { columns: 80 })
    expect(stderr).toMatch(COLOUR)
  })
})

describe('misspelt', () => {
  test.each(names)('%s and an option of it', async (name) => {
    const words = name.split(' ')
    const last = words.at(-1) as string
    const wrong = last.slice(0, -2) + last.slice(-1)
    const { code, stderr } = await call('/', [...words.slice(0, -1), wrong])
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(new RegExp(`did you mean .*\\b${last}\\b`)) })
    const option = await call('/', [...words, '--jsn'])
    expect(option).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean --json?') })
  })
})
