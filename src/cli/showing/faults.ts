import type { Orchestrator } from '../../core/index.ts'
import type { Output } from '../terminal/output.ts'
import { oneLine } from '../terminal/visible.ts'

/** Says what goes wrong beside the runs; gives what ends the telling. With JSON they are lines of standard error too. */
export function tellFaults(output: Output, orchestrator: Orchestrator): () => void {
  return orchestrator.on('fault', (fault, { where, runId }) => {
    if (output.isJson) {
      output.note(JSON.stringify({ fault, where, ...(runId === undefined ? undefined : { runId }) }))
      return
    }
    const place = runId === undefined ? where : `${where}, run ${runId}`
    output.note(`${output.noteStyle('yellow', `fault ${fault.code}`)} in ${place}: ${oneLine(fault.message)}`)
  })
}
