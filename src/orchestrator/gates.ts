import type { Agent, RunGate } from '../core/index.ts'

/** The width of a gate: what fewer runs share comes first, so that a line is mostly of runs that wait for the same. */
const WIDTHS = ['session', 'tenant', 'agent'] as const

/**
 * The bounds that a run of an agent is under, the narrowest first; undefined: none. Keys are unique whatever tenants and
 * sessions are called.
 */
export function gatesOf(agent: Agent, tenant: string, session: string | undefined): readonly RunGate[] | undefined {
  const { name, gates = [] } = agent
  if (gates.length === 0) return undefined
  const keys = {
    agent: name,
    tenant: `${name} tenant ${JSON.stringify(tenant)}`,
    session: session === undefined ? undefined : `${name} tenant ${JSON.stringify(tenant)} session ${JSON.stringify(session)}`,
  }
  const found = WIDTHS.flatMap((width) => {
    const gate = gates.find(({ by }) => by === width)
    const key = keys[width]
    if (gate === undefined || key === undefined) return []
    const { concurrency, rate } = gate
    const bounds = {
      ...(concurrency === undefined ? undefined : { concurrency }),
      ...(rate === undefined ? undefined : { rate }),
    }
    return [{ key, ...bounds }]
  })
  return found.length === 0 ? undefined : found
}
