import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type Failure, jsonSchema, toError } from '../../src/index.ts'
import { call, never, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, now, settle, until, world } from './support/world.ts'

afterEach(closeAll)

const quick = defineAgent({ name: 'quick', planner: planner((run) => ({ type: 'finish', output: run.input })) })
const failing = defineAgent({
  name: 'failing',
  planner: planner(() => ({ type: 'fail', error: { code: 'PLAN_FAILED', message: 'no', retryable: false, details: { at: 3 } } })),
})
const hanging = defineAgent({ name: 'hanging', tools: [noting('wait', never)], planner: stepsPlanner([call('wait')]) })

describe('result', () => {
  test('it is typed data for a run that completed, and for one that failed', async () => {
    const { ops } = await world({ agents: [quick, failing] })
    expect(await (await ops.start(quick, 'x')).result).toEqual({ status: 'completed', output: 'x' })
    const outcome = await (await ops.start(failing, 'x')).result
    expect(outcome).toEqual({
      status: 'failed',
      error: { code: 'PLAN_FAILED', message: 'no', retryable: false, details: { at: 3 } },
    })
    expect(toError((outcome as { error: Failure }).error)).toMatchObject({ code: 'PLAN_FAILED', details: { at: 3 } })
  })

  test('it never rejects for a run that failed or was cancelled', async () => {
    const { ops, clock } = await world({ agents: [failing, hanging] })
    await expect((await ops.start(failing, 'x')).result).resolves.toMatchObject({ status: 'failed' })
    const run = await ops.start(hanging, 'x')
    await settle(clock)
    await run.cancel()
    await expect(run.result).resolves.toMatchObject({ status: 'cancelled' })
  })

  test('it can be asked for many times, early and late', async () => {
    const { ops } = await world({ agents: [quick] })
    const run = await ops.start(quick, 'x')
    const early = run.result
    const outcome = await early
    expect(await run.result).toEqual(outcome)
    expect(run.result).toBe(run.result)
  })

  test('a handle found by the id gives the result of a run that has ended, and of one that has not', async () => {
    const { ops, clock } = await world({ agents: [quick, hanging] })
    const done = await ops.start(quick, 'x')
    await done.result
    const found = await ops.run(done.id)
    expect(found).toMatchObject({ id: done.id, agent: 'quick' })
    expect(await found.result).toEqual({ status: 'completed', output: 'x' })
    const open = await ops.start(hanging, 'x')
    const other = await ops.run(open.id)
    await settle(clock)
    await other.cancel()
    expect(await now(clock, other.result)).toMatchObject({ status: 'cancelled' })
    expect(await now(clock, open.result)).toMatchObject({ status: 'cancelled' })
  })

  test('it rejects when the orchestrator is closed first', async () => {
    const { ops, clock } = await world({ agents: [hanging] })
    const run = await ops.start(hanging, 'x')
    await settle(clock)
    const { result } = run
    result.catch(() => {})
    await ops.drain(1)
    await ops[Symbol.asyncDispose]()
    await expect(result).rejects.toMatchObject({ code: 'ORCHESTRATOR_DRAINING' })
  })
})

