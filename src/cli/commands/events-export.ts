import type { Orchestrator, RunRecord } from '../../core/index.ts'
import { chosenRuns, STATUS_OPTION, WHOSE_OPTIONS } from '../runs/chosen-runs.ts'
import type { CliCommand } from '../calling/command.ts'
import { type LineFile, openLines } from '../opening/line-file.ts'
import { EXPORT_FORMAT } from '../opening/export-file.ts'
import { eventsUntil } from '../runs/history.ts'
import { withRuns } from '../opening/open.ts'
import { ProgressBar } from '../terminal/progress-bar.ts'

/** `opspawn events export` */
export const eventsExport: CliCommand = {
  name: 'events export',
  summary: 'Writes runs with their whole histories as lines of JSON.',
  arguments: [{ name: '[runs...]', meaning: 'ids of the runs (default: all that fit)' }],
  options: [
    { flags: '-o, --output <file>', meaning: 'write to a new file (default: standard output)' },
    ...WHOSE_OPTIONS,
    STATUS_OPTION,
  ],
  needs: ['config', 'store'],
  json: 'with -o { file: string; runs: number; events: number }; else the lines: { format: string }, then for each run { run: RunRecord } and { runId: string; event: RunEvent } for each of its events',
  run: (call) =>
    withRuns(call, async (runs) => {
      const sink = openLines(call)
      const chosen = await chosenRuns(call, runs)
      // Oldest first, so that a parent comes before its children; runs that are named come as they were named.
      const records = call.args.length > 0 ? chosen : chosen.toReversed()
      const bar = new ProgressBar(call.output, 'exporting', records.length)
      let events = 0
      try {
        await sink.write({ format: EXPORT_FORMAT })
        for (const [index, record] of records.entries()) {
          if (call.output.gone.aborted) break
          events += await exportRun(runs, record, sink)
          bar.step(index + 1)
        }
        await sink.end()
      } finally {
        bar.end()
      }
      const { file } = sink
      if (file === undefined) return 0
      call.output.give({ file, runs: records.length, events }, () => `${records.length} runs, ${events} events in ${file}`)
      return 0
    }),
}

async function exportRun(runs: Orchestrator, record: RunRecord, sink: LineFile): Promise<number> {
  await sink.write({ run: record })
  const events = await eventsUntil(runs, record.runId, 0, record.seq)
  for (const event of events) await sink.write({ runId: record.runId, event })
  return events.length
}
