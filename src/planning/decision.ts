import {
  type Decision,
  type Effect,
  type EffectRecord,
  type ErrorCode,
  type Json,
  OpspawnError,
  type RunView,
  offeredTool,
  toFailure,
} from '../core/index.ts'

/** Asks for one effect. */
export function act(effect: Effect, state?: Json): Decision {
  return state === undefined ? { type: 'act', effects: [effect] } : { type: 'act', effects: [effect], state }
}

/** Ends the run with a failure of this planner's own finding. */
export function fail(code: ErrorCode, message: string): Decision & { readonly type: 'fail' } {
  return { type: 'fail', error: toFailure(new OpspawnError(code, message), code) }
}

/** Ends the run as an effect ended that cannot be done without. */
export function failedWith({ outcome }: EffectRecord): Decision {
  return outcome === undefined || outcome.status === 'completed' ? { type: 'idle' } : { type: 'fail', error: outcome.error }
}

/** Whether an effect gives the whole conversation to another agent, whose output is then the run's. */
export function isHandoff(run: RunView, effect: Effect): boolean {
  return effect.kind === 'run' && effect.tool !== undefined && offeredTool(run, effect.tool)?.delegate?.handoff === true
}
