import { type Decision, type Effect, OpspawnError, type Planner, type RunView, toJson } from '../core/index.ts'

const KINDS: readonly string[] = ['model', 'tool', 'run', 'recall', 'remember', 'wait']

/**
 * Asks a planner and checks what it says. Data that a planner makes up anew (arguments, state, output) is copied as JSON;
 * messages are taken as they are, since copying them would make each step cost as much as the whole conversation.
 *
 * @throws OpspawnError `PLANNER_FAILED`, `PLANNER_DECISION_INVALID`
 */
export function decide(planner: Planner, view: RunView): Decision | Promise<Decision> {
  let decided: Decision | Promise<Decision>
  try {
    decided = planner.decide(view)
  } catch (error) {
    throw plannerError(planner, view, error)
  }
  if (!(decided instanceof Promise)) return checkDecision(planner, view, decided)
  return decided.then(
    (decision) => checkDecision(planner, view, decision),
    (error: unknown) => {
      throw plannerError(planner, view, error)
    },
  )
}

function plannerError(planner: Planner, view: RunView, error: unknown): OpspawnError {
  if (OpspawnError.is(error, 'PLANNER_DECISION_INVALID')) return error
  return new OpspawnError(
    'PLANNER_FAILED',
    `planner "${planner.name}" threw while deciding on run ${view.id}: ${describe(error)}`,
    { cause: error },
  )
}

function checkDecision(planner: Planner, view: RunView, decision: Decision): Decision {
  switch ((decision as Decision | undefined | null)?.type) {
    case 'act':
      return checkAct(planner, view, decision as Decision & { type: 'act' })
    case 'idle':
      if (view.open > 0) return decision
      throw new OpspawnError('PLANNER_STALLED', `planner "${planner.name}" waits, but run ${view.id} has no open effect`)
    case 'finish': {
      const finish = decision as Decision & { type: 'finish' }
      return { ...finish, output: copy(planner, 'output', finish.output, view) }
    }
    case 'fail': {
      const { error } = decision as Decision & { type: 'fail' }
      if (typeof error?.code === 'string' && typeof error.message === 'string') return decision
      throw invalid(planner, 'fails without an error of { code, message, retryable }')
    }
    default:
      throw invalid(
        planner,
        `is of type ${JSON.stringify((decision as { type?: unknown } | undefined | null)?.type) ?? 'undefined'}; act, idle, finish and fail are known`,
      )
  }
}

function checkAct(planner: Planner, view: RunView, decision: Decision & { type: 'act' }): Decision {
  const { effects } = decision
  if (!Array.isArray(effects) || effects.length === 0) throw invalid(planner, 'acts without effects')
  if (effects.length > view.limits.effects)
    throw invalid(planner, `has ${effects.length} effects; the limit is ${view.limits.effects}`)
  const list = effects as readonly Effect[]
  const checked =
    list.length === 1 ? [checkEffect(planner, view, list, 0)] : list.map((_, index) => checkEffect(planner, view, list, index))
  return decision.state === undefined
    ? { type: 'act', effects: checked }
    : { type: 'act', effects: checked, state: copy(planner, 'state', decision.state, view) }
}

function checkEffect(planner: Planner, view: RunView, effects: readonly Effect[], index: number): Effect {
  const effect = effects[index] as Effect
  if (typeof effect?.key !== 'string' || effect.key === '') throw invalid(planner, 'has an effect without a key')
  if (!KINDS.includes(effect.kind)) {
    throw invalid(planner, `has an effect of unknown kind ${JSON.stringify(effect.kind)}; known are ${KINDS.join(', ')}`)
  }
  if (view.effects.has(effect.key) || (index > 0 && effects.findIndex((other) => other?.key === effect.key) < index)) {
    throw invalid(planner, `repeats the effect key "${effect.key}"; keys are unique in a run`)
  }
  if (effect.kind === 'tool' || effect.kind === 'run')
    return { ...effect, input: copy(planner, `input of "${effect.key}"`, effect.input, view) }
  if (effect.kind === 'model') {
    if (effect.continues !== undefined && view.effects.get(effect.continues)?.effect.kind !== 'model') {
      throw invalid(
        planner,
        `has model effect "${effect.key}" that continues "${effect.continues}", which is no earlier model effect`,
      )
    }
    if (effect.continues === undefined && (effect.messages === undefined || effect.messages.length === 0)) {
      throw invalid(planner, `has model effect "${effect.key}" without messages`)
    }
  }
  return effect
}

function copy<T>(planner: Planner, what: string, value: T, view: RunView): T {
  try {
    return toJson(value, { maxSize: view.limits.payload }) as T
  } catch (error) {
    throw invalid(planner, `has an ${what} that cannot be recorded: ${describe(error)}`, error)
  }
}

function invalid(planner: Planner, what: string, cause?: unknown): OpspawnError {
  return new OpspawnError('PLANNER_DECISION_INVALID', `a decision of planner "${planner.name}" ${what}`, { cause })
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
