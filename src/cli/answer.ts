import { OpspawnError, type Orchestrator } from '../core/index.ts'
import type { Call, CliArgument, CliOption } from './command.ts'
import { withRuns } from './open.ts'
import { usageError } from './report-error.ts'

/** Arguments of the commands that answer an approval. */
export const ANSWER_ARGUMENTS: readonly CliArgument[] = [
  { name: '<run>', meaning: 'id of the run that waits' },
  { name: '[key]', meaning: 'key of the call; may be left out when the run waits for one approval alone' },
]

/** Options of the commands that answer an approval. */
export const ANSWER_OPTIONS: readonly CliOption[] = [
  { flags: '--by <name>', meaning: 'who answers, for the record (needed)' },
  { flags: '--reason <text>', meaning: 'why, for the record; a refusal is also told to the planner' },
]

/** What they print with `--json`. */
export const ANSWER_JSON = '{ runId: string; key: string; approved: boolean; by: string; reason?: string }'

/** Answers an approval. */
export function answer(call: Call, approved: boolean): Promise<number> {
  const [runId = '', given] = call.args
  const by = call.options.text('by')
  const reason = call.options.text('reason')
  if (by === undefined || by === '') throw usageError('--by is needed: who answers', 'the answer is recorded with the name')
  return withRuns(call, async (runs) => {
    const run = await runs.run(runId)
    const key = given ?? (await onlyKey(runs, runId))
    const because = reason === undefined ? undefined : { reason }
    await (approved ? run.approve(key, { by, ...because }) : run.deny(key, { by, ...because }))
    call.output.give({ runId, key, approved, by, ...because }, () => `${approved ? 'approved' : 'denied'} ${key} of run ${runId}`)
    return 0
  })
}

async function onlyKey(runs: Orchestrator, runId: string): Promise<string> {
  const pending = await (await runs.run(runId)).approvals()
  const [first, second] = pending
  if (first === undefined) throw new OpspawnError('APPROVAL_UNKNOWN', `run ${runId} waits for no approval`)
  if (second === undefined) return first.key
  const keys = pending.map(({ key }) => key).join(', ')
  throw usageError(`run ${runId} waits for ${pending.length} approvals: ${keys}`, 'name the one that is meant')
}
