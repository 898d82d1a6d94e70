import { errorInfo, type Failure, OpspawnError, toFailure } from '../../core/index.ts'
import type { Output } from '../terminal/output.ts'
import { visible } from '../terminal/visible.ts'

/** What a person may do about a code, where the message does not say it. */
const HINTS: Readonly<Record<string, string>> = {
  AGENT_UNKNOWN: '`opspawn agents` lists the agents of the configuration',
  APPROVAL_UNKNOWN: '`opspawn inspect RUN` shows what the run waits for',
  APPROVAL_DECIDED: '`opspawn inspect RUN` shows how it was answered',
  NAME_DUPLICATE: 'a workflow that the configuration has is run by its name, not by its file',
  PAYLOAD_TOO_LARGE: 'keep large data in a file or a service, and hand its name to the run',
  RUN_UNKNOWN: '`opspawn list` shows the runs of the store; is it the right one?',
  SCHEDULE_UNKNOWN: '`opspawn schedules list` shows the schedules of the store',
}

/** An error that carries a hint of its own. */
export function usageError(message: string, hint?: string, reason?: string): OpspawnError {
  const details = { ...(hint === undefined ? undefined : { hint }), ...(reason === undefined ? undefined : { reason }) }
  return new OpspawnError('OPTIONS_INVALID', message, Object.keys(details).length === 0 ? {} : { details })
}

/** Says what was thrown, and gives its exit code. */
export function reportError(output: Output, thrown: unknown, debug: boolean): number {
  return reportFailure(output, toFailure(thrown, 'INTERNAL'), debug ? stackOf(thrown) : undefined)
}

/** Says what failed, and gives its exit code. */
export function reportFailure(output: Output, failure: Failure, stack?: string): number {
  const { exit } = errorInfo(failure.code)
  const hint = hintOf(failure)
  if (output.isJson) {
    const error = {
      ...failure,
      exit,
      ...(hint === undefined ? undefined : { hint }),
      ...(stack === undefined ? undefined : { stack }),
    }
    output.note(JSON.stringify({ error }))
    return exit
  }
  output.note(`${output.noteStyle('red', `error ${failure.code}:`)} ${visible(failure.message)}`)
  if (hint !== undefined) output.note(output.noteStyle('dim', `  hint: ${visible(hint)}`))
  if (stack !== undefined) output.note(visible(stack))
  return exit
}

function hintOf({ code, details }: Failure): string | undefined {
  const own = typeof details === 'object' && details !== null && 'hint' in details ? details.hint : undefined
  if (typeof own === 'string') return own
  if (code === 'INTERNAL') return 'with --debug the stack is shown'
  return HINTS[code]
}

function stackOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined
  const causes: string[] = []
  for (let cause = thrown.cause; cause instanceof Error && causes.length < 4; cause = cause.cause)
    causes.push(`caused by ${cause.stack ?? cause.message}`)
  return [thrown.stack ?? thrown.message, ...causes].join('\n')
}
