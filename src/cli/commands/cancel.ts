import { ASKED_JSON, askRuns } from '../runs/ask-runs.ts'
import type { CliCommand } from '../calling/command.ts'

/** `opspawn cancel` */
export const cancel: CliCommand = {
  name: 'cancel',
  summary: 'Asks runs to end; recorded at once, carried out by the worker of each run.',
  arguments: [{ name: '<runs...>', meaning: 'ids of the runs' }],
  options: [{ flags: '--reason <text>', meaning: 'why, for the record' }],
  needs: ['config', 'store'],
  json: ASKED_JSON,
  run: (call) => askRuns(call, (run) => run.cancel(call.options.text('reason') ?? ''), told),
}

function told(runId: string, status: string): string {
  const isOver = status === 'completed' || status === 'failed'
  return isOver ? `run ${runId} had ended already: ${status}` : `asked run ${runId} to end`
}
