import type { CliCommand } from '../command.ts'
import { withRuns } from '../open.ts'

/** `opspawn cancel` */
export const cancel: CliCommand = {
  name: 'cancel',
  summary: 'Asks runs to end; recorded at once, carried out by the worker of each run.',
  arguments: [{ name: '<runs...>', meaning: 'ids of the runs' }],
  options: [{ flags: '--reason <text>', meaning: 'why, for the record' }],
  needs: ['config', 'store'],
  json: '{ runs: { runId: string; status: RunStatus }[] }',
  run: (call) =>
    withRuns(call, async (runs) => {
      const asked: { readonly runId: string; readonly status: string }[] = []
      for (const runId of call.args) {
        const run = await runs.run(runId)
        await run.cancel(call.options.text('reason') ?? '')
        asked.push({ runId, status: (await runs.record(runId)).status })
      }
      call.output.give({ runs: asked }, () => asked.map(({ runId, status }) => told(runId, status)).join('\n'))
      return 0
    }),
}

function told(runId: string, status: string): string {
  const isOver = status === 'completed' || status === 'failed'
  return isOver ? `run ${runId} had ended already: ${status}` : `asked run ${runId} to end`
}
