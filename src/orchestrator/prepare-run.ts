import {
  type Agent,
  DEFAULT_LIMITS,
  type JsonObject,
  type NewRun,
  OpspawnError,
  type RunOrigin,
  type StartOptions,
  toJson,
} from '../core/index.ts'
import { requireCaller } from './checks/caller.ts'
import { requireLimits } from './checks/limits.ts'
import { requireShape, type Shape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import type { ReadyAgent } from './definition.ts'
import { gatesOf } from './gates.ts'
import type { Engine } from './engine.ts'
import { checkInput } from './perform-run.ts'
import { agentsBelow, requirePrices, tightenLimits } from './spending.ts'

const OPTIONS: Shape = {
  runId: 'text?',
  tenant: 'text?',
  session: 'text?',
  caller: 'object?',
  messages: 'list?',
  limits: 'any?',
  idempotencyKey: 'text?',
  dueAt: 'number?',
  priority: 'number?',
  metadata: 'object?',
  signal: 'object?',
}
/** What a start without options has. */
export const NO_OPTIONS: StartOptions = Object.freeze({})

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Checks everything about a run before it is accepted, and copies what comes from outside.
 *
 * @throws OpspawnError `AGENT_UNKNOWN`, `OPTIONS_INVALID`, `INPUT_INVALID`, `JSON_INVALID`, `PAYLOAD_TOO_LARGE`, `LIMIT_INVALID`,
 * `BUDGET_PRICE_UNKNOWN`
 */
export async function prepareRun(
  engine: Engine,
  target: string | Agent,
  input: unknown,
  options: StartOptions,
  ids: () => string,
): Promise<NewRun> {
  const ready = requireReady(engine, target)
  const { agent } = ready
  requireOptions(options)
  const { tenant = 'default', runId = ids() } = options
  const limits = tightenLimits(agent.limits, options.limits ?? {})
  const maxSize = limits.payload ?? DEFAULT_LIMITS.payload
  const json = toJson(input, { maxSize })
  const origin: Writable<RunOrigin> = {
    runId,
    agent: agent.name,
    definition: ready.hash,
    tenant,
    input: ready.input === undefined ? json : await checkInput(ready, json),
    rootId: runId,
    depth: 0,
    limits,
  }
  if (options.limits !== undefined) {
    requirePrices(`the run of agent "${agent.name}"`, limits, agentsBelow(agent, engine.agents), engine.prices)
  }
  const gates = gatesOf(agent, tenant, options.session)
  if (gates !== undefined) origin.gates = gates
  if (options.session !== undefined) origin.session = options.session
  if (options.caller !== undefined) origin.caller = requireCaller('start', options.caller)
  if (options.messages !== undefined) origin.messages = engine.conversations.copy(options.messages, maxSize)
  if (options.metadata !== undefined) origin.metadata = toJson(options.metadata) as JsonObject
  return newRun(origin, options)
}

/** With what the store needs beside the origin. */
function newRun(origin: RunOrigin, options: StartOptions): NewRun {
  const run: Writable<NewRun> = { origin }
  if (options.idempotencyKey !== undefined) run.idempotencyKey = options.idempotencyKey
  if (options.dueAt !== undefined) run.dueAt = options.dueAt
  if (options.priority !== undefined) run.priority = options.priority
  return run
}

/** Finds an agent that is registered here. @throws OpspawnError `AGENT_UNKNOWN` */
export function requireReady(engine: Engine, target: string | Agent): ReadyAgent {
  const name: unknown = typeof target === 'string' ? target : (target as Agent | undefined | null)?.name
  const ready = typeof name === 'string' ? engine.agents.get(name) : undefined
  if (ready === undefined) {
    const known = [...engine.agents.keys()].join(', ')
    const text = `there is no agent ${show(name)}; ${known === '' ? 'none is registered' : `registered are ${known}`}`
    throw new OpspawnError('AGENT_UNKNOWN', text, { details: { name: String(name) } })
  }
  if (typeof target === 'string' || target === ready.agent) return ready
  throw new OpspawnError(
    'AGENT_UNKNOWN',
    `agent ${show(name)} is not the one that is registered under that name; register it, or start it by name`,
  )
}

function requireOptions(options: StartOptions): void {
  if (options === NO_OPTIONS) return
  requireShape('start', options, OPTIONS)
  requireTexts('start', options)
  if (options.limits !== undefined) requireLimits('start', options.limits)
}

/** @throws OpspawnError `OPTIONS_INVALID` */
export function requireTexts(where: string, options: StartOptions): void {
  for (const member of ['runId', 'tenant', 'session', 'idempotencyKey'] as const) {
    const value = options[member]
    // Of half a character a database makes the same as of any other: two tenants would be one.
    if (value === undefined || (value !== '' && value.length <= 256 && value.isWellFormed())) continue
    throw new OpspawnError('OPTIONS_INVALID', `${where}: ${member} must have 1 to 256 characters of well-formed text`)
  }
  // Stores look runs up by them, and not every database reads a text beyond a NUL.
  for (const member of ['runId', 'idempotencyKey'] as const) {
    if (options[member]?.includes('\0') === true)
      throw new OpspawnError('OPTIONS_INVALID', `${where}: ${member} has a NUL character; leave it out`)
  }
  if (options.idempotencyKey?.startsWith('opspawn.') === true)
    throw new OpspawnError('OPTIONS_INVALID', `${where}: an idempotencyKey that begins with opspawn. is the engine's own`)
}
