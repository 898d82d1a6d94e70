import { describe, expect, test } from 'vitest'
import { agent, callTool, expectCode, guardFile, once, open, pause, plan, thrownBy, tool, turns } from '../harness.ts'
import { opened, finish, waiting } from './subjects.ts'

guardFile()

describe('stopping', () => {
  test('start while draining is refused', async () => {
    const ops = await opened()
    const draining = ops.drain(10)
    await expectCode(() => ops.start('echo', 'x'), 'ORCHESTRATOR_DRAINING', 'stopping')
    await draining
  })
  test('fork and trigger while draining are refused, with nothing accepted', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    await ops.schedules.put({ name: 'hourly', agent: 'echo', every: '1h' })
    const draining = ops.drain(10)
    await expectCode(() => ops.fork(run.id, { afterSeq: 1 }), 'ORCHESTRATOR_DRAINING', 'stopping')
    await expectCode(() => ops.schedules.trigger('hourly'), 'ORCHESTRATOR_DRAINING', 'stopping')
    await draining
    expect((await ops.list()).runs.map(({ runId }) => runId)).toEqual([run.id])
  })
  test('start after closing is refused', async () => {
    const ops = await opened()
    await ops[Symbol.asyncDispose]()
    await expectCode(() => ops.start('echo', 'x'), 'ORCHESTRATOR_DRAINING')
  })
  test('a start that was accepted is known although draining began in the same turn (S1)', async () => {
    const ops = await opened()
    const starting = ops.start('echo', 'x')
    const draining = ops.drain(10)
    const run = await starting.catch(() => undefined)
    await draining
    expect(run === undefined || (await ops.record(run.id)).runId === run.id).toBe(true)
  })
  test.each([-1, Number.NaN, 'soon'] as never[])('drain(%s) is refused', async (deadline) => {
    const ops = await opened()
    await expectCode(() => ops.drain(deadline), 'LIMIT_INVALID', 'deadlineMs')
  })
  test('draining twice gives the same report', async () => {
    const ops = await opened()
    expect(await ops.drain(5)).toEqual(await ops.drain(5))
  })
  test('a result that is awaited when the orchestrator closes rejects with a code', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    const result = thrownBy(() => run.result)
    await ops[Symbol.asyncDispose]()
    expect(await result).toMatchObject({ code: 'ORCHESTRATOR_DRAINING' })
  })
  test('a run that hangs in a tool is handed back at the deadline (S15)', async () => {
    const hangs = agent('hangs', once(callTool('a', 'stuck')), { tools: [tool('stuck', () => new Promise(() => {}))] })
    const ops = await open({ agents: [hangs] })
    const run = await ops.start('hangs', 'go')
    await turns()
    expect(await ops.drain(5)).toEqual({ handedBack: [run.id] })
  })
  test.each([
    [
      'a planner that never answers',
      agent(
        'stuck',
        plan(() => new Promise(() => {})),
      ),
    ],
    [
      'a schema that never answers',
      agent('stuck', finish, {
        output: {
          validator: { '~standard': { version: 1, vendor: 'x', validate: () => new Promise(() => {}) } },
          jsonSchema: {},
        } as never,
      }),
    ],
  ])('%s does not hold up closing', async (_name, stuck) => {
    const ops = await open({ agents: [stuck] })
    await ops.start('stuck', 'go')
    await turns()
    const drained = await Promise.race([ops.drain(5).then(() => true), pause(40).then(() => false)])
    expect(drained).toBe(true)
  })
})
