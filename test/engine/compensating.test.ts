/** A run that is cancelled is made good by another one: compensation in a fresh scope (S11). */
import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type RunOutcome, type Tool } from '../../src/index.ts'
import { replay } from '../../src/orchestrator/index.ts'
import { loadWorkflow, taskStates } from '../../src/plugins/planner-workflow/index.ts'
import { call, gate, noting, type NotingTool, planner, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, until, world, type World } from './support/world.ts'
import { flow, type Tasks } from './support/flows.ts'
import { shop, made, compensationOf, given, backwards } from './support/undoing.ts'

afterEach(closeAll)

describe('a run that is cancelled', () => {
  test('is made good by a run of its own, backwards, with what its tasks gave', async () => {
    const { workflow, undone, slow } = await shop({ outputSchema: { type: 'integer' } })
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start(
      'flow',
      { who: 'ada' },
      { tenant: 'acme', session: 's', priority: 3, metadata: { from: 'test' }, limits: { durationMs: 60_000, decisions: 50 } },
    )
    await until(at.clock, 'it sends', () => slow.calls.length === 1)
    await run.cancel('enough')
    const outcome = await outcomeOf(at.clock, run)
    expect(outcome).toMatchObject({
      status: 'cancelled',
      error: { code: 'RUN_CANCELLED', message: 'the run was cancelled: enough' },
    })
    const { run: second, outcome: end } = await made(at, outcome)
    expect(end).toEqual({
      status: 'completed',
      output: { compensations: ['recall', 'refund', 'unbook'].map((task) => ({ task, status: 'completed' })) },
    })
    expect(given(undone)).toEqual(backwards('RUN_CANCELLED', run.id))
    const record = await at.ops.record(second.id)
    expect(record).toMatchObject({
      compensates: run.id,
      rootId: second.id,
      depth: 0,
      tenant: 'acme',
      session: 's',
      priority: 3,
      metadata: { from: 'test' },
      limits: { durationMs: 86_400_000, decisions: 50 },
    })
    expect(record.parent).toBeUndefined()
    // It is no turn of the conversation.
    expect(record.transcript).toBeUndefined()
    // The record, the event and the handle name it alike; and one after the other, never two at once.
    expect(compensationOf((await at.ops.record(run.id)).outcome as RunOutcome)).toBe(second.id)
    expect(ofType(await historyOf(at.ops, run.id), 'run-end')[0]?.outcome).toEqual(outcome)
    const events = await historyOf(at.ops, second.id)
    expect(ofType(events, 'decision').map(({ effects }) => effects.map(({ key }) => key))).toEqual([
      ['recall'],
      ['refund'],
      ['unbook'],
    ])
    expect(taskStates(workflow, events).map(({ name, status }) => `${name} ${status}`)).toEqual([
      'book completed',
      'pay completed',
      'send failed',
      'rate pending',
      'unbook completed',
      'refund completed',
      'recall completed',
      'unrate pending',
    ])
    for (const id of [run.id, second.id])
      expect(await replay(await historyOf(at.ops, id), workflow)).toMatchObject({ same: true })
    expect(at.faults).toEqual([])
  })

  test('because its time is up is made good too, under a time of its own', async () => {
    const { workflow, undone, slow } = await shop({}, { limits: { durationMs: 1500 } })
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start('flow', { who: 'ada' })
    const outcome = await outcomeOf(at.clock, run)
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
    expect(slow.calls).toHaveLength(1)
    expect((await made(at, outcome)).outcome.status).toBe('completed')
    expect(given(undone)).toEqual(backwards('RUN_TIMEOUT', run.id))
  })

  test('twice, and after its end, is made good once; the run that does it is cancelled by its own id', async () => {
    const { workflow, slow } = await shop()
    const held = gate()
    const undo = noting('undo', async (_input, context) => {
      held.open()
      await untilAborted(undefined, context)
    })
    const at = await world({ agents: [await loadWorkflow(workflow.planner.document)], plugins: [undo, ...toolsOf(slow)] })
    const run = await at.ops.start('flow', { who: 'ada' })
    await until(at.clock, 'it sends', () => slow.calls.length === 1)
    await Promise.all([run.cancel('enough'), run.cancel('more')])
    const outcome = await outcomeOf(at.clock, run)
    await held.promise
    await run.cancel('again')
    const second = await at.ops.run(compensationOf(outcome) ?? '')
    expect((await at.ops.record(second.id)).status).toBe('running')
    await second.cancel('leave it')
    const end = await outcomeOf(at.clock, second)
    expect(end).toMatchObject({ status: 'cancelled', error: { message: 'the run was cancelled: leave it' } })
    expect(compensationOf(end)).toBeUndefined()
    expect((await at.ops.list()).runs).toHaveLength(2)
    expect(undo.calls).toHaveLength(1)
  })

  test('with nothing to be made good has not one event more, and no run is there', async () => {
    const act = noting('act')
    const slow = noting('slow', untilAborted)
    const undo = noting('undo')
    const tools = [act, slow, undo]
    const nothing = { a: { tool: 'act' }, b: { needs: 'a', tool: 'slow' } }
    const late = { ...nothing, c: { needs: 'b', tool: 'act', onFailure: 'u' }, u: { tool: 'undo' } }
    const waits = { ...nothing, d: { approval: 'well?', onFailure: 'u' }, u: { tool: 'undo' } }
    for (const tasks of [nothing, late, waits] as Tasks[]) {
      const at = await world({ agents: [await flow(tasks, tools)] })
      const run = await at.ops.start('flow', 'go')
      await until(at.clock, 'it is slow', () => slow.calls.length > 0)
      slow.calls.splice(0)
      await run.cancel()
      const outcome = await outcomeOf(at.clock, run)
      expect(outcome).toEqual({
        status: 'cancelled',
        error: expect.not.objectContaining({ details: expect.anything() }) as never,
      })
      const events = await historyOf(at.ops, run.id)
      expect(events.slice(events.findIndex(({ type }) => type === 'cancel-request')).map(({ type }) => type)).toEqual([
        'cancel-request',
        ...events.filter(({ type, seq }) => type === 'effect-end' && seq > 6).map(() => 'effect-end'),
        'run-end',
      ])
      expect(new Set(events.slice(-2).map(({ at: time }) => time)).size).toBe(1)
      expect((await at.ops.list()).runs).toHaveLength(1)
    }
    // Before anything was begun, the workflow's own compensation has no turn either.
    const at = await world({ agents: [await flow({ a: { tool: 'act' }, u: { tool: 'undo' } }, tools, { onFailure: 'u' })] })
    const run = await at.ops.start('flow', 'go', { dueAt: at.clock.now() + 60_000 })
    await run.cancel()
    expect(compensationOf(await outcomeOf(at.clock, run))).toBeUndefined()
    expect(undo.calls).toHaveLength(0)
  })
})

