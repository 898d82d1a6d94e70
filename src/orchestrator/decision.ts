import {
  type Decision,
  type Effect,
  type Json,
  type MemoryEntry,
  type Message,
  type ModelEffect,
  OpspawnError,
  type Planner,
  type RecallEffect,
  type RememberEffect,
  type RunEffect,
  type RunView,
  type ToolEffect,
  toFailure,
  toJson,
} from '../core/index.ts'
import { requireShape, type Shape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import { nowOrLater } from './later.ts'
import { withLabels } from './memory-labels.ts'
import { compileTaskRules } from './policy.ts'

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
    decided = nowOrLater(planner.decide(view))
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
      const output = copy(planner, 'output', finish.output, view)
      const state = copyState(planner, view, finish)
      if (finish.messages === undefined) return { type: 'finish', output, ...state }
      return { type: 'finish', output, messages: copyMessages(planner, view, finish.messages), ...state }
    }
    case 'fail':
      return checkFail(planner, view, decision as Decision & { type: 'fail' })
    case 'continue':
      return { type: 'continue', input: copy(planner, 'input', (decision as Decision & { type: 'continue' }).input, view) }
    default:
      throw invalid(
        planner,
        `is of type ${show((decision as { type?: unknown } | undefined | null)?.type)}; act, idle, finish, fail and continue are known`,
      )
  }
}

function checkFail(planner: Planner, view: RunView, decision: Decision & { type: 'fail' }): Decision {
  const { error } = decision
  if (typeof error?.code !== 'string' || typeof error.message !== 'string')
    throw invalid(planner, 'fails without an error of { code, message, retryable }')
  const copied = { ...copy(planner, 'error', error, view), retryable: error.retryable === true }
  return { type: 'fail', error: copied, ...copyState(planner, view, decision) }
}

function checkAct(planner: Planner, view: RunView, decision: Decision & { type: 'act' }): Decision {
  const { effects } = decision
  if (!Array.isArray(effects) || effects.length === 0) throw invalid(planner, 'acts without effects')
  if (effects.length > view.limits.effects)
    throw invalid(planner, `has ${effects.length} effects; the limit is ${view.limits.effects}`)
  const list = effects as readonly Effect[]
  const checked = list.length === 1 ? [checkEffect(planner, view, list[0])] : checkEffects(planner, view, list)
  return decision.state === undefined
    ? { type: 'act', effects: checked }
    : { type: 'act', effects: checked, ...copyState(planner, view, decision) }
}

function copyState(planner: Planner, view: RunView, { state }: { readonly state?: Json }): { readonly state: Json } | undefined {
  return state === undefined ? undefined : { state: copy(planner, 'state', state, view) }
}

function checkEffects(planner: Planner, view: RunView, list: readonly Effect[]): Effect[] {
  const keys = new Set<string>()
  return list.map((effect) => {
    const checked = checkEffect(planner, view, effect)
    if (keys.has(checked.key)) throw repeated(planner, checked.key)
    keys.add(checked.key)
    return checked
  })
}

function repeated(planner: Planner, key: string): OpspawnError {
  return invalid(planner, `repeats the effect key ${show(key)}; keys are unique in a run`)
}

function checkEffect(planner: Planner, view: RunView, given: Effect | undefined): Effect {
  const effect = given as Effect
  // Of half a character a hash makes the same as of any other: two calls would have one idempotency key.
  if (typeof effect?.key !== 'string' || effect.key === '' || effect.key.length > 256 || !effect.key.isWellFormed()) {
    throw invalid(
      planner,
      `has an effect whose key is ${show((effect as { key?: unknown } | undefined | null)?.key)}; a key has 1 to 256 characters of well-formed text`,
    )
  }
  if (!KINDS.includes(effect.kind)) {
    throw invalid(planner, `has an effect of unknown kind ${show(effect.kind)}; known are ${KINDS.join(', ')}`)
  }
  if (view.effects.has(effect.key)) throw repeated(planner, effect.key)
  if (effect.kind === 'model') return checkModel(planner, view, effect)
  if (effect.kind === 'tool') return checkTool(planner, view, effect)
  checkMembers(planner, effect)
  const whole = effect.kind === 'remember' ? withLabels(effect, view) : effect
  return copy(planner, `effect "${effect.key}"`, whole, view)
}

function checkMembers(planner: Planner, effect: Exclude<Effect, ModelEffect | ToolEffect>): void {
  const { key } = effect
  switch (effect.kind) {
    case 'wait':
      return checkWait(planner, effect)
    case 'run':
      requireText(planner, key, 'agent', effect.agent)
      requirePositive(planner, key, 'timeoutMs', effect.timeoutMs)
      return requireTask(planner, effect)
    case 'recall':
      return checkRecall(planner, effect)
    default:
      return checkRemember(planner, effect)
  }
}

