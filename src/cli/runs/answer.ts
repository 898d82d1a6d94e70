import { OpspawnError, type Orchestrator, type PendingApproval } from '../../core/index.ts'
import type { Call, CliArgument, CliOption } from '../calling/command.ts'
import { withRuns } from '../opening/open.ts'
import { usageError } from '../calling/report-error.ts'

/** Arguments of the commands that answer what a run waits for. */
export const ANSWER_ARGUMENTS: readonly CliArgument[] = [
  { name: '<run>', meaning: 'id of the run that waits, or of one above it' },
  { name: '[key]', meaning: 'key of the call; may be left out when only one waits' },
]

/** Options of these commands. */
export const ANSWER_OPTIONS: readonly CliOption[] = [
  { flags: '--by <name>', meaning: 'who answers, for the record (needed)' },
  { flags: '--reason <text>', meaning: 'why, for the record; a refusal is also told to the planner' },
]

/** What `approve` and `deny` print with `--json`. */
export const ANSWER_JSON = '{ runId: string; key: string; approved: boolean; by: string; reason?: string }'

/** Who answers, and why. */
export interface Answer {
  readonly by: string
  readonly reason?: string
}

/** Answers an approval. */
export function answer(call: Call, approved: boolean): Promise<number> {
  return answerPending(call, 'approval', async (runs, { runId, key }, given) => {
    const run = await runs.run(runId)
    await (approved ? run.approve(key, given) : run.deny(key, given))
    call.output.give({ runId, key, approved, ...given }, () => `${approved ? 'approved' : 'denied'} ${key} of run ${runId}`)
  })
}

/** Finds what the call answers, and hands it over with the answer. @throws OpspawnError `OPTIONS_INVALID`, `APPROVAL_UNKNOWN` */
export function answerPending(
  call: Call,
  kind: PendingApproval['kind'],
  act: (runs: Orchestrator, asked: Pick<PendingApproval, 'runId' | 'key'>, given: Answer) => Promise<void>,
): Promise<number> {
  const [runId = '', key] = call.args
  const by = call.options.text('by')
  const reason = call.options.text('reason')
  if (by === undefined || by === '') throw usageError('--by is needed: who answers', 'the answer is recorded with the name')
  return withRuns(call, async (runs) => {
    const asked = await find(runs, runId, key, kind)
    await act(runs, asked, { by, ...(reason === undefined ? undefined : { reason }) })
    return 0
  })
}

const WORDS: Readonly<Record<PendingApproval['kind'], string>> = {
  approval: 'approval',
  outcome: 'word on an interrupted call',
}

async function find(
  runs: Orchestrator,
  runId: string,
  key: string | undefined,
  kind: PendingApproval['kind'],
): Promise<Pick<PendingApproval, 'runId' | 'key'>> {
  const pending = await (await runs.run(runId)).approvals()
  const fitting = pending.filter((one) => (key === undefined ? one.kind === kind : one.key === key))
  const own = fitting.find((one) => key !== undefined && one.runId === runId)
  const [first, second] = own === undefined ? fitting : [own]
  if (first !== undefined && second === undefined) return first
  if (first !== undefined) {
    const keys = fitting.map((one) => `${one.key} of run ${one.runId}`).join(', ')
    throw usageError(`run ${runId} waits for ${fitting.length} answers: ${keys}`, 'name the run and the key that is meant')
  }
  // Whether it was ever asked, and how it was answered, the run itself tells.
  if (key !== undefined) return { runId, key }
  throw new OpspawnError('APPROVAL_UNKNOWN', `run ${runId} waits for no ${WORDS[kind]}`)
}
