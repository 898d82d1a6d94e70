import type { Agent, JsonObject, Schema, StandardSchema, Tool } from '../../core/index.ts'
import type { Path, Report } from './problem.ts'
import { nearest } from './structure.ts'

/** What documents may name. */
export interface WorkflowParts {
  /** Tools, or names of tools that are registered with the orchestrator. @default any name may be used */
  readonly tools?: readonly (Tool | string)[] | undefined
  /** Agents and workflows, or names of registered ones. @default any name may be used */
  readonly agents?: readonly (Agent | string)[] | undefined
}

/** A part that a task uses, and what is known of it. */
export interface KnownPart<T> {
  readonly name: string
  readonly value: T | undefined
  readonly input: JsonObject | undefined
  readonly output: JsonObject | undefined
}

/** What may be called for a task, and by whom. */
export interface Reach {
  readonly tools: readonly string[]
  readonly agents: readonly string[]
}

/** A tool or an agent by all names that rules may call it by: its own and as models see it, and those of a handoff. */
function namesOf({ name, spec }: Tool | Agent): readonly string[] {
  const own = spec === 'agent/1' ? [name, `transfer_to_${name}`] : [name]
  return own.flatMap((one) => [one, one.replaceAll('.', '_').slice(0, 64)])
}

type Known<T> = ReadonlyMap<string, KnownPart<T>> | undefined

/** Looks up what documents name. */
export class Offer {
  readonly #tools: Known<Tool>
  readonly #agents: Known<Agent>

  constructor({ tools, agents }: WorkflowParts) {
    this.#tools = tools === undefined ? undefined : knownParts(tools)
    this.#agents = agents === undefined ? undefined : knownParts(agents)
  }

  tool(name: string, path: Path, report: Report): KnownPart<Tool> | undefined {
    return find(this.#tools, name, 'tool', path, report)
  }

  agent(name: string, what: 'agent' | 'workflow', path: Path, report: Report): KnownPart<Agent> | undefined {
    return find(this.#agents, name, what, path, report)
  }

  /** The first agent that can do something. */
  able(capability: string, path: Path, report: Report): KnownPart<Agent> | undefined {
    const parts = [...(this.#agents?.values() ?? [])]
    const found = parts.find(({ value }) => value?.capabilities?.includes(capability) === true)
    if (found !== undefined) return found
    const abilities = [...new Set(parts.flatMap(({ value }) => value?.capabilities ?? []))].join(', ')
    const hint = abilities === '' ? 'none declares any; pass the agents by value' : `they can: ${abilities}`
    report.add('unknown-agent', path, `no agent has the capability ${JSON.stringify(capability)}; ${hint}`)
    return undefined
  }

  /**
   * The names of all tools and agents that may be called for a part, agents below agents included, and of all agents that may
   * call them; `undefined` where not all of it is known, or a front tool stands before others.
   */
  reachOf(part: KnownPart<Tool | Agent>): Reach | undefined {
    const tools = new Set<string>()
    const agents = new Set<string>()
    const waiting: (Tool | Agent | undefined)[] = [part.value]
    while (waiting.length > 0) {
      const value = waiting.pop()
      if (value === undefined || ('route' in value && value.route !== undefined)) return undefined
      for (const name of namesOf(value)) tools.add(name)
      if (value.spec === 'agent/1' && !agents.has(value.name)) waiting.push(...this.#partsOf(value))
      if (value.spec === 'agent/1') agents.add(value.name)
    }
    return { tools: [...tools], agents: [...agents] }
  }

  #partsOf({ tools, delegates }: Agent): readonly (Tool | Agent | undefined)[] {
    const own = tools.map((tool) => (typeof tool === 'string' ? this.#tools?.get(tool)?.value : tool))
    return [...own, ...delegates.map(({ agent }) => this.#agents?.get(agent)?.value)]
  }

  /** A way from an agent back to the workflow that is being loaded, by the agents that each may call. */
  wayBack(from: string, name: string): readonly string[] | undefined {
    const cameFrom = new Map<string, string | undefined>([[from, undefined]])
    const waiting = [from]
    for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
      if (at === name) {
        const way: string[] = []
        for (let step: string | undefined = at; step !== undefined; step = cameFrom.get(step)) way.unshift(step)
        return way
      }
      const { value } = this.#agents?.get(at) ?? {}
      if (value?.planner?.name !== 'workflow') continue
      for (const { agent } of value.delegates) {
        if (cameFrom.has(agent)) continue
        cameFrom.set(agent, at)
        waiting.push(agent)
      }
    }
    return undefined
  }
}

function knownParts<T extends Tool | Agent>(parts: readonly (T | string)[]): ReadonlyMap<string, KnownPart<T>> {
  return new Map(
    parts.map((part): [string, KnownPart<T>] => {
      if (typeof part === 'string') return [part, { name: part, value: undefined, input: undefined, output: undefined }]
      const { name, input, output } = part
      return [name, { name, value: part, input: documentOf(input, 'input'), output: documentOf(output, 'output') }]
    }),
  )
}

function find<T>(
  known: Known<T>,
  name: string,
  what: 'tool' | 'agent' | 'workflow',
  path: Path,
  report: Report,
): KnownPart<T> | undefined {
  const found = known?.get(name)
  if (found !== undefined) return found
  if (known === undefined) return { name, value: undefined, input: undefined, output: undefined }
  const near = nearest(name, [...known.keys()])
  const names = [...known.keys()].slice(0, 20).join(', ')
  const hint = near === undefined ? `known are ${names || 'none'}` : `did you mean "${near}"?`
  report.add(what === 'tool' ? 'unknown-tool' : 'unknown-agent', path, `there is no ${what} ${JSON.stringify(name)}; ${hint}`)
  return undefined
}

/** A schema as a JSON Schema document, where it can be had without effort. */
function documentOf(schema: Schema | undefined, side: 'input' | 'output'): JsonObject | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined
  try {
    const standard = (schema as StandardSchema)['~standard']
    if (standard !== undefined) return standard.jsonSchema?.[side]({ target: 'draft-07' }) as JsonObject | undefined
    if ('validator' in schema && schema.validator !== undefined) return schema.jsonSchema as JsonObject
    return schema as JsonObject
  } catch {
    return undefined
  }
}
