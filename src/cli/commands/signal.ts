import type { CliCommand } from '../calling/command.ts'
import { withRuns } from '../opening/open.ts'
import { jsonOrText } from '../opening/read-input.ts'

/** `opspawn signal` */
export const signal: CliCommand = {
  name: 'signal',
  summary: 'Sends a signal to a run; one that comes early is kept.',
  arguments: [
    { name: '<run>', meaning: 'id of the run' },
    { name: '<name>', meaning: 'name of the signal' },
    { name: '[payload]', meaning: 'JSON, or text where it is none (default: null)' },
  ],
  options: [{ flags: '--id <id>', meaning: 'a second signal of the same id counts for nothing (default: made up)' }],
  needs: ['config', 'store'],
  json: '{ runId: string; name: string; payload: Json }',
  run: (call) =>
    withRuns(call, async (runs) => {
      const [runId = '', name = '', text] = call.args
      const payload = text === undefined ? null : jsonOrText(text)
      const id = call.options.text('id')
      const run = await runs.run(runId)
      await run.signal(name, payload, id === undefined ? {} : { id })
      call.output.give({ runId, name, payload }, () => `sent ${name} to run ${runId}`)
      return 0
    }),
}
