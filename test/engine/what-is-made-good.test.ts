/** Which of the things that a cancelled run did are made good, and in which order (S11). */
import { afterEach, describe, expect, test } from 'vitest'
import { type Json, OpspawnError, type RunOutcome } from '../../src/index.ts'
import { replay } from '../../src/orchestrator/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { gate, noting, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeAt, outcomeOf, settle, until, world } from './support/world.ts'
import { flow, type Tasks } from './support/flows.ts'
import { shop, made, compensationOf, given, backwards } from './support/undoing.ts'

afterEach(closeAll)

describe('what is made good', () => {
  test('a failing compensation is tried again, and does not stop the others; the run fails with it', async () => {
    const undo = noting('undo', ({ what }) => {
      if (what === 'b') throw new OpspawnError('TOOL_FAILED', 'stuck', { retryable: true })
      return 'undone'
    })
    const tools = [noting('act'), noting('slow', untilAborted), undo]
    const workflow = await flow(
      {
        a: { tool: 'act', onFailure: 'ua' },
        b: { needs: 'a', tool: 'act', onFailure: ['ub', 'never'] },
        c: { needs: 'b', tool: 'slow' },
        ua: { tool: 'undo', with: { what: 'a' } },
        ub: { tool: 'undo', with: { what: 'b' }, retry: { attempts: 3, backoff: '1s' } },
        never: { tool: 'undo', if: 'failure.code == "OTHER"' },
        all: { tool: 'undo', with: { what: 'all', saw: '${{ tasks.b.status }}' } },
      },
      tools,
      { onFailure: 'all' },
    )
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start('flow', 'go')
    await settle(at.clock)
    await run.cancel()
    const { outcome, run: second } = await made(at, await outcomeOf(at.clock, run))
    expect(outcome).toMatchObject({
      status: 'failed',
      error: {
        code: 'TOOL_FAILED',
        message: 'compensation "ub" failed: stuck',
        details: {
          task: 'ub',
          compensations: [
            { task: 'ub', status: 'failed', code: 'TOOL_FAILED', message: 'stuck' },
            { task: 'never', status: 'skipped' },
            { task: 'ua', status: 'completed' },
            { task: 'all', status: 'completed' },
          ],
        },
      },
    })
    expect(given(undo).map((input) => (input as { what: string }).what)).toEqual(['b', 'b', 'b', 'a', 'all'])
    expect(given(undo).at(-1)).toEqual({ what: 'all', saw: 'completed' })
    expect(await replay(await historyOf(at.ops, second.id), workflow)).toMatchObject({ same: true })
    // Begun again, it is still the run that makes the first one good.
    const again = await at.ops.fork(second.id, { afterSeq: 1 })
    await outcomeOf(at.clock, again)
    expect((await at.ops.record(again.id)).compensates).toBe(run.id)
    expect(
      given(undo)
        .slice(5)
        .map((input) => (input as { what: string }).what),
    ).toContain('b')
  })

  test('what may have happened is undone: unknown, or under way and idempotent; not what was never begun', async () => {
    const undo = noting('undo', ({ what }) => what as Json)
    const unsafe = noting('unsafe', untilAborted, { effect: 'unsafe' })
    const idempotent = noting('idempotent', untilAborted, { effect: 'idempotent' })
    const asks = noting('asks', untilAborted, { effect: 'idempotent', approval: true })
    const one = noting('one', untilAborted, { effect: 'unsafe', concurrency: 1 })
    const names = ['unsafe', 'idempotent', 'asks', 'one', 'two', 'nap', 'tries']
    const fails = noting('fails', () => Promise.reject(new OpspawnError('TOOL_FAILED', 'no', { retryable: true })))
    const kinds: Tasks = {
      unsafe: { tool: 'unsafe' },
      idempotent: { tool: 'idempotent' },
      asks: { tool: 'asks' },
      one: { tool: 'one' },
      two: { tool: 'one' },
      nap: { sleep: '1d' },
      tries: { tool: 'fails', retry: { attempts: 2, backoff: '1d', maxBackoff: '1d' } },
    }
    const tasks: Record<string, Record<string, Json>> = {}
    for (const name of names) {
      tasks[name] = { ...kinds[name], onFailure: `u-${name}` }
      tasks[`u-${name}`] = { tool: 'undo', with: { what: name } }
    }
    const at = await world({ agents: [await flow(tasks, [undo, unsafe, idempotent, asks, one, fails])] })
    const run = await at.ops.start('flow', 'go')
    await until(at.clock, 'all are under way', () => one.calls.length + unsafe.calls.length + fails.calls.length === 3)
    await settle(at.clock)
    await run.cancel()
    await made(at, await outcomeOf(at.clock, run))
    expect(outcomeAt(await historyOf(at.ops, run.id), 'two')?.status).toBe('cancelled')
    expect(
      given(undo)
        .map((input) => (input as { what: string }).what)
        .toSorted(),
    ).toEqual(['idempotent', 'one', 'tries', 'unsafe'])
  })

  test('a forEach that was broken off comes first, and its finished items count', async () => {
    const step = noting('step', ({ n }, context) => (n === 3 ? untilAborted(undefined, context) : (n as Json)))
    const undo = noting('undo')
    const at = await world({
      agents: [
        await flow(
          {
            a: { tool: 'step', with: { n: 0 }, onFailure: 'ua' },
            b: {
              needs: 'a',
              tool: 'step',
              forEach: [1, 2, 3, 4],
              with: { n: '${{ item }}' },
              concurrency: 1,
              failure: 'continue',
              onFailure: 'ub',
            },
            ua: { tool: 'undo', with: { what: 'a' } },
            ub: { tool: 'undo', with: { what: 'b' } },
          },
          [step, undo],
        ),
      ],
    })
    const run = await at.ops.start('flow', 'go')
    await until(at.clock, 'the third', () => step.calls.length === 4)
    await run.cancel()
    await made(at, await outcomeOf(at.clock, run))
    expect(given(undo)).toEqual([{ what: 'b' }, { what: 'a' }])
  })

  test('a run cancelled while it made a failure good goes on with what is left, under the same idempotency keys', async () => {
    const keys: string[] = []
    const reached = gate()
    let isFirst = true
    const undo = noting(
      'undo',
      ({ what }, context) => {
        keys.push(`${what as string} ${context.idempotencyKey}`)
        if (what !== 'b' || !isFirst) return 'undone'
        isFirst = false
        reached.open()
        return untilAborted(undefined, context)
      },
      { effect: 'idempotent' },
    )
    const fails = noting('fails', () => Promise.reject(new OpspawnError('TOOL_FAILED', 'no', { retryable: false })))
    const workflow = await flow(
      {
        a: { tool: 'act', onFailure: 'ua' },
        b: { needs: 'a', tool: 'act', onFailure: 'ub' },
        c: { needs: 'b', tool: 'act', onFailure: 'uc' },
        d: { needs: 'c', tool: 'fails' },
        ua: { tool: 'undo', with: { what: 'a' } },
        ub: { tool: 'undo', with: { what: 'b' } },
        uc: { tool: 'undo', with: { what: 'c' } },
      },
      [noting('act'), fails, undo],
    )
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start('flow', 'go')
    await reached.promise
    await run.cancel()
    const { outcome } = await made(at, await outcomeOf(at.clock, run))
    expect(outcome.status).toBe('completed')
    expect(keys.map((key) => key.split(' ')[0])).toEqual(['c', 'b', 'b', 'a'])
    expect(keys[1]).toBe(keys[2])
  })

  test('child workflows make themselves good; a parent that is cancelled does too, and names no more than its own', async () => {
    const { workflow: inner, undone, slow } = await shop()
    const act = noting('outer')
    const outer = await loadWorkflow(
      {
        name: 'outer',
        tasks: {
          first: { tool: 'outer', with: { n: 1 }, onFailure: 'last' },
          sub: { needs: 'first', workflow: 'flow' },
          last: { tool: 'outer', with: { n: 2 } },
        },
      },
      { tools: [act], agents: [inner] },
    )
    const at = await world({ agents: [outer, inner] })
    const run = await at.ops.start('outer', { who: 'ada' })
    await until(at.clock, 'the child sends', () => slow.calls.length === 1)
    await run.cancel('enough')
    const outcome = await outcomeOf(at.clock, run)
    await made(at, outcome)
    const child = (await at.ops.list({ parentId: run.id })).runs[0]
    const ofChild = compensationOf(child?.outcome as RunOutcome)
    expect(ofChild).toBeDefined()
    expect(ofChild).not.toBe(compensationOf(outcome))
    expect((await outcomeOf(at.clock, await at.ops.run(ofChild ?? ''))).status).toBe('completed')
    expect(given(undone)).toEqual(backwards('RUN_CANCELLED', child?.runId ?? ''))
    expect(given(act)).toEqual([{ n: 1 }, { n: 2 }])
    // The parent's history says where its child is made good.
    const end = ofType(await historyOf(at.ops, run.id), 'effect-end').find(({ key }) => key === 'sub')?.outcome
    expect(end).toMatchObject({ status: 'cancelled', error: { details: { compensation: ofChild } } })
  })
})
