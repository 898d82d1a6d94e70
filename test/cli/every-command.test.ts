/** Every command there is: the real one on a pipe and on a terminal; plain where NO_COLOR asks for it. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { createOrchestrator } from '../../src/index.ts'
import { root } from '../examples/run-example.ts'
import { call, emptyFolder, hasTerminal, opspawn, project, startOnTerminal } from './support.ts'

/** One sensible call of a command. */
interface Sample {
  readonly args: readonly string[]
  /** @default 0 */
  readonly code?: number
}

const SERVERS = ['--config', 'servers.config.ts'] as const
const MEMORY = ['--memory', 'memory.jsonl', '--tenant', 'acme'] as const

const SAMPLES: Readonly<Record<string, Sample>> = {
  init: { args: ['init', 'new'] },
  run: { args: ['run', 'finder', 'x', '--watch'] },
  worker: { args: ['worker', '--until-idle'] },
  list: { args: ['list'] },
  inspect: { args: ['inspect', 'done'] },
  logs: { args: ['logs', 'done'] },
  audit: { args: ['audit', '--all'] },
  approve: { args: ['approve', 'asking', '--by', 'ada'] },
  deny: { args: ['deny', 'asking', '--by', 'ada'] },
  // What it answers takes a process that is killed: steering.test.
  resolve: { args: ['resolve', 'asking', '--happened', '--by', 'ada'], code: 3 },
  signal: { args: ['signal', 'queued', 'news', 'rain'] },
  pause: { args: ['pause', 'queued'] },
  resume: { args: ['resume', 'paused'] },
  cancel: { args: ['cancel', 'queued'] },
  retry: { args: ['retry', 'failed'] },
  fork: { args: ['fork', 'done'] },
  replay: { args: ['replay', 'done'] },
  'schedules list': { args: ['schedules', 'list'] },
  'schedules pause': { args: ['schedules', 'pause', 'nightly'] },
  'schedules resume': { args: ['schedules', 'resume', 'nightly'] },
  'schedules remove': { args: ['schedules', 'remove', 'nightly'] },
  'schedules trigger': { args: ['schedules', 'trigger', 'nightly'] },
  validate: { args: ['validate', 'nap.yaml'] },
  graph: { args: ['graph', 'nap.yaml'] },
  agents: { args: ['agents'] },
  tools: { args: ['tools'] },
  'policy explain': { args: ['policy', 'explain', 'cashier', 'pay', '{}'] },
  'mcp list': { args: ['mcp', 'list', ...SERVERS] },
  'mcp pin': { args: ['mcp', 'pin', ...SERVERS] },
  'mcp diff': { args: ['mcp', 'diff', ...SERVERS] },
  'mcp approve': { args: ['mcp', 'approve', 'stub__a', ...SERVERS] },
  'events export': { args: ['events', 'export', '-o', 'more.ndjson'] },
  'events import': { args: ['events', 'import', 'all.ndjson', '--store', 'new.db'] },
  'memory ingest': { args: ['memory', 'ingest', 'nap.md', ...MEMORY] },
  'memory search': { args: ['memory', 'search', 'lamp', ...MEMORY] },
  'memory list': { args: ['memory', 'list', ...MEMORY] },
  'memory forget': { args: ['memory', 'forget', '--all', ...MEMORY] },
  'memory export': { args: ['memory', 'export', ...MEMORY] },
  'memory import': { args: ['memory', 'import', 'lamp.ndjson', '--memory', 'other.jsonl', '--tenant', 'acme'] },
  'memory stats': { args: ['memory', 'stats', ...MEMORY] },
  backup: { args: ['backup', 'copy.db'] },
  vacuum: { args: ['vacuum'] },
  doctor: { args: ['doctor'] },
}

