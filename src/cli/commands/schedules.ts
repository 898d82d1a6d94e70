import type { Orchestrator, ScheduleState } from '../../core/index.ts'
import type { Call, CliArgument, CliCommand } from '../calling/command.ts'
import { requireConfig } from '../opening/config-file.ts'
import { showTime } from '../terminal/duration.ts'
import { requireShared, withAgents, withRuns } from '../opening/open.ts'
import { table } from '../terminal/table.ts'
import { oneLine } from '../terminal/visible.ts'

const MOST = 100
const NAME: CliArgument = { name: '<name>', meaning: 'name of the schedule' }

/** Which agents workers have is not known here. */
type Shown = Omit<ScheduleState, 'isKnown'>

function shown({ isKnown: _known, ...schedule }: ScheduleState): Shown {
  return schedule
}

/** `opspawn schedules list` */
export const schedulesList: CliCommand = {
  name: 'schedules list',
  summary: 'Lists the schedules of the store: when each is due next, and what became of its last slot.',
  options: [
    { flags: '--limit <count>', meaning: `at most so many (default: ${MOST})` },
    { flags: '--cursor <cursor>', meaning: 'go on where an earlier list ended' },
  ],
  needs: ['config', 'store'],
  json: "{ schedules: Omit<ScheduleState, 'isKnown'>[]; cursor?: string }",
  run: (call) =>
    withRuns(call, async (runs) => {
      const { options, output } = call
      const cursor = options.text('cursor')
      const limit = options.count('limit') ?? MOST
      const page = await runs.schedules.list({ limit, ...(cursor === undefined ? undefined : { cursor }) })
      const more = page.cursor === undefined ? undefined : { cursor: page.cursor }
      const listed = page.schedules.map(shown)
      output.give({ schedules: listed, ...more }, () => scheduleTable(call, listed))
      if (more !== undefined) output.remark(`more: --cursor ${more.cursor}`)
      return 0
    }),
}

function scheduleTable({ output }: Call, listed: readonly Shown[]): string {
  if (listed.length === 0) return 'no schedules'
  const rows = listed.map(({ name, agent, cron, zone, every, paused, nextAt, last }) => [
    name,
    agent,
    cron === undefined ? `every ${every ?? ''}` : `${cron}${zone === undefined ? '' : ` ${zone}`}`,
    paused ? 'paused' : showTime(nextAt),
    last === undefined ? '-' : lastText(last),
  ])
  return table(['SCHEDULE', 'AGENT', 'WHEN', 'NEXT', 'LAST'], rows, (text) => output.style('bold', text))
}

function lastText({ slot, runId, skipped, error }: NonNullable<ScheduleState['last']>): string {
  if (error !== undefined) return `${showTime(slot)} ${error.code}: ${oneLine(error.message)}`
  return `${showTime(slot)} ${runId === undefined ? `passed over: ${skipped ?? 'no reason given'}` : `run ${runId}`}`
}

/** `opspawn schedules pause` */
export const schedulesPause: CliCommand = {
  name: 'schedules pause',
  summary: 'Has a schedule start nothing until it is resumed; runs go on that it started.',
  arguments: [NAME],
  needs: ['config', 'store'],
  json: "Omit<ScheduleState, 'isKnown'>",
  run: (call) => change(call, ({ schedules }, name) => schedules.pause(name), 'paused'),
}

/** `opspawn schedules resume` */
export const schedulesResume: CliCommand = {
  name: 'schedules resume',
  summary: 'Lets a schedule go on with its next slot.',
  arguments: [NAME],
  needs: ['config', 'store'],
  json: "Omit<ScheduleState, 'isKnown'>",
  run: (call) => change(call, ({ schedules }, name) => schedules.resume(name), 'resumed'),
}

function change(
  call: Call,
  act: (runs: Orchestrator, name: string) => Promise<ScheduleState>,
  done: 'paused' | 'resumed',
): Promise<number> {
  return withRuns(call, async (runs) => {
    const state = shown(await act(runs, call.args[0] ?? ''))
    const next = state.paused ? '' : `; next at ${showTime(state.nextAt)}`
    call.output.give(state, () => `${done} schedule ${oneLine(state.name)}${next}`)
    return 0
  })
}

/** `opspawn schedules remove` */
export const schedulesRemove: CliCommand = {
  name: 'schedules remove',
  summary: 'Forgets a schedule; runs go on that it started. One of the configuration comes back with the next worker.',
  arguments: [NAME],
  needs: ['config', 'store'],
  json: '{ name: string }',
  run: (call) =>
    withRuns(call, async ({ schedules }) => {
      const [name = ''] = call.args
      await schedules.remove(name)
      call.output.give({ name }, () => `removed schedule ${oneLine(name)}`)
      return 0
    }),
}

/** `opspawn schedules trigger` */
export const schedulesTrigger: CliCommand = {
  name: 'schedules trigger',
  summary: 'Hands a run of a schedule in now, beside its slots, also while it is paused; a worker does it.',
  arguments: [NAME],
  needs: ['config', 'store'],
  json: '{ name: string; runId: string }',
  async run(call) {
    const config = await requireConfig(call)
    requireShared(call, config, 'a schedule is triggered in a store that a worker shares')
    return withAgents(call, { work: false }, config, async ({ schedules }) => {
      const [name = ''] = call.args
      const { id: runId } = await schedules.trigger(name)
      call.output.give({ name, runId }, () => runId)
      return 0
    })
  },
}
