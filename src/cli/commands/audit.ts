import type { Orchestrator, RunFilter, RunRecord } from '../../core/index.ts'
import type { AuditRecord } from '../../orchestrator/index.ts'
import type { Call, CliCommand } from '../command.ts'
import { showDuration, showTime } from '../duration.ts'
import { eachRun, readHistory } from '../history.ts'
import { withRuns } from '../open.ts'
import { usageError } from '../report-error.ts'
import { table } from '../table.ts'
import { oneLine } from '../visible.ts'

/** `opspawn audit` */
export const audit: CliCommand = {
  name: 'audit',
  summary:
    'Shows each call of a tool or an agent, and each refusal, from the histories: who, what, by which rule, and how it ended. No values.',
  arguments: [{ name: '[run]', meaning: 'id of the run; the runs below a root are shown too' }],
  options: [
    { flags: '--all', meaning: 'all runs in the store, newest run first' },
    { flags: '--tenant <name>', meaning: 'with --all: only runs of this tenant' },
    { flags: '--agent <name>', meaning: 'with --all: only runs of this agent' },
  ],
  needs: ['config', 'store'],
  json: '{ records: AuditRecord[] }',
  run: (call) =>
    withRuns(call, async (runs) => {
      const { auditOf } = await import('../../orchestrator/index.ts')
      const records: AuditRecord[] = []
      for (const { runId } of await chosen(call, runs)) records.push(...auditOf((await readHistory(runs, runId)).events))
      call.output.give({ records }, () => describe(call, records))
      return 0
    }),
}

async function chosen({ args, options }: Call, runs: Orchestrator): Promise<readonly RunRecord[]> {
  const [runId] = args
  const isAll = options.flag('all')
  if ((runId === undefined) !== isAll) throw usageError('name a run, or say --all', 'one of the two is needed')
  const [tenant, agent] = [options.text('tenant'), options.text('agent')]
  const all: RunFilter = { ...(tenant === undefined ? undefined : { tenant }), ...(agent === undefined ? undefined : { agent }) }
  const records: RunRecord[] = []
  const first = runId === undefined ? undefined : await runs.record(runId)
  if (first !== undefined) records.push(first)
  if (first !== undefined && first.rootId !== first.runId) return records
  for await (const record of eachRun(runs, first === undefined ? all : { rootId: first.runId })) {
    if (record.runId !== first?.runId) records.push(record)
  }
  return records
}

function describe({ output }: Call, records: readonly AuditRecord[]): string {
  if (records.length === 0) return 'no calls'
  const heads = ['TIME', 'RUN', 'WHO', 'AGENT', 'TASK', 'TOOL', 'VERDICT', 'OUTCOME', 'TRIES', 'TOOK', 'BYTES']
  return table(heads, records.map(cells), (text) => output.style('bold', text))
}

function cells(record: AuditRecord): readonly string[] {
  const { tenant, principal, task = '', tool, through, verdict, rule, approver, tried, outcome, code, bytes } = record
  const said = rule === undefined ? verdict : `${verdict} by ${rule}`
  const answered = approver === undefined ? said : `${said}, answered by ${approver}`
  const texts = [
    showTime(record.at),
    record.runId,
    principal === undefined ? tenant : `${principal} of ${tenant}`,
    record.agent,
    task,
    through === undefined ? tool : `${tool} through ${through}`,
    tried === undefined ? answered : `${answered}, dry run: ${tried.verdict} by ${tried.rule}`,
    code === undefined ? outcome : `${outcome} ${code}`,
    String(record.attempts),
    showDuration(record.durationMs),
    bytes === undefined ? '' : String(bytes),
  ]
  return texts.map((text) => oneLine(text))
}
