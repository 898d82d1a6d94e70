import type { Orchestrator, Run, RunOutcome, RunRecord } from '../../core/index.ts'
import type { Call, CliOption } from '../calling/command.ts'
import { showDuration } from '../terminal/duration.ts'
import { tellFaults } from '../showing/faults.ts'
import { reportFailure, usageError } from '../calling/report-error.ts'
import { type RunResult, summaryOf } from '../showing/timeline.ts'
import { visible } from '../terminal/visible.ts'
import { watch } from './watch.ts'

/** Options of the commands that begin a run, about who works on it and who waits. */
export const ATTEND_OPTIONS: readonly CliOption[] = [
  { flags: '-w, --watch', meaning: 'show what happens while it happens' },
  { flags: '-d, --detach', meaning: 'only hand the run in, and print its id; a worker does it' },
  { flags: '--id <run>', meaning: 'id of the run (default: made up)' },
  { flags: '--key <key>', meaning: 'idempotency key: the same key with the same input gives the run that exists' },
  { flags: '--priority <number>', meaning: 'higher first (default: 0)' },
  { flags: '--timeout <time>', meaning: 'longest life of the run: 30s, 5m, 2h' },
]

/** What they print with `--json`. */
export const ATTEND_JSON =
  'RunResult; with --watch one line for each event, { event: RunStreamEvent }, then { result: RunResult }'

/** What these options say to `start` and `fork`. @throws OpspawnError `OPTIONS_INVALID` */
export function attendOptions({ options }: Call): {
  readonly runId?: string
  readonly idempotencyKey?: string
  readonly priority?: number
  readonly limits?: { readonly durationMs: number }
} {
  const [runId, idempotencyKey, priority] = [options.text('id'), options.text('key'), options.text('priority')]
  const timeout = options.durationMs('timeout')
  if (priority !== undefined && !/^-?\d{1,9}$/.test(priority))
    throw usageError(`--priority must be a whole number of at most nine digits, not "${priority}"`)
  return {
    ...(runId === undefined ? undefined : { runId }),
    ...(idempotencyKey === undefined ? undefined : { idempotencyKey }),
    ...(priority === undefined ? undefined : { priority: Number(priority) }),
    ...(timeout === undefined ? undefined : { limits: { durationMs: timeout } }),
  }
}

/** As a shell counts who was ended by a signal. */
const LEFT = { SIGINT: 130, SIGTERM: 143 } as const

/** Sees to a run that was begun: waits for its end, or only tells its id where that was asked for. */
export async function seeTo(call: Call, orchestrator: Orchestrator, started: Run): Promise<number> {
  if (!call.options.flag('detach')) return attend(call, orchestrator, started)
  call.output.give(resultOf(await orchestrator.record(started.id)), () => started.id)
  return 0
}

/** Waits for the end of a run. The first interrupt asks it to end, the second leaves it. */
async function attend(call: Call, orchestrator: Orchestrator, started: Run): Promise<number> {
  const { output, surroundings } = call
  const watching = watch(call, started)
  const stopFaults = tellFaults(output, orchestrator)
  let leave: (code: number) => void = () => {}
  const left = new Promise<number>((resolve) => (leave = resolve))
  let interrupts = 0
  const stopListening = surroundings.onInterrupt((name) => {
    interrupts += 1
    if (name === 'SIGTERM' || interrupts > 1) return leave(LEFT[name])
    watching.say('asking the run to end; once more to leave it')
    started.cancel('interrupted on the command line').catch(() => {})
  })
  try {
    const outcome = await Promise.race([started.result, left])
    // The outcome may be known before its last events are.
    if (typeof outcome !== 'number') await watching.shown
    await watching.end()
    if (typeof outcome !== 'number') return tell(call, await orchestrator.record(started.id), outcome)
    // What is under way is handed back for another worker.
    await orchestrator.drain(0)
    output.remark(`left run ${started.id}`)
    return outcome
  } finally {
    await watching.end()
    stopFaults()
    stopListening()
  }
}

function tell(call: Call, record: RunRecord, outcome: RunOutcome): number {
  const { output } = call
  const result = resultOf(record)
  if (output.isJson) {
    if (call.options.flag('watch')) output.jsonLine({ result })
    else output.json(result)
  } else {
    if (outcome.status === 'completed') {
      const { output: given } = outcome
      output.line(typeof given === 'string' ? visible(given) : JSON.stringify(given, null, 2))
    }
    const { steps, tokens } = record.spending.used
    const mark =
      outcome.status === 'completed' ? output.noteStyle('green', outcome.status) : output.noteStyle('red', outcome.status)
    output.note(`${mark} run ${record.runId}: ${steps} model calls, ${tokens} tokens, ${showDuration(result.durationMs)}`)
  }
  return outcome.status === 'completed' ? 0 : reportFailure(output, outcome.error)
}

/** What a run came to, as `--json` tells it. */
function resultOf(record: RunRecord): RunResult {
  return { ...summaryOf(record), durationMs: record.updatedAt - record.createdAt }
}
