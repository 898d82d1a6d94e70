import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Json } from '../../src/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { errorOf, expectFailure, guardFile, play, plan, turns } from './harness.ts'
import { gate, noting, type NotingTool } from './support/parts.ts'
import { closeAll, ofType } from './support/world.ts'
import { flow } from './support/flows.ts'

guardFile()
afterEach(closeAll)

describe('a failure', () => {
  const broken = (): NotingTool => noting('broken', () => Promise.reject(new Error('out of order')))

  test.each<[string, object, number]>([
    [
      'fail',
      { status: 'failed', error: { code: 'TOOL_FAILED', message: 'task "a" failed: out of order', details: { task: 'a' } } },
      0,
    ],
    ['skip', { status: 'completed', output: { b: null, c: 'x done' } }, 1],
    ['continue', { status: 'completed', output: { b: 'x done', c: 'x done' } }, 2],
  ])('%s', async (failure, ended, called) => {
    const x = noting('x')
    const workflow = await flow(
      {
        a: { tool: 'broken', failure },
        b: { needs: 'a', tool: 'x' },
        c: { needs: 'a', join: 'settled', tool: 'x', if: 'tasks.a.error.code == "TOOL_FAILED"' },
      },
      [broken(), x],
    )
    expect((await play(workflow)).outcome).toMatchObject(ended)
    expect(x.calls).toHaveLength(called)
  })

  test('ends what is under way, children first', async () => {
    const seen = gate<unknown>()
    const slow = noting(
      'slow',
      (_, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => (seen.open(signal.reason), reject(signal.reason as Error))),
        ),
    )
    const inner = await loadWorkflow({ name: 'inner', tasks: { s: { tool: 'slow' } } }, { tools: [slow] })
    const fails = noting('fails', async () => {
      await turns(10)
      throw new Error('no')
    })
    const workflow = await flow({ child: { workflow: 'inner' }, wait: { signal: 'never' }, a: { tool: 'fails' } }, [fails])
    const played = await play(workflow, { agents: [inner] })
    expectFailure(played.outcome, 'TOOL_FAILED')
    expect(played.effect('wait').status).toBe('cancelled')
    expect(played.effect('child').status).toBe('cancelled')
    expect(String(await seen.promise)).toContain('the parent run ended')
  })

  test('is made good backwards, one at a time, the workflow own last; what did not run is left alone', async () => {
    const said: string[] = []
    const say = noting('say', ({ what, code }) => {
      said.push(code === undefined ? (what as string) : `${what as string} ${code as string}`)
      if (what === 'undo b') throw new Error('cannot')
    })
    const step = (what: string, more: object = {}): Record<string, Json> => ({ tool: 'say', with: { what }, ...more })
    const undo = (what: string, more: object = {}): Record<string, Json> => ({
      tool: 'say',
      with: { what, code: '${{ failure.code }}' },
      ...more,
    })
    const workflow = await flow(
      {
        a: step('a', { onFailure: ['undoA', 'thenA'] }),
        b: step('b', { needs: 'a', onFailure: 'undoB' }),
        c: { needs: 'b', tool: 'broken', onFailure: 'undoC' },
        d: step('d', { needs: 'c', onFailure: 'undoD' }),
        undoA: undo('undo a'),
        thenA: undo('then a', { if: 'failure.task == "c"' }),
        undoB: undo('undo b'),
        undoC: undo('undo c'),
        undoD: undo('undo d'),
        tell: undo('tell'),
      },
      [say, broken()],
      { onFailure: 'tell' },
    )
    const { outcome } = await play(workflow)
    expect(said).toEqual([
      'a',
      'b',
      'undo c TOOL_FAILED',
      'undo b TOOL_FAILED',
      'undo a TOOL_FAILED',
      'then a TOOL_FAILED',
      'tell TOOL_FAILED',
    ])
    expect(errorOf(outcome)).toMatchObject({
      code: 'TOOL_FAILED',
      message: 'task "c" failed: out of order',
      details: {
        task: 'c',
        compensations: [
          { task: 'undoA', status: 'completed' },
          { task: 'thenA', status: 'completed' },
          { task: 'undoB', status: 'failed', code: 'TOOL_FAILED', message: 'cannot' },
          { task: 'undoC', status: 'completed' },
          { task: 'tell', status: 'completed' },
        ],
      },
    })
  })

  test('waits for calls under way before it is made good, since they may need it too', async () => {
    const said: string[] = []
    const say = noting('say', ({ what }) => void said.push(what as string))
    const slow = noting('slow', async () => {
      await turns(10)
      said.push('slow done')
    })
    const workflow = await flow(
      {
        slow: { tool: 'slow', onFailure: 'undo' },
        bad: { tool: 'broken' },
        undo: { tool: 'say', with: { what: 'undo' } },
        after: { needs: 'slow', tool: 'say', with: { what: 'after' } },
      },
      [slow, broken(), say],
    )
    expectFailure((await play(workflow)).outcome, 'TOOL_FAILED')
    expect(said).toEqual(['slow done', 'undo'])
  })

  test('that is skipped is made good at once, and the workflow goes on', async () => {
    const undo = noting('undo')
    const workflow = await flow(
      { a: { tool: 'broken', failure: 'skip', onFailure: 'u' }, u: { tool: 'undo' }, b: { tool: 'undo' } },
      [broken(), undo],
    )
    expect((await play(workflow)).outcome).toEqual({ status: 'completed', output: { a: null, b: 'undo done' } })
    expect(undo.calls).toHaveLength(2)
  })

  test('of policy, of a person or of an approval that nobody gave is not tried again', async () => {
    const x = noting('x')
    const denied = await flow({ a: { tool: 'x', retry: 5 } }, [x])
    const { outcome, history } = await play(denied, {
      options: { policy: { rules: [{ verdict: 'deny', tool: 'x' }] } },
    })
    expect(outcome.status).toBe('failed')
    expect(ofType(history, 'decision').length).toBeLessThanOrEqual(1)
    const late = await flow({ a: { approval: { deadline: '1m' } } })
    expectFailure((await play(late)).outcome, 'APPROVAL_EXPIRED', 'task "a" failed')
  })

  test('of an output that does not fit its schema ends the run', async () => {
    const workflow = await flow({ a: { tool: 'x' } }, [noting('x')], {
      output: '${{ tasks.a.output }}',
      outputSchema: { type: 'integer' },
    })
    expectFailure((await play(workflow)).outcome, 'OUTPUT_INVALID')
  })
})

