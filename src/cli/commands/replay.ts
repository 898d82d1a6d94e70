import { type Agent, errorInfo, OpspawnError, type Orchestrator, type RunRecord, type RunStatus } from '../../core/index.ts'
import type { ReplayResult } from '../../orchestrator/index.ts'
import { chosenRuns, STATUS_OPTION, WHOSE_OPTIONS } from '../runs/chosen-runs.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { type LoadedConfig, readConfig } from '../opening/config-file.ts'
import { eventsUntil } from '../runs/history.ts'
import { withRuns } from '../opening/open.ts'
import { ProgressBar } from '../terminal/progress-bar.ts'
import { usageError } from '../calling/report-error.ts'
import { type Today, withToday } from '../opening/today.ts'
import { brief, oneLine } from '../terminal/visible.ts'
import { loadWorkflowFiles } from '../opening/workflow-file.ts'

const MOST = 1_000

type Replayed = { readonly runId: string; readonly agent: string; readonly status: RunStatus } & (
  | ReplayResult
  | { readonly skipped: string }
)

/** `opspawn replay` */
export const replay: CliCommand = {
  name: 'replay',
  summary: 'Asks the agents of today at every decision that runs have on record, and tells the first that is another now.',
  arguments: [{ name: '[runs...]', meaning: `ids of the runs (default: the ${MOST} newest that fit)` }],
  options: [
    ...WHOSE_OPTIONS,
    STATUS_OPTION,
    { flags: '--limit <count>', meaning: `at most so many (default: ${MOST})` },
    { flags: '--workflow <file>', meaning: 'also runs of this workflow document; may be repeated', isRepeatable: true },
  ],
  needs: ['config', 'store'],
  json: '{ runs: ({ runId: string; agent: string; status: RunStatus } & (ReplayResult | { skipped: string }))[]; same: number; different: number; skipped: number }',
  async run(call) {
    const config = await readConfig(call)
    const workflows = await loadWorkflowFiles(call, config)
    if (workflows.length === 0 && config === undefined)
      throw usageError('there is nothing to compare with', 'give agents in opspawn.config.ts, or documents with --workflow')
    const results = await withToday(config?.options ?? {}, workflows, (today) =>
      withRuns(call, (runs) => replayAll(call, runs, today)),
    )
    return tell(call, results, config)
  },
}

async function replayAll(call: Call, runs: Orchestrator, today: Today): Promise<readonly Replayed[]> {
  const records = await chosenRuns(call, runs, call.options.count('limit') ?? MOST)
  const bar = new ProgressBar(call.output, 'replaying', records.length)
  const results: Replayed[] = []
  try {
    for (const record of records) {
      if (call.output.gone.aborted) break
      results.push(await replayOne(runs, record, today, call.args.length > 0))
      bar.step(results.length)
    }
  } finally {
    bar.end()
  }
  return results
}

async function replayOne(runs: Orchestrator, record: RunRecord, today: Today, isNamed: boolean): Promise<Replayed> {
  const { runId, agent: name, status, seq } = record
  const agent = today.agents.find((one: Agent) => one.name === name)
  if (agent === undefined) {
    const skipped = `there is no agent "${name}" today`
    if (isNamed) throw new OpspawnError('AGENT_UNKNOWN', `run ${runId} cannot be replayed: ${skipped}`)
    return { runId, agent: name, status, skipped }
  }
  const { replay: compare } = await import('../../orchestrator/index.ts')
  const others = today.agents.filter((one) => one !== agent)
  const result = await compare(await eventsUntil(runs, runId, 0, seq), agent, { ...today.options, agents: others })
  return { runId, agent: name, status, ...result }
}

function tell(call: Call, results: readonly Replayed[], config: LoadedConfig | undefined): number {
  const { output } = call
  const skipped = results.filter((result) => 'skipped' in result).length
  const different = results.filter((result) => 'same' in result && !result.same).length
  const same = results.length - skipped - different
  if (output.isJson) output.json({ runs: results, same, different, skipped })
  else for (const result of results) if (!('same' in result) || !result.same) output.line(lineOf(result))
  const counts = `${same} of ${results.length} runs decide alike today${skipped === 0 ? '' : `, ${skipped} skipped`}`
  if (different === 0) {
    output.remark(`${output.noteStyle('green', 'same')}: ${counts}`)
    return 0
  }
  const where = config === undefined ? 'the workflow documents' : config.path
  output.remark(`${output.noteStyle('red', 'different')}: ${counts}; ${different} would go on in another way with ${where}`)
  return errorInfo('CASSETTE_MISMATCH').exit
}

function lineOf(result: Replayed): string {
  const run = `${oneLine(result.runId)} ${oneLine(result.agent)} ${result.status}`
  if ('skipped' in result) return `${run} skipped: ${result.skipped}`
  if (result.same) return `${run} same`
  const { seq, path, recorded, present } = result
  const place = path === '' ? 'the decision' : oneLine(path)
  return `${run} event ${seq}, ${place}\n  recorded ${brief(recorded, 300)}\n  today    ${brief(present, 300)}`
}
