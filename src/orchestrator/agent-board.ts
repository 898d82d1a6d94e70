import { type Agent, type AgentState, type AgentStatus, type Failure, requireTransition, type RunOutcome } from '../core/index.ts'
import type { Hub } from './hub.ts'

/** Every legal change of an agent's status. `error` is left by the next run that completes. */
export const AGENT_TRANSITIONS: Readonly<Record<AgentStatus, readonly AgentStatus[]>> = {
  idle: ['active'],
  active: ['idle', 'error'],
  error: ['active'],
}

/** Keeps what the agents of this process are doing. */
export interface AgentBoard {
  states(): readonly AgentState[]
  /** A run of the agent is being worked on. */
  begin(agent: string, runId: string): void
  /** It is not any more; `outcome` when it ended, absent when it only waits. */
  end(agent: string, runId: string, outcome: RunOutcome | undefined): void
}

interface Entry {
  status: AgentStatus
  lastError: Failure | undefined
  readonly runs: Set<string>
}

/** Makes the board of the registered agents, all idle. */
export function createAgentBoard(agents: readonly Agent[], hub: Hub): AgentBoard {
  const entries = new Map<string, Entry>()
  for (const agent of agents) entries.set(agent.name, { status: 'idle', lastError: undefined, runs: new Set() })
  const byName = new Map(agents.map((agent) => [agent.name, agent]))

  function stateOf(name: string, entry: Entry): AgentState {
    const agent = byName.get(name)
    return {
      name,
      description: agent?.description,
      status: entry.status,
      runs: [...entry.runs],
      lastError: entry.lastError,
      capabilities: agent?.capabilities ?? [],
    }
  }
  function move(name: string, entry: Entry, to: AgentStatus): void {
    if (entry.status === to) return
    requireTransition(AGENT_TRANSITIONS, entry.status, to, `agent "${name}"`)
    entry.status = to
    hub.agent(() => stateOf(name, entry))
  }
  return {
    states: () => [...entries].map(([name, entry]) => stateOf(name, entry)),
    begin(name, runId) {
      const entry = entries.get(name)
      if (entry === undefined) return
      entry.runs.add(runId)
      move(name, entry, 'active')
    },
    end(name, runId, outcome) {
      const entry = entries.get(name)
      if (entry === undefined || !entry.runs.delete(runId)) return
      if (outcome?.status === 'failed') entry.lastError = outcome.error
      else if (outcome?.status === 'completed') entry.lastError = undefined
      if (entry.runs.size > 0) return
      move(name, entry, entry.lastError === undefined ? 'idle' : 'error')
    },
  }
}