/** The tools of the shop beside the one that undoes. */
const toolsOf = (slow: NotingTool): readonly Tool[] => [noting('act', ({ what }) => ({ id: `${what as string}-1` })), slow]

describe('a planner of another kind', () => {
  const act = noting('act')
  const slow = noting('slow', untilAborted, { effect: 'idempotent' })

  function keeper(compensate: (run: never) => unknown): Agent {
    const base = planner((run) => {
      if (run.compensates !== undefined && (run.decisions > 0 || run.input !== 'slowly'))
        return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: { undid: run.input, of: run.compensates } }
      if (run.decisions === 0) return { type: 'act', effects: [call('act', {}, 'a'), call('slow', {}, 's')] }
      return { type: 'idle' }
    })
    return defineAgent({
      name: 'keeper',
      tools: [act, slow],
      input: { type: 'string' } as never,
      planner: { ...base, compensate } as never,
    }) as Agent
  }

  async function cancelled(agent: Agent): Promise<{ at: World; outcome: RunOutcome; id: string }> {
    slow.calls.splice(0)
    const at = await world({ agents: [agent] })
    const run = await at.ops.start('keeper', 'go')
    await until(at.clock, 'it is slow', () => slow.calls.length === 1)
    await run.cancel()
    return { at, outcome: await outcomeOf(at.clock, run), id: run.id }
  }

  test('says what is to be made good; its own input schema does not hold for that', async () => {
    const { at, outcome, id } = await cancelled(keeper((run: { settled: readonly unknown[] }) => ({ n: run.settled.length })))
    expect((await made(at, outcome)).outcome).toEqual({ status: 'completed', output: { undid: { n: 2 }, of: id } })
  })

  test('is not asked about the run that makes good: what is left when that is cancelled stays', async () => {
    const { at, outcome } = await cancelled(keeper(() => 'slowly'))
    await until(at.clock, 'it is undone slowly', () => slow.calls.length === 2)
    const second = await at.ops.run(compensationOf(outcome) ?? '')
    await second.cancel()
    expect(compensationOf(await outcomeOf(at.clock, second))).toBeUndefined()
    expect((await at.ops.list()).runs).toHaveLength(2)
  })

  test('that throws, or gives what is no JSON, fails the run: that nothing was made good is not hidden', async () => {
    const bad = [
      () => {
        throw new Error('lost my list')
      },
      () => ({ at: new Map() }),
      async () => Promise.resolve('x'),
    ]
    for (const compensate of bad) {
      const { at, outcome } = await cancelled(keeper(compensate))
      expect(outcome).toMatchObject({ status: 'failed', error: { code: 'PLANNER_FAILED' } })
      expect((outcome as { error: { message: string } }).error.message).toContain('so nothing is: ')
      expect(at.faults.map(({ failure }) => failure.code)).toEqual(['PLANNER_FAILED'])
      expect((await at.ops.list()).runs).toHaveLength(1)
    }
  })
})
