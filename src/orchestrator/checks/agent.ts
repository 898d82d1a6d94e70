import { type Agent, type AgentOptions, OpspawnError } from '../../core/index.ts'
import { requireGates } from './gates.ts'
import { requireLimits } from './limits.ts'
import { requireModel } from './model.ts'
import { requireName } from './name.ts'
import { requireRetry } from './retry.ts'
import { requireShape, type Shape } from './shape.ts'
import { named, show } from './show.ts'

const AGENT: Shape = {
  spec: 'text',
  name: 'any',
  description: 'text?',
  instructions: 'text?',
  planner: 'object?',
  models: 'object',
  tools: 'list',
  input: 'any?',
  output: 'any?',
  limits: 'any',
  concurrency: 'whole?',
  asCaller: 'flag?',
  gates: 'list?',
  settings: 'object?',
  modelTimeoutMs: 'positive?',
  retry: 'any?',
  capabilities: 'list?',
}
const MADE: Shape = { ...AGENT, delegates: 'list', memories: 'list' }
/** What `defineAgent` takes: also a whole agent, so that one can be made from another by spreading. */
const GIVEN: Shape = {
  ...AGENT,
  spec: 'any?',
  models: 'object?',
  tools: 'list?',
  limits: 'any?',
  model: 'any?',
  agents: 'list?',
  memory: 'any?',
  delegates: 'list?',
  memories: 'list?',
}
/** What budgets are set aside by; the rest is the model's. */
const SETTINGS: Shape = { maxOutputTokens: 'whole?' }
const DELEGATE: Shape = { agent: 'text', description: 'text?', handoff: 'flag?' }

/**
 * Checks what `defineAgent` was given, as far as that is lost in the agent made of it.
 *
 * @throws OpspawnError `AGENT_INVALID`, `LIMIT_INVALID`
 */
export function requireAgentOptions(options: AgentOptions): void {
  requireShape(named('agent', options, 'defineAgent'), options, GIVEN, 'AGENT_INVALID')
  const where = `agent ${show(options.name)}`
  if (options.model !== undefined && options.models?.['default'] !== undefined)
    throw new OpspawnError('AGENT_INVALID', `${where} has both model and models.default; give one`)
  for (const entry of [...(options.delegates ?? []), ...(options.agents ?? [])])
    if (typeof entry !== 'string' && !isAgent(entry)) requireShape(`${where}, agents`, entry, DELEGATE, 'AGENT_INVALID')
}

function isAgent(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && 'spec' in entry
}

/**
 * Checks an agent, however it was made.
 *
 * @throws OpspawnError `NAME_INVALID`, `AGENT_INVALID`, `MODEL_UNSUPPORTED`, `NAME_DUPLICATE`, `LIMIT_INVALID`, `OPTIONS_INVALID`
 */
export function requireAgent(agent: Agent): void {
  requireName('agent', agent.name)
  const where = `agent "${agent.name}"`
  requireShape(where, agent, MADE, 'AGENT_INVALID', true)
  for (const delegate of agent.delegates) requireShape(`${where}, agents`, delegate, DELEGATE, 'AGENT_INVALID')
  for (const [name, model] of Object.entries(agent.models)) {
    requireName('model', name)
    requireModel(`${where}, model "${name}"`, model)
  }
  if (agent.settings !== undefined) requireShape(`${where}, settings`, agent.settings, SETTINGS, 'AGENT_INVALID', true)
  requireLimits(where, agent.limits)
  requireGates(where, agent.gates)
  requireRetry(where, agent.retry)
  const seen = new Set<string>()
  for (const tool of [...agent.tools, ...agent.memories]) {
    const name = typeof tool === 'string' ? tool : (tool as { name?: unknown } | null | undefined)?.name
    if (typeof name !== 'string')
      throw new OpspawnError('AGENT_INVALID', `${where} lists ${show(tool)}, which is neither a part nor the name of one`)
    if (seen.has(name)) throw new OpspawnError('NAME_DUPLICATE', `${where} lists "${name}" twice`, { details: { name } })
    seen.add(name)
  }
}
