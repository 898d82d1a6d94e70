import { type Agent, OpspawnError } from '../../core/index.ts'

/**
 * Refuses workflows that start one another in a circle: no model decides there when it is enough. Loading a document finds
 * only the circles of workflows that it is given; here all of them are known. Circles with other agents in them are bounded
 * by `limits.depth` while they run.
 *
 * @throws OpspawnError `AGENT_INVALID`
 */
export function requireNoCircles(agents: ReadonlyMap<string, Agent>): void {
  const done = new Set<string>()
  const visit = (name: string, way: readonly string[]): void => {
    const from = way.indexOf(name)
    if (from >= 0) throw circleError([...way.slice(from), name])
    const agent = agents.get(name)
    if (done.has(name) || agent?.planner?.name !== 'workflow') return
    for (const delegate of agent.delegates) visit(delegate.agent, [...way, name])
    done.add(name)
  }
  for (const name of agents.keys()) visit(name, [])
}

function circleError(circle: readonly string[]): OpspawnError {
  return new OpspawnError('AGENT_INVALID', `workflows start one another in a circle: ${circle.join(' → ')}`, {
    details: { circle },
  })
}
