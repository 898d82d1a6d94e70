import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { Agent, Decision, Orchestrator, OrchestratorEvents } from '../../core/index.ts'
import { createOrchestrator } from '../../index.ts'
import { tellFaults } from './faults.ts'
import { Output } from '../terminal/output.ts'
import type { Surroundings } from '../terminal/surroundings.ts'

/** An orchestrator of which a listener throws at each event, which is a fault. */
async function faultsOf(isJson: boolean): Promise<string> {
  const stderr = new PassThrough()
  const surroundings = { stdout: new PassThrough(), stderr, env: {} } as unknown as Surroundings
  const output = new Output(surroundings, { json: isJson, color: true })
  const planner = { spec: 'planner/1', name: 'end', decide: (): Decision => ({ type: 'finish', output: 'x' }) } as const
  const agent: Agent = { spec: 'agent/1', name: 'a', models: {}, tools: [], delegates: [], memories: [], limits: {}, planner }
  const orchestrator: Orchestrator = await createOrchestrator({ agents: [agent], announce: false })
  const stop = tellFaults(output, orchestrator)
  const throwing: OrchestratorEvents['event'] = (_, event) => {
    if (event.type === 'run-end') throw new Error('no\nluck')
  }
  orchestrator.on('event', throwing)
  const run = await orchestrator.start('a', 'x', { runId: 'r' })
  await run.result
  await orchestrator.close()
  stop()
  await output.flush()
  return String(stderr.read())
}

test('a fault is a line on standard error', async () => {
  expect(await faultsOf(false)).toMatch(/^fault \w+ in .*: .*no luck\n$/)
})

test('as JSON too', async () => {
  expect(JSON.parse(await faultsOf(true))).toMatchObject({ fault: { code: expect.any(String) }, where: expect.any(String) })
})
