import { type Decision, type Json, OpspawnError, type Planner, type RunView, toFailure } from '../../core/index.ts'
import { ScriptExecution } from './execution.ts'
import { sandboxLimits, type SandboxLimits } from './limits.ts'
import type { Sandbox } from './port.ts'

/** An execution with the decision that was made at it. */
interface Place {
  readonly execution: ScriptExecution
  readonly decisions: number
  readonly settled: number
  readonly decision: Decision
}

/**
 * The planner behind `codeMode`, for agents that are put together by hand: their input is `{ code }`. It runs the script over the
 * outcomes that the history holds. Where the script waits in the sandbox still, it is gone on with; where it was ended to make
 * room, and after a crash, it is run anew, with the same decisions.
 *
 * @throws OpspawnError `LIMIT_INVALID`, `OPTIONS_INVALID`
 */
export function scriptPlanner(sandbox: Sandbox, limits: Partial<SandboxLimits> = {}): Planner {
  const all = sandboxLimits(limits)
  // A cache: it may be lost at any time.
  const places = new WeakMap<RunView, Place>()
  return {
    spec: 'planner/1',
    name: 'script',
    version: `1 ${sandbox.engine} ${Object.values(all).join(' ')}`,
    reactive: true,
    async decide(view) {
      const wrong = wrongStart(view)
      if (wrong !== undefined) return { type: 'fail', error: toFailure(wrong, wrong.code) }
      const place = places.get(view)
      if (place !== undefined && place.decisions === view.decisions && place.settled === view.settled.length)
        return place.decision
      const { decisions } = view
      const settled = view.settled.length
      places.delete(view)
      const known = place !== undefined && isNext(place, view) && place.execution.isLive ? place.execution : undefined
      const execution = known ?? (await ScriptExecution.open(sandbox, all, view))
      try {
        await execution.feed(settled)
        if (known === undefined) execution.checkAll()
      } catch (error) {
        execution.close()
        throw error
      }
      const decision = decideAt(execution, view)
      places.set(view, { execution, decisions, settled, decision })
      return decision
    },
  }
}

function isNext({ decisions, settled, decision }: Place, view: RunView): boolean {
  return view.decisions === decisions + (decision.type === 'act' ? 1 : 0) && view.settled.length >= settled
}

function wrongStart({ input, rejectedNow, rejected }: RunView): OpspawnError | undefined {
  if (typeof (input as { readonly code?: unknown } | null)?.code !== 'string')
    return new OpspawnError(
      'INPUT_INVALID',
      'the input of a script must be { code }, code being the body of an asynchronous function',
    )
  if (!rejectedNow) return undefined
  const issues = rejected.at(-1)?.issues ?? []
  const text = issues.map(({ path, message }) => `${path}: ${message}`).join('; ')
  return new OpspawnError('OUTPUT_INVALID', `what the script gave does not fit the schema: ${text}`)
}

function decideAt(execution: ScriptExecution, view: RunView): Decision {
  const { fault, end } = execution
  if (fault !== undefined) return { type: 'fail', error: toFailure(fault, 'PLANNER_FAILED') }
  if (end !== undefined) {
    const written = end.console.length === 0 ? undefined : { console: [...end.console] }
    if (end.status === 'completed') return { type: 'finish', output: { result: end.value, ...written } }
    const details = { ...(end.error.details as { readonly [key: string]: Json }), ...written }
    return { type: 'fail', error: { ...end.error, details } }
  }
  const effects = execution.take(view.limits.effects)
  if (effects.length === 0) return { type: 'idle' }
  return view.state === undefined ? { type: 'act', effects, state: { now: view.now } } : { type: 'act', effects }
}
