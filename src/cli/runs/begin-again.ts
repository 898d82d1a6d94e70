import type { ForkOptions, Orchestrator } from '../../core/index.ts'
import { ATTEND_OPTIONS, attendOptions, seeTo } from './attend.ts'
import type { Call, CliOption } from '../calling/command.ts'
import { readConfig } from '../opening/config-file.ts'
import { requireShared, withAgents } from '../opening/open.ts'
import { usageError } from '../calling/report-error.ts'
import { loadWorkflowFiles } from '../opening/workflow-file.ts'

/** Options of the commands that begin a new run with the history of another. */
export const AGAIN_OPTIONS: readonly CliOption[] = [
  { flags: '--repeat-unknown', meaning: 'make unsafe calls again that may have happened' },
  { flags: '--workflow <file>', meaning: 'the workflow document of the run; may be repeated', isRepeatable: true },
  ...ATTEND_OPTIONS,
]

/** Begins a new run with the history of another, and sees to it. @throws OpspawnError as `fork` and the configuration do */
export async function beginAgain(
  call: Call,
  optionsOf: (orchestrator: Orchestrator, runId: string) => Promise<ForkOptions>,
): Promise<number> {
  const [runId = ''] = call.args
  const config = await readConfig(call)
  requireShared(call, config, 'which store? The run must be in one that this process can see')
  const workflows = await loadWorkflowFiles(call, config)
  if (workflows.length === 0 && config === undefined)
    throw usageError('the new run needs its agent', 'give it in opspawn.config.ts, or its workflow document with --workflow')
  const more = { work: !call.options.flag('detach'), agents: workflows }
  return withAgents(call, more, config, async (orchestrator) => {
    const repeat = call.options.flag('repeat-unknown') ? { repeatUnknown: true } : undefined
    const options = { ...attendOptions(call), ...repeat, ...(await optionsOf(orchestrator, runId)) }
    return seeTo(call, orchestrator, await orchestrator.fork(runId, options))
  })
}
