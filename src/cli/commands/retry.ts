import { isFinal, OpspawnError, type Orchestrator } from '../../core/index.ts'
import { ATTEND_JSON } from '../runs/attend.ts'
import { AGAIN_OPTIONS, beginAgain } from '../runs/begin-again.ts'
import type { CliCommand } from '../calling/command.ts'

/** `opspawn retry` */
export const retry: CliCommand = {
  name: 'retry',
  summary: 'Begins a new run from where another one failed: what completed there is not done again.',
  arguments: [{ name: '<run>', meaning: 'id of a run that failed or was cancelled' }],
  options: AGAIN_OPTIONS,
  needs: ['config', 'store'],
  json: ATTEND_JSON,
  run: (call) =>
    beginAgain(call, async (orchestrator, runId) => {
      await requireFailed(orchestrator, runId)
      return {}
    }),
}

async function requireFailed(orchestrator: Orchestrator, runId: string): Promise<void> {
  const { status } = await orchestrator.record(runId)
  if (status === 'failed' || status === 'cancelled') return
  const hint = isFinal(status)
    ? '`opspawn fork` begins a new run with its history'
    : '`opspawn resume` lets one go on that was set aside; `opspawn cancel` ends it'
  throw new OpspawnError('STATE_INVALID', `run ${runId} is ${status}: there is nothing in it to retry`, { details: { hint } })
}
