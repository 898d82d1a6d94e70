import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, createOrchestrator, defineAgent, type Orchestrator } from '../../src/index.ts'
import { loadWorkflow, type Workflow } from '../../src/plugins/planner-workflow/index.ts'
import { plan } from './harness.ts'

const open: Orchestrator[] = []
afterEach(async () => {
  for (const ops of open.splice(0)) await ops.close()
})

const calling = (name: string, ...others: string[]): Promise<Workflow> =>
  loadWorkflow({ name, tasks: Object.fromEntries(others.map((other, at) => [`t${at}`, { workflow: other, with: null }])) })

async function compose(...agents: Agent[]): Promise<Orchestrator> {
  const ops = await createOrchestrator({ agents, announce: false })
  open.push(ops)
  return ops
}

describe('workflows that start one another', () => {
  test('in a circle are refused when they are registered, with the way named', async () => {
    const [a, b, c] = [await calling('a', 'd', 'b'), await calling('b', 'c'), await calling('c', 'b')]
    const circle = { code: 'AGENT_INVALID', details: { circle: ['b', 'c', 'b'] }, message: expect.stringContaining('b → c → b') }
    const d = await loadWorkflow({ name: 'd', tasks: { rest: { sleep: '1ms' } } })
    await expect(compose(a, b, c, d)).rejects.toMatchObject(circle)
    await expect(compose(await calling('e', 'f'), await calling('f', 'e'))).rejects.toMatchObject({
      details: { circle: ['e', 'f', 'e'] },
    })
  })

  test('the same one twice, or by several ways, is no circle', async () => {
    const leaf = await loadWorkflow({ name: 'leaf', tasks: { rest: { sleep: '1ms' } } })
    const ops = await compose(
      await calling('top', 'left', 'right', 'leaf'),
      await calling('left', 'leaf'),
      await calling('right', 'leaf'),
      leaf,
    )
    expect((await (await ops.start('top', null)).result).status).toBe('completed')
  })

  test('in a circle with an agent in it are bounded by the depth of the tree', async () => {
    const agent = defineAgent({
      name: 'agent',
      agents: ['flow'],
      input: {},
      output: {},
      planner: plan((run) => {
        if (run.open > 0) return { type: 'idle' }
        const outcome = run.settled[0]?.outcome
        if (outcome === undefined) return { type: 'act', effects: [{ kind: 'run', key: 'down', agent: 'flow', input: null }] }
        return outcome.status === 'completed' ? { type: 'finish', output: outcome.value } : { type: 'fail', error: outcome.error }
      }),
    }) as Agent
    const flow = await loadWorkflow({ name: 'flow', tasks: { go: { agent: 'agent', with: null } } }, { limits: { depth: 5 } })
    const ops = await compose(agent, flow)
    const { status, ...outcome } = await (await ops.start('flow', null)).result
    expect(status).toBe('failed')
    expect(outcome).toMatchObject({ error: { code: 'BUDGET_EXCEEDED' } })
    const { runs } = await ops.list({}, { limit: 100 })
    expect(runs.map(({ depth }) => depth)).toEqual([5, 4, 3, 2, 1, 0])
  })
})
