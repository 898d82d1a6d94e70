import {
  type Agent,
  DEFAULT_LIMITS,
  type JsonObject,
  type Message,
  type NewRun,
  OpspawnError,
  type RunOrigin,
  type StartOptions,
  toJson,
} from '../core/index.ts'
import { requireLimits } from './checks/limits.ts'
import { requireShape, type Shape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import type { ReadyAgent } from './definition.ts'
import type { Engine } from './engine.ts'
import { checkInput } from './perform-run.ts'
import { agentsBelow, requirePrices, tightenLimits } from './spending.ts'

const OPTIONS: Shape = {
  runId: 'text?',
  tenant: 'text?',
  session: 'text?',
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
const ROLES: readonly unknown[] = ['system', 'user', 'assistant', 'tool']

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
  const limits = options.limits === undefined ? { ...agent.limits } : tightenLimits(agent.limits, options.limits)
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
  if (options.session !== undefined) origin.session = options.session
  if (options.messages !== undefined) origin.messages = copyMessages(options.messages, engine.conversations, maxSize)
  if (options.metadata !== undefined) origin.metadata = toJson(options.metadata) as JsonObject
  const run: Writable<NewRun> = { origin }
  if (options.idempotencyKey !== undefined) run.idempotencyKey = options.idempotencyKey
  if (options.dueAt !== undefined) run.dueAt = options.dueAt
  if (options.priority !== undefined) run.priority = options.priority
  return run
}

function requireReady(engine: Engine, target: string | Agent): ReadyAgent {
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
  for (const member of ['runId', 'tenant', 'session', 'idempotencyKey'] as const) {
    const value = options[member]
    if (value === undefined || (value !== '' && value.length <= 256)) continue
    throw new OpspawnError('OPTIONS_INVALID', `start: ${member} must have 1 to 256 characters`)
  }
  if (options.idempotencyKey?.startsWith('opspawn.') === true)
    throw new OpspawnError('OPTIONS_INVALID', "start: an idempotencyKey that begins with opspawn. is the engine's own")
  if (options.limits !== undefined) requireLimits('start', options.limits)
}

/** The size is that of all of them together. */
function copyMessages(messages: readonly Message[], conversations: Engine['conversations'], maxSize: number): readonly Message[] {
  const [first] = messages
  const known = typeof first === 'object' && first !== null ? conversations.get(first) : undefined
  let size = 0
  let copies: Message[] | undefined
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index] as Message
    const earlier = known?.messages[index] === message ? known.copies[index] : undefined
    const text = earlier === undefined ? undefined : sameText(earlier, message)
    const copy = earlier !== undefined && text !== undefined ? earlier : copyMessage(message, index)
    if (copy !== earlier) copies ??= known?.copies.slice(0, index) ?? []
    copies?.push(copy)
    size += text === undefined ? lengthOf(copy) : text.length
    if (size <= maxSize) continue
    const problem = `start: messages are larger than ${maxSize} characters; pass less, or raise limits.payload`
    throw new OpspawnError('PAYLOAD_TOO_LARGE', problem, { details: { limit: maxSize } })
  }
  if (copies !== undefined && first !== undefined) conversations.set(first, { messages: messages.slice(), copies })
  return copies ?? known?.copies.slice(0, messages.length) ?? []
}

/** The text of a message that still says what it said: plain text messages, which are nearly all; others are copied each time. */
function sameText(copy: Message, message: Message): string | undefined {
  const text = plainText(copy)
  return text === plainText(message) && copy.role === message.role ? text : undefined
}

function plainText({ role, content, providerOptions }: Message): string | undefined {
  if (providerOptions !== undefined) return undefined
  if (typeof content === 'string') return role === 'system' ? content : undefined
  const [part] = content
  return content.length === 1 && part?.type === 'text' && part.providerOptions === undefined ? part.text : undefined
}

function lengthOf(message: Message): number {
  return plainText(message)?.length ?? JSON.stringify(message.content).length
}

/** Copies one message; the plain text ones, which are nearly all, without looking at every member. */
function copyMessage(message: Message, index: number): Message {
  const { role, content, providerOptions } = (message ?? {}) as { role?: unknown; content?: unknown; providerOptions?: unknown }
  const isText = role === 'system' ? typeof content === 'string' : Array.isArray(content)
  if (!ROLES.includes(role) || !isText) {
    throw new OpspawnError(
      'OPTIONS_INVALID',
      `start: messages[${index}] must have a role (${ROLES.join(', ')}) and content: a text for system, else a list of parts`,
    )
  }
  if (providerOptions === undefined) {
    if (role === 'system') return { role, content: content as string }
    const parts = content as readonly { type?: unknown; text?: unknown; providerOptions?: unknown }[]
    const [part] = parts
    if (parts.length === 1 && part?.type === 'text' && typeof part.text === 'string' && part.providerOptions === undefined) {
      return { role, content: [{ type: 'text', text: part.text }] } as Message
    }
    const odd = parts.findIndex((item) => typeof item?.type !== 'string')
    if (odd >= 0)
      throw new OpspawnError('OPTIONS_INVALID', `start: messages[${index}].content[${odd}] is no part: it has no type`)
  }
  return toJson(message) as unknown as Message
}
