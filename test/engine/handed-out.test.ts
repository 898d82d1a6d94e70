import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, isRecorded, type Json, type RunEvent } from '../../src/index.ts'
import { callModel, inTurn, modelOf, reply } from './harness.ts'
import { call, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, world } from './support/world.ts'

afterEach(closeAll)

const look = noting('look', () => ({ seen: ['a', 'b'] }))
const planner = stepsPlanner([call('look', { where: ['here'] })])
const agent = defineAgent({ name: 'looker', tools: [look], planner, limits: { steps: 5 } })

/** Changes data wherever it can be changed; gives the number of changes that were refused. */
function deface(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let refused = 0
  for (const key of Object.keys(value)) {
    refused += deface((value as Record<string, unknown>)[key])
    try {
      ;(value as Record<string, unknown>)[key] = 'defaced'
    } catch {
      refused += 1
    }
  }
  return refused
}

describe('what is handed out cannot change a history', () => {
  test('events: neither those that listeners hear nor those that are streamed or read', async () => {
    const { ops, clock } = await world({ agents: [agent] })
    let refused = 0
    ops.on('event', (_runId, event) => void (refused += deface(event)))
    const run = await ops.start(agent, 'go')
    const streamed: RunEvent[] = []
    const watching = (async () => {
      for await (const event of run) if (isRecorded(event)) streamed.push(event)
    })()
    expect(await now(clock, run.result)).toMatchObject({ status: 'completed' })
    await now(clock, watching)
    for (const event of streamed) refused += deface(event)
    const events = await historyOf(ops, run.id)
    for (const event of events) refused += deface(event)
    expect(refused).toBeGreaterThan(50)
    expect(JSON.stringify(await historyOf(ops, run.id))).not.toContain('defaced')
  })

  test.each([
    ['all that it has', 'all'],
    ['some by name', ['look']],
  ] as const)('the tools that a model is shown: %s', async (_name, tools) => {
    const seen: string[] = []
    const refused: number[] = []
    const tampering = modelOf((options) => {
      seen.push(JSON.stringify(options.tools))
      refused.push(deface(options.tools))
      try {
        ;(options.tools as unknown[]).length = 0
      } catch {
        // The list that all calls share.
      }
      return reply('done')
    })
    const shown = inTurn(callModel('a', { tools }), callModel('b', { tools }))
    const subject = defineAgent({ name: 'shown', tools: [look], planner: shown, model: tampering })
    const { ops, clock } = await world({ agents: [subject] })
    for (const text of ['go', 'again'])
      expect(await now(clock, (await ops.start(subject, text)).result)).toMatchObject({ status: 'completed' })
    expect(seen).toHaveLength(4)
    expect(seen[0]).toContain('"look"')
    expect(new Set(seen).size).toBe(1)
    expect(Math.min(...refused)).toBeGreaterThan(3)
  })

  test('records and listings', async () => {
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, { ask: ['x'] } as never)
    await now(clock, run.result)
    expect(deface(await ops.record(run.id))).toBeGreaterThan(0)
    expect(deface(await ops.list())).toBeGreaterThan(0)
    expect(JSON.stringify(await ops.record(run.id))).not.toContain('defaced')
  })

  test('a result is the caller’s own: it may be changed, and nothing else changes with it', async () => {
    const giving = defineAgent({
      name: 'giver',
      tools: [look],
      planner: {
        spec: 'planner/1',
        name: 'giver',
        decide: () => ({ type: 'finish', output: { list: [1, 2] } as Json }),
      },
    })
    const { ops, clock } = await world({ agents: [giving] })
    const run = await ops.start('giver', 'go')
    const outcome = await now(clock, run.result)
    if (outcome?.status !== 'completed') throw new Error('it ended otherwise')
    const output = outcome.output as { list: number[] }
    output.list.push(3)
    expect((await ops.record(run.id)).outcome).toEqual({ status: 'completed', output: { list: [1, 2] } })
    expect((await historyOf(ops, run.id)).at(-1)).toMatchObject({ outcome: { output: { list: [1, 2] } } })
  })

  test('what the caller handed in stays changeable', async () => {
    const limits = { steps: 4 }
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'before' }] }] as const
    const input = { deep: { list: [1] } }
    const metadata = { tag: ['a'] }
    const mine = defineAgent({ name: 'mine', tools: [look], planner, limits })
    const { ops, clock } = await world({ agents: [mine] })
    ops.on('event', () => {})
    const run = await ops.start('mine', input, { messages, metadata, limits })
    await now(clock, run.result)
    await ops.record(run.id)
    for (const given of [limits, messages, input, input.deep, metadata]) expect(Object.isFrozen(given)).toBe(false)
  })
})