describe('retry and timeout', () => {
  test('a failing agent is run anew, each time as a child of its own', async () => {
    let count = 0
    const flaky = defineAgent({
      name: 'flaky',
      input: {},
      output: {},
      planner: plan(() => {
        count += 1
        return count < 3
          ? { type: 'fail', error: { code: 'TOOL_FAILED', message: 'not yet', retryable: false } }
          : { type: 'finish', output: count }
      }),
    }) as Agent
    const { outcome, history } = await play(await flow({ a: { agent: 'flaky', retry: { attempts: 3, backoff: '10s' } } }), {
      agents: [flaky],
    })
    expect(outcome).toEqual({ status: 'completed', output: { a: 3 } })
    expect(ofType(history, 'decision').flatMap(({ effects }) => effects.map(({ key }) => key))).toEqual([
      'a',
      'a~2',
      'a#2',
      'a~3',
      'a#3',
    ])
  })

  test('a tool is executed so often and no more, whatever its own policy says', async () => {
    const flaky = noting('flaky', () => Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' })), {
      effect: 'unsafe',
      retry: { attempts: 7 },
    })
    const { outcome } = await play(await flow({ a: { tool: 'flaky', retry: 3 } }, [flaky]))
    expectFailure(outcome, 'TOOL_FAILED', 'task "a" failed: reset')
    expect(flaky.calls).toHaveLength(3)
  })

  test('what is wrong in itself is not tried again', async () => {
    const strict = { ...noting('strict'), input: { type: 'object', required: ['n'] } } as NotingTool
    const workflow = await loadWorkflow({ name: 'flow', tasks: { a: { tool: 'strict', retry: 5 } } })
    const { outcome, history } = await play(workflow, { options: { plugins: [strict] } })
    expectFailure(outcome, 'TOOL_INPUT_INVALID')
    expect(ofType(history, 'decision')).toHaveLength(1)
  })

  test('a tool, an agent and a signal end at their time', async () => {
    const never = noting('never', () => new Promise(() => {}))
    const tool = await play(await flow({ a: { tool: 'never', timeout: '5s', retry: 1 } }, [never]))
    expectFailure(tool.outcome, 'TOOL_TIMEOUT', 'task "a" failed', '5000 ms')
    const sleeper = await loadWorkflow({ name: 'sleeper', tasks: { s: { sleep: '1h' } } })
    const child = await play(await flow({ a: { workflow: 'sleeper', timeout: '1m' } }), { agents: [sleeper] })
    expectFailure(child.outcome, 'RUN_TIMEOUT', 'task "a" failed', '60000 ms')
    const signal = await play(await flow({ a: { signal: { name: 'never', deadline: '1m' } } }))
    expectFailure(signal.outcome, 'WAIT_EXPIRED')
  })
})

describe('cancellation', () => {
  test('during a fan-out ends what runs and begins no more (S11)', async () => {
    const slow = noting(
      'slow',
      (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    )
    const workflow = await flow(
      {
        a: {
          tool: 'slow',
          forEach: Array.from({ length: 50 }, (_, n) => n),
          with: { n: '${{ item }}' },
          concurrency: 4,
          onFailure: 'undo',
        },
        undo: { tool: 'undo' },
      },
      [slow, noting('undo')],
    )
    const { outcome, history } = await play(workflow, {
      async meanwhile(run, clock) {
        await clock.advance(0)
        await run.cancel('enough')
      },
    })
    expect(outcome).toMatchObject({ status: 'cancelled', error: { code: 'RUN_CANCELLED' } })
    expect(slow.calls).toHaveLength(4)
    expect(ofType(history, 'decision')).toHaveLength(1)
  })

  test('reaches sub-workflows and sleeps', async () => {
    const inner = await loadWorkflow({ name: 'inner', tasks: { s: { sleep: '1d' } } })
    const { outcome, ops, run } = await play(
      await flow({ a: { workflow: 'inner' }, b: { sleep: '1d' }, c: { needs: 'a', sleep: '1s' } }),
      {
        agents: [inner],
        async meanwhile(started, clock) {
          await clock.advance(1000)
          await started.cancel('enough')
        },
      },
    )
    expect(outcome.status).toBe('cancelled')
    const { runs } = await ops.list({ rootId: run.id })
    expect(runs.map(({ status }) => status)).toEqual(['cancelled', 'cancelled'])
  })
})
