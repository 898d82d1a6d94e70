import type { Orchestrator, PendingApproval, RunStatus } from '../../core/index.ts'
import { type Attention, attentionOf, attentionText, definitionsToday } from '../runs/attention.ts'
import { filterOf, STATUS_OPTION, WHOSE_OPTIONS } from '../runs/chosen-runs.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import type { LoadedConfig } from '../opening/config-file.ts'
import { showDuration, showTime } from '../terminal/duration.ts'
import { eachRun } from '../runs/history.ts'
import { withRuns } from '../opening/open.ts'
import { usageError } from '../calling/report-error.ts'
import { table } from '../terminal/table.ts'
import { type RunSummary, summaryOf } from '../showing/timeline.ts'
import { oneLine } from '../terminal/visible.ts'

/** A worker that died while it asked has left its run as running. */
const MAY_WAIT: readonly RunStatus[] = ['waiting', 'running', 'queued']
const MOST = 20

type Listed = RunSummary & Attention

/** `opspawn list` */
export const list: CliCommand = {
  name: 'list',
  summary: 'Lists runs, newest first.',
  options: [
    STATUS_OPTION,
    { flags: '--waiting', meaning: 'only runs that wait, each with the approvals that it waits for' },
    ...WHOSE_OPTIONS,
    { flags: '--session <name>', meaning: 'only runs of this session' },
    { flags: '--parent <run>', meaning: 'only children of this run' },
    { flags: '--limit <count>', meaning: `at most so many (default: ${MOST})` },
    { flags: '--cursor <cursor>', meaning: 'go on where an earlier list ended' },
  ],
  needs: ['config', 'store'],
  json: '{ runs: (RunSummary & { approvals?: PendingApproval[]; paused?: Paused; quarantined?: Quarantined; parked?: Parked })[]; cursor?: string }',
  run: (call) =>
    withRuns(call, async (runs, config) => {
      if (!call.options.flag('waiting')) return listPage(call, runs, config)
      return listWaiting(call, runs)
    }),
}

async function listPage(call: Call, runs: Orchestrator, config: LoadedConfig | undefined): Promise<number> {
  const { options, output } = call
  const cursor = options.text('cursor')
  const limit = options.count('limit') ?? MOST
  const page = await runs.list(filterOf(call), { limit, ...(cursor === undefined ? undefined : { cursor }) })
  // Composing the agents of today takes a while, so it is done only where a run has no worker.
  const isParked = page.runs.some(
    ({ status, gate, dueAt = 0 }) => status === 'queued' && gate === undefined && dueAt <= Date.now(),
  )
  const definitions = isParked ? await definitionsToday(call, config) : undefined
  const listed: Listed[] = []
  for (const record of page.runs) listed.push({ ...summaryOf(record), ...(await attentionOf(runs, record, definitions)) })
  const more = page.cursor === undefined ? undefined : { cursor: page.cursor }
  output.give({ runs: listed, ...more }, () => runTable(call, listed))
  if (more !== undefined && !output.isJson) output.note(`more: --cursor ${more.cursor}`)
  return 0
}

async function listWaiting(call: Call, runs: Orchestrator): Promise<number> {
  const { options, output } = call
  if (options.list('status').length > 0) throw usageError('--waiting and --status cannot be used together')
  const limit = options.count('limit') ?? MOST
  const listed: Listed[] = []
  for await (const record of eachRun(runs, { ...filterOf(call), status: MAY_WAIT })) {
    const approvals = await (await runs.run(record.runId)).approvals()
    if (record.status === 'waiting' || approvals.length > 0) listed.push({ ...summaryOf(record), approvals })
    if (listed.length >= limit) break
  }
  output.give({ runs: listed }, () => waitingTable(call, listed))
  return 0
}

/** A question of a run below is answered by its own id. */
function whose(approval: PendingApproval, runId: string): string {
  return approval.runId === runId ? '' : ` (run ${approval.runId})`
}

function runTable({ output }: Call, listed: readonly Listed[]): string {
  if (listed.length === 0) return 'no runs'
  const rows = listed.map((run) => [
    run.runId,
    run.agent,
    run.successor === undefined ? run.status : 'went on',
    showTime(run.createdAt),
    showDuration(run.updatedAt - run.createdAt),
    String(run.used.steps),
    String(run.used.tokens),
    run.gate === undefined ? attentionText(run) : `room at gate ${oneLine(run.gate)}`,
  ])
  return table(['RUN', 'AGENT', 'STATUS', 'CREATED', 'FOR', 'STEPS', 'TOKENS', 'NEEDS'], rows, (text) =>
    output.style('bold', text),
  )
}

function waitingTable({ output }: Call, listed: readonly Listed[]): string {
  if (listed.length === 0) return 'no runs wait'
  const rows = listed.flatMap(({ runId, agent, updatedAt, approvals = [] }) =>
    (approvals.length === 0 ? [undefined] : approvals).map((approval) => [
      runId,
      agent,
      showTime(updatedAt),
      approval?.key ?? '-',
      approval === undefined ? 'for a signal or a time' : oneLine(`${approval.question}${whose(approval, runId)}`),
    ]),
  )
  return table(['RUN', 'AGENT', 'SINCE', 'APPROVAL', 'QUESTION'], rows, (text) => output.style('bold', text))
}
