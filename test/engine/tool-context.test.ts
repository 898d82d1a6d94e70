import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type ToolContext } from '../../src/index.ts'
import { call, noting, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, outcomeAt, outcomeOf, world } from './support/world.ts'

afterEach(closeAll)

describe('what a tool is told', () => {
  async function contextOf(
    options: { session?: string; tenant?: string } = {},
    tool = {},
  ): Promise<ToolContext & { started: number }> {
    let context: ToolContext | undefined
    const look = noting('look', (_input, given) => void (context = given), tool)
    const agent = defineAgent({ name: 'worker', tools: [look], planner: stepsPlanner([call('look', {}, 'the-key')]) })
    const { ops, clock } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go', { runId: 'the-run', ...options })
    ).result
    if (context === undefined) throw new Error('the body was not entered')
    return Object.assign(Object.create(context) as ToolContext, { started: clock.now() })
  }

  test('run, agent, key, attempt, epoch, tenant and session', async () => {
    const { runId, agent, key, attempt, epoch, tenant, session, tx } = await contextOf({ tenant: 'acme', session: 's' }).then(
      unwrap,
    )
    expect({ runId, agent, key, attempt, epoch, tenant, session, tx }).toEqual({
      runId: 'the-run',
      agent: 'worker',
      key: 'the-key',
      attempt: 1,
      epoch: 1,
      tenant: 'acme',
      session: 's',
      tx: undefined,
    })
  })

  test('tenant and session where none were given', async () => {
    const { tenant, session } = await contextOf().then(unwrap)
    expect({ tenant, session }).toEqual({ tenant: 'default', session: undefined })
  })

  test('the idempotency key follows from run and key alone (S4)', async () => {
    const [one, two] = [await contextOf().then(unwrap), await contextOf().then(unwrap)]
    expect(one.idempotencyKey).toBe(two.idempotencyKey)
    expect(one.idempotencyKey).toMatch(/^[0-9a-f]{32}$/)
  })

  test('the deadline is that of the tool, or the default', async () => {
    const own = await contextOf({}, { timeoutMs: 7000 })
    expect(Object.getPrototypeOf(own).deadline).toBe(own.started + 7000)
    const general = await contextOf()
    expect(Object.getPrototypeOf(general).deadline).toBe(general.started + 120_000)
  })

  test('attempts count from 1, the idempotency key stays the same', async () => {
    const flaky = noting('look', (_input, { attempt }) => {
      if (attempt < 3) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      return attempt
    })
    const agent = defineAgent({ name: 'worker', tools: [flaky], planner: stepsPlanner([call('look')]) })
    const { ops, clock } = await world({ agents: [agent] })
    expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toEqual({ status: 'completed', output: [3] })
    expect(new Set(flaky.calls.map(({ context }) => context.idempotencyKey)).size).toBe(1)
    expect(flaky.calls.map(({ context }) => context.attempt)).toEqual([1, 2, 3])
  })

  test('two calls of one tool have different idempotency keys', async () => {
    const look = noting('look')
    const agent = defineAgent({
      name: 'worker',
      tools: [look],
      planner: stepsPlanner([call('look', {}, 'a'), call('look', {}, 'b')]),
    })
    const { ops } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go')
    ).result
    expect(new Set(look.calls.map(({ context }) => context.idempotencyKey)).size).toBe(2)
  })

  test('arguments are a copy: a body that changes them does not change the history', async () => {
    const look = noting('look', (input) => {
      ;(input as Record<string, unknown>)['n'] = 'changed'
      return 1
    })
    const agent = defineAgent({ name: 'worker', tools: [look], planner: stepsPlanner([call('look', { n: 1 })]) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    expect(JSON.stringify(await historyOf(ops, run.id))).not.toContain('changed')
  })

  test('a result is a copy: a body that changes it later does not change the history', async () => {
    const shared = { n: 1 }
    const look = noting('look', () => shared)
    const agent = defineAgent({ name: 'worker', tools: [look], planner: stepsPlanner([call('look')]) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    shared.n = 2
    expect(outcomeAt(await historyOf(ops, run.id), 'look')?.value).toEqual({ n: 1 })
  })
})

function unwrap(context: ToolContext): ToolContext {
  return Object.getPrototypeOf(context) as ToolContext
}