/** Made once, in this process: runs in every state, a schedule, documents, a memory. Each call gets a copy. */
const prepared = mkdtempSync(join(tmpdir(), 'opspawn-every-command-'))
afterAll(() => rmSync(prepared, { recursive: true, force: true }))
beforeAll(async () => {
  cpSync(project({ 'nap.md': '# Nap\n\nKeepers nap.\n', 'nap.yaml': 'name: nap\ntasks:\n  nap: { sleep: 1s }\n' }), prepared, {
    recursive: true,
  })
  writeFileSync(join(prepared, 'lamp.md'), '# Lamp\n\nThe lamp is lit at dusk.\n')
  writeFileSync(join(prepared, 'broken'), '')
  const served = [{ name: 'a', description: 'Does a.', inputSchema: { type: 'object' } }]
  writeFileSync(join(prepared, 'tools.json'), JSON.stringify(served))
  const stub = { command: process.execPath, args: [join(root, 'test/fixtures/mcp/stub-server.mjs'), 'tools.json'] }
  writeFileSync(
    join(prepared, 'servers.config.ts'),
    `import { mcp } from 'opspawn/plugins/tool-mcp'
export default { plugins: [mcp({ servers: ${JSON.stringify({ stub })}, pins: { mode: 'locked' } })] }\n`,
  )
  const ops = await createOrchestrator({ store: join(prepared, 'runs.db'), work: false, announce: false })
  await ops.schedules.put({ name: 'nightly', agent: 'mirror', cron: '0 3 * * *' })
  await ops.close()
  // In a process of its own: the tool looks into the folder that it is called in.
  await opspawn(prepared, 'run', 'reader', '--id', 'failed')
  rmSync(join(prepared, 'broken'))
  await prepare('run', 'cashier', 'pay', '--id', 'asking', '--detach')
  await prepare('run', 'mirror', 'x', '--id', 'done', '--detach')
  await prepare('run', 'mirror', 'x', '--id', 'paused', '--detach')
  await prepare('pause', 'paused')
  await prepare('worker', '--until-idle')
  await prepare('run', 'mirror', 'x', '--id', 'queued', '--detach')
  await prepare('events', 'export', '-o', 'all.ndjson')
  await prepare('memory', 'ingest', 'lamp.md', ...MEMORY)
  await opspawn(prepared, 'mcp', 'pin', ...SERVERS)
  await prepare('memory', 'export', '-o', 'lamp.ndjson', ...MEMORY)
})

const prepare = (...args: readonly string[]): Promise<unknown> => call(prepared, args)

function copy(): string {
  const cwd = emptyFolder()
  cpSync(prepared, cwd, { recursive: true })
  return cwd
}

const COLOUR = /\p{Cc}\[[\d;]*m/u
const CONTROL = /[^\P{Cc}\n]/u
const names = COMMANDS.map(({ name }) => name)
const sampleOf = (name: string): Sample => SAMPLES[name] as Sample

test('there is a sample of every command', () => {
  expect(Object.keys(SAMPLES).toSorted()).toEqual(names.toSorted())
})

describe('on a pipe, as JSON and without a sign that steers a terminal', () => {
  test.each(names)('%s', async (name) => {
    const sample = sampleOf(name)
    const { code, stdout, stderr } = await opspawn(copy(), ...sample.args, '--json')
    expect({ code, stderr }).toMatchObject({ code: sample.code ?? 0 })
    expect(stdout + stderr).not.toMatch(CONTROL)
    const [data, nothing] = code === 0 ? [stdout, ''] : [stderr, stdout]
    for (const line of data.trimEnd().split('\n')) expect(JSON.parse(line)).toBeTypeOf('object')
    expect(nothing).toBe('')
  })
})

// Without `script` there is no terminal to be had; that continuous integration has one is a test of terminal.test, and
// that there are colours without NO_COLOR.
describe.skipIf(!hasTerminal)('on a terminal, for people, without colours where NO_COLOR asks for that', () => {
  test.each(names)('%s', async (name) => {
    const sample = sampleOf(name)
    const { code, stdout } = await startOnTerminal(copy(), sample.args, { NO_COLOR: '1' }).ended
    expect({ code, stdout }).toMatchObject({ code: sample.code ?? 0 })
    expect(stdout).toMatch(/\S/)
    expect(stdout).not.toMatch(COLOUR)
    expect(stdout).not.toMatch(/^ +at .*:\d+:\d+\)?\r?$/m)
  })
})
