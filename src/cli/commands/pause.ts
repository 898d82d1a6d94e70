import { ASKED_JSON, askedBy, askRuns } from '../runs/ask-runs.ts'
import type { CliCommand } from '../calling/command.ts'

/** `opspawn pause` */
export const pause: CliCommand = {
  name: 'pause',
  summary: 'Sets runs aside until they are resumed: what is under way settles, and nothing new is begun.',
  arguments: [{ name: '<runs...>', meaning: 'ids of the runs' }],
  options: [
    { flags: '--by <name>', meaning: 'who asks, for the record' },
    { flags: '--reason <text>', meaning: 'why, for the record' },
  ],
  needs: ['config', 'store'],
  json: ASKED_JSON,
  run: (call) =>
    askRuns(
      call,
      (run) => run.pause(call.options.text('reason') ?? '', askedBy(call)),
      (runId, status) => (status === 'paused' ? `run ${runId} is paused` : `asked run ${runId} to pause`),
    ),
}
