import type { Orchestrator, RunRecord } from '../../core/index.ts'
import type { AuditRecord } from '../../orchestrator/index.ts'
import { chosenRuns } from '../runs/chosen-runs.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { showDuration, showTime } from '../terminal/duration.ts'
import { eachRun, readHistory } from '../runs/history.ts'
import { withRuns } from '../opening/open.ts'
import { usageError } from '../calling/report-error.ts'
import { table } from '../terminal/table.ts'
import { oneLine } from '../terminal/visible.ts'

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

/** The run that is named with those below it, or all that the options choose. */
async function chosen(call: Call, runs: Orchestrator): Promise<readonly RunRecord[]> {
  const { args, options } = call
  const [runId] = args
  if ((runId === undefined) !== options.flag('all')) throw usageError('name a run, or say --all', 'one of the two is needed')
  if (runId === undefined) return chosenRuns(call, runs)
  const first = await runs.record(runId)
  const records: RunRecord[] = [first]
  if (first.rootId !== runId) return records
  for await (const record of eachRun(runs, { rootId: runId })) if (record.runId !== runId) records.push(record)
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
