import { ASKED_JSON, askedBy, askRuns } from '../runs/ask-runs.ts'
import type { CliCommand } from '../calling/command.ts'

/** `opspawn resume` */
export const resume: CliCommand = {
  name: 'resume',
  summary: 'Lets runs go on that are paused or in quarantine; a worker takes them up.',
  arguments: [{ name: '<runs...>', meaning: 'ids of the runs' }],
  options: [{ flags: '--by <name>', meaning: 'who asks, for the record' }],
  needs: ['config', 'store'],
  json: ASKED_JSON,
  run: (call) =>
    askRuns(
      call,
      (run) => run.resume(askedBy(call)),
      (runId) => `asked run ${runId} to go on`,
    ),
}