/** No run may read what another agent or another person has left: only the sessions of its own agent may be left open. */
function checkRecall(planner: Planner, { key, memory, query, across }: RecallEffect): void {
  if (memory !== undefined) requireText(planner, key, 'memory', memory)
  requireText(planner, key, 'query', query)
  if (across === undefined || (Array.isArray(across) && across.every((label) => label === 'session'))) return
  throw invalid(planner, `has recall "${key}" across ${show(across)}; a run may look across ['session'] alone`)
}

function checkRemember(planner: Planner, { key, memory, entries }: RememberEffect): void {
  if (memory !== undefined) requireText(planner, key, 'memory', memory)
  if (!Array.isArray(entries)) throw invalid(planner, `has effect "${key}" whose entries are ${show(entries)}, not a list`)
  for (const entry of entries as readonly unknown[]) {
    if (typeof entry !== 'object' || entry === null)
      throw invalid(planner, `has effect "${key}" with an entry that is ${show(entry)}, not an object with kind and text`)
    for (const member of ['kind', 'text'] as const)
      requireText(planner, key, `entry's ${member}`, (entry as Partial<MemoryEntry>)[member])
  }
}

/** The two kinds that every step has are put together by hand, member by member: a general copy would cost more than the rest. */
function checkTool(planner: Planner, view: RunView, effect: ToolEffect): Effect {
  const { key, tool, input, callId, timeoutMs, attempts, task, rules } = effect
  requireText(planner, key, 'tool', tool)
  const copied = copy(planner, `input of "${key}"`, input, view)
  requireTask(planner, effect)
  if (callId === undefined && timeoutMs === undefined && attempts === undefined && rules === undefined)
    return task === undefined ? { kind: 'tool', key, tool, input: copied } : { kind: 'tool', key, tool, input: copied, task }
  if (callId !== undefined) requireText(planner, key, 'callId', callId)
  requirePositive(planner, key, 'timeoutMs', timeoutMs)
  requirePositive(planner, key, 'attempts', attempts)
  const checked: ToolEffectInWork = { kind: 'tool', key, tool, input: copied }
  if (task !== undefined) checked.task = task
  if (callId !== undefined) checked.callId = callId
  if (timeoutMs !== undefined) checked.timeoutMs = timeoutMs
  if (attempts !== undefined) checked.attempts = attempts
  if (rules !== undefined) checked.rules = copy(planner, `rules of "${key}"`, rules, view)
  return checked
}

type ToolEffectInWork = { -readonly [K in keyof ToolEffect]: ToolEffect[K] }

/** The task that a call carries out, and its rules: ones that cannot be used must not pass as none. */
function requireTask(planner: Planner, { key, task, rules }: ToolEffect | RunEffect): void {
  if (task !== undefined) requireText(planner, key, 'task', task)
  if (rules === undefined) return
  try {
    compileTaskRules(rules)
  } catch (error) {
    throw invalid(planner, `has effect "${key}" whose rules cannot be used: ${describe(error)}`, error)
  }
}

function requirePositive(planner: Planner, key: string, member: string, value: unknown): void {
  if (value === undefined || (Number.isFinite(value) && (value as number) > 0)) return
  throw invalid(planner, `has effect "${key}" whose ${member} is ${show(value)}, not a number above 0`)
}

/** A model effect may carry a whole conversation: what is recorded already is not copied again. */
function checkModel(planner: Planner, view: RunView, effect: ModelEffect): Effect {
  const { key, continues, messages, model, results, tools } = effect
  requirePrompt(planner, view, effect)
  const shown = tools === undefined || tools === 'all' ? tools : copyNames(planner, key, 'tools', tools)
  const told = results === undefined ? undefined : copyNames(planner, key, 'results', results)
  const checked: ModelEffectInWork = startOf(key, continues, told, shown)
  if (messages !== undefined) checked.messages = copyMessages(planner, view, messages)
  if (model !== undefined) {
    requireText(planner, key, 'model', model)
    checked.model = model
  }
  copyWishes(planner, view, effect, checked)
  return checked
}

