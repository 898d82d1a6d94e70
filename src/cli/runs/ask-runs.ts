import type { Run, RunStatus } from '../../core/index.ts'
import type { Call } from '../calling/command.ts'
import { withRuns } from '../opening/open.ts'

/** What the commands that ask something of runs print with `--json`. */
export const ASKED_JSON = '{ runs: { runId: string; status: RunStatus }[] }'

/**
 * Asks something of each run that the call names, in order, and tells where each stands then. The first that refuses ends the
 * command; asking those before it once more does no harm.
 */
export function askRuns(
  call: Call,
  ask: (run: Run) => Promise<void>,
  told: (runId: string, status: RunStatus) => string,
): Promise<number> {
  return withRuns(call, async (runs) => {
    const asked: { readonly runId: string; readonly status: RunStatus }[] = []
    for (const runId of call.args) {
      await ask(await runs.run(runId))
      asked.push({ runId, status: (await runs.record(runId)).status })
    }
    call.output.give({ runs: asked }, () => asked.map(({ runId, status }) => told(runId, status)).join('\n'))
    return 0
  })
}

/** Who asks, for the record: `--by`, if it was given. */
export function askedBy({ options }: Call): { readonly by?: string } {
  const by = options.text('by')
  return by === undefined ? {} : { by }
}
