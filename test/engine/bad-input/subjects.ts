import { expect } from 'vitest'
import type { Agent, Orchestrator, Planner, Run } from '../../../src/index.ts'
import { agent, open, plan, tool, turns } from '../harness.ts'

/** Finishes at once with its input. */
export const finish: Planner = plan((run) => ({ type: 'finish', output: run.input }))
/** An agent that gives its input back. */
export const echo: Agent = agent('echo', finish)
/** An agent that waits for the signal `go`, under the key `w`. */
export const waits: Agent = agent(
  'waits',
  plan((run) => {
    if (run.decisions === 0) return { type: 'act', effects: [{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'go' } }] }
    return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: 'went' }
  }),
)
/** An agent whose one call, under the key `pay`, waits for an approval. */
export const asks: Agent = agent(
  'asks',
  plan((run) => {
    if (run.decisions === 0) return { type: 'act', effects: [{ kind: 'tool', key: 'pay', tool: 'pay', input: { sum: 5 } }] }
    return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: 'paid' }
  }),
  { tools: [tool('pay', () => 1, { approval: true })] },
)

/** An orchestrator with these agents. */
export async function opened(): Promise<Orchestrator> {
  return open({ agents: [echo, waits, asks] })
}

/** A run of one of them that waits. */
export async function waiting(ops: Orchestrator, name: string): Promise<Run> {
  const run = await ops.start(name, 'go')
  await turns()
  expect((await ops.record(run.id)).status).toBe('waiting')
  return run
}