/** What a turn after the first has is written out at once: members that are added later stand in a list of their own. */
function startOf(
  key: string,
  continues: ModelEffect['continues'],
  results: ModelEffect['results'],
  tools: ModelEffect['tools'],
): ModelEffectInWork {
  const kind = 'model'
  if (continues !== undefined && results !== undefined && tools !== undefined) return { kind, key, continues, results, tools }
  const started: ModelEffectInWork = { kind, key }
  if (continues !== undefined) started.continues = continues
  if (results !== undefined) started.results = results
  if (tools !== undefined) started.tools = tools
  return started
}

type ModelEffectInWork = { -readonly [K in keyof ModelEffect]: ModelEffect[K] }

/** A prompt begins with messages, or goes on from another one's. */
function requirePrompt(planner: Planner, view: RunView, { key, continues, messages }: ModelEffect): void {
  if (continues === undefined) {
    if (Array.isArray(messages) && messages.length > 0) return
    throw invalid(planner, `has model effect "${key}" without messages`)
  }
  if (view.effects.get(continues)?.effect.kind === 'model') return
  throw invalid(planner, `has model effect "${key}" that continues ${show(continues)}, which is no earlier model effect`)
}

/** How the model is to answer. */
function copyWishes(planner: Planner, view: RunView, effect: ModelEffect, checked: ModelEffectInWork): void {
  const { key, toolChoice, responseFormat, settings } = effect
  if (toolChoice !== undefined) checked.toolChoice = copy(planner, `toolChoice of "${key}"`, toolChoice, view)
  if (responseFormat !== undefined) checked.responseFormat = copy(planner, `responseFormat of "${key}"`, responseFormat, view)
  if (settings === undefined) return
  checked.settings = copy(planner, `settings of "${key}"`, settings, view)
  requirePositive(planner, key, 'maxOutputTokens', checked.settings?.maxOutputTokens)
}

function copyNames(planner: Planner, key: string, member: string, names: readonly string[]): readonly string[] {
  if (!Array.isArray(names)) throw invalid(planner, `has effect "${key}" whose ${member} are ${show(names)}, not a list`)
  for (const name of names) requireText(planner, key, member, name)
  return names.slice()
}

function requireText(planner: Planner, key: string, member: string, value: unknown): void {
  if (typeof value !== 'string') throw invalid(planner, `has effect "${key}" whose ${member} is ${show(value)}, not a text`)
}

/** Copies the messages that are new; those before the run's input stand in the history already. */
function copyMessages(planner: Planner, view: RunView, messages: readonly Message[]): readonly Message[] {
  if (!Array.isArray(messages)) throw invalid(planner, `has messages that are ${show(messages)}, not a list`)
  const { length } = view.messages
  const copied = messages.slice()
  let known = 0
  for (let index = 0; index < copied.length; index += 1) {
    if (known < length && copied[index] === view.messages[known]) known += 1
    else {
      const message = copy(planner, 'message', copied[index] as Message, view) as Partial<Message> | null
      if (typeof message?.role !== 'string') throw invalid(planner, `has ${show(message)} for a message, without a role`)
      copied[index] = message as Message
    }
  }
  return copied
}

const WAITS: Readonly<Record<string, Shape>> = {
  time: { type: 'text', ms: 'amount' },
  signal: { type: 'text', name: 'text', deadlineMs: 'amount?' },
  approval: { type: 'text', question: 'text', details: 'any?', deadlineMs: 'amount?' },
}

function checkWait(planner: Planner, effect: Effect & { kind: 'wait' }): void {
  const type: unknown = (effect.for as { type?: unknown } | undefined | null)?.type
  const shape = typeof type === 'string' && Object.hasOwn(WAITS, type) ? WAITS[type] : undefined
  if (shape === undefined)
    throw invalid(planner, `has wait effect "${effect.key}" for ${show(type)}; time, signal and approval are known`)
  try {
    requireShape(`wait "${effect.key}"`, effect.for, shape)
    if (effect.for.type === 'signal' && effect.for.name.startsWith('opspawn.'))
      throw new Error("names that begin with opspawn. are the engine's own")
  } catch (error) {
    throw invalid(planner, `cannot be carried out: ${describe(error)}`, error)
  }
}

function copy<T>(planner: Planner, what: string, value: T, view: RunView): T {
  try {
    return toJson(value, { maxSize: view.limits.payload }) as T
  } catch (error) {
    throw invalid(planner, `cannot be recorded, because of its ${what}: ${describe(error)}`, error)
  }
}

function invalid(planner: Planner, what: string, cause?: unknown): OpspawnError {
  return new OpspawnError('PLANNER_DECISION_INVALID', `a decision of planner "${planner.name}" ${what}`, { cause })
}

function describe(error: unknown): string {
  return toFailure(error, 'INTERNAL').message
}
