import { type Orchestrator, RUN_TRANSITIONS, type RunFilter, type RunRecord, type RunStatus } from '../../core/index.ts'
import type { Call, CliOption } from '../calling/command.ts'
import { eachRun } from './history.ts'

/** Options that choose runs by whose they are. */
export const WHOSE_OPTIONS: readonly CliOption[] = [
  { flags: '--agent <name>', meaning: 'only runs of this agent' },
  { flags: '--tenant <name>', meaning: 'only runs of this tenant' },
]

/** The option that chooses runs by how they stand. */
export const STATUS_OPTION: CliOption = {
  flags: '--status <status>',
  meaning: 'only runs in this status; may be repeated',
  isRepeatable: true,
  choices: Object.keys(RUN_TRANSITIONS),
}

/** Which runs the options of a call choose; one that its command does not have chooses nothing. */
export function filterOf({ options }: Call): RunFilter {
  const status = options.list('status') as readonly RunStatus[]
  const texts = {
    agent: options.text('agent'),
    tenant: options.text('tenant'),
    session: options.text('session'),
    parentId: options.text('parent'),
  }
  const given = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined))
  return status.length === 0 ? given : { ...given, status }
}

/** The runs that a call names, or else those that its options choose, newest first. @throws OpspawnError `RUN_UNKNOWN` */
export async function chosenRuns(call: Call, runs: Orchestrator, most?: number): Promise<readonly RunRecord[]> {
  if (call.args.length > 0) return Promise.all(call.args.map((runId) => runs.record(runId)))
  const records: RunRecord[] = []
  for await (const record of eachRun(runs, filterOf(call), most)) records.push(record)
  return records
}