describe('the handle itself', () => {
  test('it is not a thenable', async () => {
    const { ops } = await world({ agents: [quick] })
    const run = await ops.start(quick, 'x')
    expect('then' in run).toBe(false)
    expect(await Promise.resolve(run)).toBe(run)
    await run.result
  })

  test('it can be passed around as JSON and printed without starting anything', async () => {
    const { ops } = await world({ agents: [quick] })
    const run = await ops.start(quick, 'x')
    expect(run.id).toBe('run-2')
    expect(run.agent).toBe('quick')
    await run.result
  })

  test('an unknown run is RUN_UNKNOWN for run and record', async () => {
    const { ops } = await world({ agents: [quick] })
    await expect(ops.run('nothing')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
    await expect(ops.record('__proto__')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
  })

  test('an answer to a finished run is refused, without approvals as unknown', async () => {
    const { ops } = await world({ agents: [quick] })
    const run = await ops.start(quick, 'x')
    await run.result
    await expect(run.approve('k', { by: 'ada' })).rejects.toMatchObject({
      code: expect.stringMatching(/APPROVAL_UNKNOWN|RUN_FINISHED/) as string,
    })
    expect(await run.approvals()).toEqual([])
  })
})

describe('starting', () => {
  test('the same idempotency key gives the same run, with another input RUN_EXISTS', async () => {
    const { ops } = await world({ agents: [quick] })
    const first = await ops.start(quick, 'x', { idempotencyKey: 'k' })
    const second = await ops.start(quick, 'x', { idempotencyKey: 'k' })
    expect(second.id).toBe(first.id)
    await first.result
    expect(await (await ops.start(quick, 'x', { idempotencyKey: 'k' })).result).toEqual({ status: 'completed', output: 'x' })
    await expect(ops.start(quick, 'y', { idempotencyKey: 'k' })).rejects.toMatchObject({ code: 'RUN_EXISTS' })
    expect((await ops.start(quick, 'y', { idempotencyKey: 'k', tenant: 'other' })).id).not.toBe(first.id)
    expect((await ops.list()).runs).toHaveLength(2)
  })

  test('two starts at once with one idempotency key give one run', async () => {
    const { ops } = await world({ agents: [quick] })
    const runs = await Promise.all([1, 2, 3].map(() => ops.start(quick, 'x', { idempotencyKey: 'k' })))
    expect(new Set(runs.map(({ id }) => id)).size).toBe(1)
    await runs[0]?.result
  })

  test('a run id that is taken is RUN_EXISTS', async () => {
    const { ops } = await world({ agents: [quick] })
    await (
      await ops.start(quick, 'x', { runId: 'mine' })
    ).result
    await expect(ops.start(quick, 'x', { runId: 'mine' })).rejects.toMatchObject({ code: 'RUN_EXISTS' })
  })

  test('what belongs to the caller is carried along', async () => {
    const { ops } = await world({ agents: [quick] })
    const run = await ops.start(quick, 'x', { metadata: { ticket: 7 }, tenant: 'acme', session: 's', priority: 3 })
    await run.result
    expect(await ops.record(run.id)).toMatchObject({ metadata: { ticket: 7 }, tenant: 'acme', session: 's', priority: 3 })
  })

  test('an input is checked and changed by nobody afterwards', async () => {
    const agent = defineAgent({
      name: 'strict',
      input: jsonSchema<{ n: number }>({ type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }),
      planner: planner((run) => ({ type: 'finish', output: run.input })),
    })
    const { ops } = await world({ agents: [agent] })
    await expect(ops.start('strict', { n: 'x' })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    const input = { n: 1 }
    const run = await ops.start('strict', input)
    input.n = 2
    expect(await run.result).toEqual({ status: 'completed', output: { n: 1 } })
    expect((await ops.list()).runs).toHaveLength(1)
  })

  test('a signal that has fired starts nothing', async () => {
    const { ops } = await world({ agents: [quick] })
    await expect(ops.start(quick, 'x', { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
    expect((await ops.list()).runs).toHaveLength(0)
  })
})

describe('agents', () => {
  test('idle, active with its run, idle again', async () => {
    const { ops, clock } = await world({ agents: [hanging] })
    expect(ops.agents()).toMatchObject([{ name: 'hanging', status: 'idle', runs: [], lastError: undefined }])
    const run = await ops.start(hanging, 'x')
    await until(clock, 'it is active', () => ops.agents()[0]?.status === 'active')
    expect(ops.agents()[0]?.runs).toEqual([run.id])
    await run.cancel()
    await now(clock, run.result)
    await settle(clock)
    expect(ops.agents()).toMatchObject([{ status: 'idle', runs: [] }])
  })

  test('error with the last error after a failed run, until a run completes', async () => {
    const agent = defineAgent({
      name: 'moody',
      planner: planner((run) =>
        run.input === 'good'
          ? { type: 'finish', output: 1 }
          : { type: 'fail', error: { code: 'PLAN_FAILED', message: run.input as string, retryable: false } },
      ),
    })
    const { ops, clock } = await world({ agents: [agent] })
    const states: string[] = []
    ops.on('agent', ({ status, lastError }) => states.push(lastError === undefined ? status : `${status} ${lastError.message}`))
    await (
      await ops.start(agent, 'bad')
    ).result
    await settle(clock)
    expect(ops.agents()[0]).toMatchObject({ status: 'error', lastError: { code: 'PLAN_FAILED', message: 'bad' } })
    await (
      await ops.start(agent, 'worse')
    ).result
    await settle(clock)
    await (
      await ops.start(agent, 'good')
    ).result
    await settle(clock)
    expect(ops.agents()[0]).toMatchObject({ status: 'idle', lastError: undefined })
    expect(states).toEqual(['active', 'error bad', 'active bad', 'error worse', 'active worse', 'idle'])
  })

  test('runs in progress are listed oldest first', async () => {
    const { ops, clock } = await world({ agents: [hanging] })
    const ids: string[] = []
    for (let index = 0; index < 3; index += 1) ids.push((await ops.start(hanging, String(index))).id)
    await settle(clock)
    expect(ops.agents()[0]?.runs).toEqual(ids)
  })

  test('description and capabilities are told', async () => {
    const agent = defineAgent({ ...quick, name: 'able', description: 'Can.', capabilities: ['a', 'b'] } as Parameters<
      typeof defineAgent
    >[0])
    const { ops } = await world({ agents: [agent] })
    expect(ops.agents()).toMatchObject([{ name: 'able', description: 'Can.', capabilities: ['a', 'b'] }])
  })

  test('an agent with concurrency 2 never has more than two runs in progress', async () => {
    let inside = 0
    let most = 0
    const tool = noting('work', async () => {
      inside += 1
      most = Math.max(most, inside)
      for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate)
      inside -= 1
      return null
    })
    const agent = defineAgent({ name: 'two', tools: [tool], concurrency: 2, planner: stepsPlanner([call('work')]) })
    const { ops } = await world({ agents: [agent] })
    const runs = await Promise.all(Array.from({ length: 10 }, (_, index) => ops.start(agent, String(index))))
    for (const run of runs) expect(await run.result).toMatchObject({ status: 'completed' })
    expect(most).toBe(2)
  })
})
