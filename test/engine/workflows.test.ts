import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Json, type Tool } from '../../src/index.ts'
import { loadWorkflow, type Workflow, type WorkflowNote } from '../../src/plugins/planner-workflow/index.ts'
import { errorOf, expectFailure, gauge, guardFile, manualClock, play, plan, turns } from './harness.ts'
import { fleet } from './support/fleet.ts'
import { gate, noting, type NotingTool } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf } from './support/world.ts'

guardFile()
afterEach(closeAll)

type Tasks = Readonly<Record<string, Readonly<Record<string, Json>>>>

async function flow(tasks: Tasks, tools: readonly Tool[] = [], more: object = {}): Promise<Workflow> {
  const named = Object.values(tasks)
    .flatMap(({ agent, workflow }) => [agent, workflow])
    .filter((name) => typeof name === 'string')
  return loadWorkflow({ name: 'flow', tasks, ...more }, { tools, agents: named })
}

/** An agent that gives its input back. */
const echo = defineAgent({
  name: 'echo',
  planner: plan((run) => ({ type: 'finish', output: { heard: run.input } })),
  input: {},
  output: {},
}) as Agent
const calls = (tool: NotingTool): readonly Json[] => tool.calls.map(({ input }) => input)

describe('tasks', () => {
  test('run behind those that they need, and hand on what they gave with its type', async () => {
    const first = noting('first', () => ({ list: [1, 2.5], text: 'hi', none: null }))
    const second = noting('second', (input) => input)
    const workflow = await flow(
      {
        b: {
          needs: 'a',
          tool: 'second',
          with: {
            all: '${{ tasks.a.output }}',
            one: '${{ tasks.a.output.list[1] }}',
            mixed: 'got ${{ tasks.a.output.text }} ${{ tasks.a.output.list }}',
            plus: '${{ tasks.a.output.list[0] + 1 }}',
            plain: '$${{ x }}',
            said: '${{ input.topic }}',
          },
        },
        a: { tool: 'first' },
      },
      [first, second],
    )
    const { outcome } = await play(workflow, { input: { topic: '${{ input.secret }}', secret: 's' } })
    const given = {
      all: { list: [1, 2.5], text: 'hi', none: null },
      one: 2.5,
      mixed: 'got hi [1,2.5]',
      plus: 2,
      plain: '${{ x }}',
      said: '${{ input.secret }}',
    }
    expect(outcome).toEqual({ status: 'completed', output: { b: given } })
  })

  test('of all kinds: agent, workflow, approval, signal, sleep', async () => {
    const inner = await loadWorkflow({ name: 'inner', tasks: { hear: { agent: 'echo', with: { deep: '${{ input.n }}' } } } })
    const workflow = await flow(
      {
        ask: { agent: 'echo' },
        sub: { workflow: 'inner', with: { n: 7 }, timeout: '1h' },
        ok: { approval: { question: 'Go on with ${{ input.topic }}?', details: { n: 1 }, deadline: '2d' } },
        news: { needs: 'ok', signal: 'news' },
        nap: { needs: 'news', sleep: '90s' },
        late: { needs: 'nap', sleep: '${{ input.wait }}' },
      },
      [],
      {
        output: {
          asked: '${{ tasks.ask.output }}',
          sub: '${{ tasks.sub.output.hear.heard.deep }}',
          by: '${{ tasks.ok.output.by }}',
          news: '${{ tasks.news.output }}',
        },
      },
    )
    const { outcome, history } = await play(workflow, {
      input: { topic: 'otters', wait: 'PT5M' },
      agents: [echo, inner],
      async meanwhile(run, clock) {
        // A signal that comes early is kept.
        await run.signal('news', { rain: true })
        await clock.advance(0)
        await run.approve('ok', { by: 'ada' })
      },
    })
    expect(outcome).toEqual({
      status: 'completed',
      output: { asked: { heard: { topic: 'otters', wait: 'PT5M' } }, sub: 7, by: 'ada', news: { rain: true } },
    })
    const waits = ofType(history, 'decision')
      .flatMap(({ effects }) => effects)
      .flatMap((effect) => (effect.kind === 'wait' ? [effect.for] : []))
    expect(waits).toEqual([
      { type: 'approval', question: 'Go on with otters?', details: { n: 1 }, deadlineMs: 172_800_000 },
      { type: 'signal', name: 'news' },
      { type: 'time', ms: 90_000 },
      { type: 'time', ms: 300_000 },
    ])
  })

  test('ask for an agent by what it can do', async () => {
    const able = { ...echo, name: 'able', capabilities: ['hearing'] }
    const workflow = await loadWorkflow(
      { name: 'flow', tasks: { a: { agent: { capability: 'hearing' } } } },
      { agents: [echo, able] },
    )
    const { outcome, history } = await play(workflow, { agents: [able] })
    expect(outcome).toEqual({ status: 'completed', output: { a: { heard: 'go' } } })
    expect(ofType(history, 'decision')[0]?.effects).toMatchObject([{ kind: 'run', agent: 'able' }])
  })

  test('know their run, and what failed', async () => {
    const say = noting('say', (input) => input)
    const workflow = await flow(
      {
        a: { tool: 'say', with: { run: '${{ run }}', id: '${{ run.id }}' } },
        b: { needs: 'a', tool: 'broken', failure: 'skip', onFailure: 'c' },
        c: { tool: 'say', with: { why: '${{ failure }}', seen: '${{ tasks.a.status }} ${{ tasks.b.error.message }}' } },
      },
      [say, noting('broken', () => Promise.reject(new Error('no')))],
      { output: '${{ tasks.a.output }}' },
    )
    const { outcome, run } = await play(workflow)
    expect(outcome).toEqual({
      status: 'completed',
      output: { id: run.id, run: { id: run.id, workflow: 'flow', tenant: 'default', session: null } },
    })
    expect(calls(say)[1]).toEqual({ why: { task: 'b', code: 'TOOL_FAILED', message: 'no' }, seen: 'completed no' })
  })

  test('whose length is no duration, or whose item has no input, fail with the reason', async () => {
    const nap = await play(await flow({ a: { sleep: '${{ input.for }}' } }), { input: { for: 'ever' } })
    expectFailure(nap.outcome, 'PLANNER_FAILED', '"ever" is no duration')
    const tasks = (failure: string): Tasks => ({
      a: { tool: 'x', forEach: '${{ input }}', with: { n: '${{ item.n }}' }, failure },
      b: { needs: 'a', tool: 'x', with: { n: '${{ tasks.a.output }}' } },
    })
    const x = noting('x', ({ n }) => n)
    const goesOn = await play(await flow(tasks('continue'), [x]), { input: [{ n: 1 }, {}, { n: 3 }] })
    expect(goesOn.outcome).toEqual({ status: 'completed', output: { b: [1, null, 3] } })
    const stops = await play(await flow(tasks('fail'), [x]), { input: [{ n: 1 }, {}] })
    expectFailure(stops.outcome, 'PLANNER_FAILED', 'item 1: item has no member "n"')
    const nothing = await play(await flow(tasks('continue'), [x]), { input: [{}, {}] })
    expect(nothing.outcome).toEqual({ status: 'completed', output: { b: [null, null] } })
  })

  test('that read what is not there fail with the reason', async () => {
    const workflow = await flow({ a: { tool: 'x', with: '${{ input.a.b }}' } }, [noting('x')])
    expectFailure(
      (await play(workflow, { input: { a: {} } })).outcome,
      'PLANNER_FAILED',
      'task "a" failed: the input of task "a" could not be evaluated: input.a has no member "b"',
    )
  })
})

describe('conditions', () => {
  const tasks: Tasks = {
    look: { tool: 'look' },
    buy: { needs: 'look', if: 'tasks.look.output.price < 10 && size(tasks.look.output.seats) > 0', tool: 'buy' },
    pack: { needs: 'buy', tool: 'buy' },
    stay: { needs: ['look', 'pack'], join: 'settled', if: 'tasks.pack.status == "skipped"', tool: 'stay' },
  }

  test('skip a task and those that need it; why stands in the history', async () => {
    const look = noting('look', () => ({ price: 12, seats: [1, 2, 3] }))
    const [buy, stay] = [noting('buy'), noting('stay')]
    const { outcome, history } = await play(await flow(tasks, [look, buy, stay]))
    expect(outcome).toEqual({ status: 'completed', output: { stay: 'stay done' } })
    expect([buy.calls.length, stay.calls.length]).toEqual([0, 1])
    expect(notesOf(history)).toEqual([
      {
        task: 'buy',
        condition: false,
        inputs: { 'tasks.look.output.price': 12, 'tasks.look.output.seats': 'a list of 3' },
        skipped: 'its condition is false',
      },
      { task: 'pack', skipped: 'it needs "buy", which was skipped' },
      { task: 'stay', condition: true, inputs: { 'tasks.pack.status': 'skipped' } },
    ])
  })

  test('stand in the history too when nothing is left to do', async () => {
    const { outcome, history } = await play(await flow({ a: { tool: 'x', if: 'input == "stop"' } }, [noting('x')]))
    expect(outcome).toEqual({ status: 'completed', output: { a: null } })
    expect(notesOf(history)).toEqual([
      { task: 'a', condition: false, inputs: { input: 'go' }, skipped: 'its condition is false' },
    ])
  })

  test('that cannot be decided fail their task', async () => {
    const mixed = await play(await flow({ a: { tool: 'x', if: 'input.a + 1.5 > 2.0' } }, [noting('x')]), { input: { a: 1 } })
    expectFailure(mixed.outcome, 'PLANNER_FAILED', 'the condition of task "a"', 'convert with double(x) or int(x)')
    const text = await play(await flow({ a: { tool: 'x', if: 'input.a' } }, [noting('x')]), { input: { a: 'yes' } })
    expectFailure(text.outcome, 'PLANNER_FAILED', 'it gives "yes", not true or false')
  })
})

function notesOf(history: Parameters<typeof ofType>[0]): readonly WorkflowNote[] {
  return ofType(history, 'decision').flatMap(({ state }) =>
    state === undefined ? [] : (state as unknown as { notes: WorkflowNote[] }).notes,
  )
}

describe('forEach', () => {
  test('runs once for each item, so many at once, and keeps their order', async () => {
    const inside = gauge()
    const clock = manualClock()
    const work = noting('work', ({ n }) =>
      inside.run(async () => {
        await new Promise<void>((resolve) => void clock.setTimer(5 - (n as number), resolve))
        return (n as number) * 10
      }),
    )
    const workflow = await flow(
      { a: { tool: 'work', forEach: '${{ input.list }}', with: { n: '${{ item }}', at: '${{ index }}' }, concurrency: 3 } },
      [work],
    )
    const { outcome } = await play(workflow, { clock, input: { list: [4, 3, 2, 1, 0] } })
    expect(outcome).toEqual({ status: 'completed', output: { a: [40, 30, 20, 10, 0] } })
    expect(inside.most).toBe(3)
    expect(calls(work)).toContainEqual({ n: 2, at: 2 })
  })

  test('of nothing gives nothing, and what follows runs', async () => {
    const workflow = await flow(
      { a: { tool: 'x', forEach: [] }, b: { needs: 'a', tool: 'x', with: { n: '${{ size(tasks.a.output) }}' } } },
      [noting('x', ({ n }) => n)],
    )
    expect((await play(workflow)).outcome).toEqual({ status: 'completed', output: { b: 0 } })
  })

  test('over a thousand items fans out and in; over more is refused before any is begun', async () => {
    const work = noting('work', ({ n }) => n)
    const workflow = await flow(
      {
        a: { tool: 'work', forEach: '${{ input }}', with: { n: '${{ item }}' } },
        b: { needs: 'a', tool: 'work', with: { n: '${{ size(tasks.a.output) }}' } },
      },
      [work],
    )
    const list = Array.from({ length: 1000 }, (_, n) => n)
    expect((await play(workflow, { input: list })).outcome).toEqual({ status: 'completed', output: { b: 1000 } })
    expect(work.calls).toHaveLength(1001)
    expectFailure(
      (await play(workflow, { input: [...list, 1000] })).outcome,
      'PLANNER_FAILED',
      'forEach has 1001 items; the limit is 1000',
    )
    expect(work.calls).toHaveLength(1001)
    expectFailure((await play(workflow, { input: 'no list' })).outcome, 'PLANNER_FAILED', 'forEach needs a list')
  })

  test.each<[string, Json, number]>([
    ['fail', { status: 'failed' }, 3],
    ['skip', { status: 'completed', output: { b: null } }, 3],
    ['continue', { status: 'completed', output: { b: [0, null, 2, 3, 4] } }, 6],
  ])('with an item that fails, failure: %s', async (failure, ended, called) => {
    const work = noting('work', ({ n }) => {
      if (n === 1) throw new Error('no')
      return n
    })
    const workflow = await flow(
      {
        a: { tool: 'work', forEach: [0, 1, 2, 3, 4], with: { n: '${{ item }}' }, concurrency: 1, failure },
        b: { needs: 'a', tool: 'work', with: { n: '${{ tasks.a.output }}' } },
      },
      [work],
    )
    const { outcome } = await play(workflow)
    expect(outcome).toMatchObject(ended as object)
    expect(work.calls.length).toBeLessThanOrEqual(called)
  })

  test('with more items than a decision may hold asks for them in turn', async () => {
    const work = noting('work', ({ n }) => n)
    const workflow = await flow({ a: { tool: 'work', forEach: '${{ input }}', with: { n: '${{ item }}' } } }, [work])
    const list = Array.from({ length: 25 }, (_, n) => n)
    const { outcome, history } = await play({ ...workflow, limits: { ...workflow.limits, effects: 10 } }, { input: list })
    expect(outcome).toEqual({ status: 'completed', output: { a: list } })
    expect(ofType(history, 'decision').map(({ effects }) => effects.length)).toEqual([10, 10, 5])
  })

  test('over approvals asks for each', async () => {
    const workflow = await flow({ a: { approval: 'Take ${{ item }}?', forEach: ['x', 'y'] } })
    const { outcome } = await play(workflow, {
      async meanwhile(run, clock) {
        await clock.advance(0)
        await run.approve('a[0]', { by: 'ada' })
        await run.deny('a[1]', { by: 'bob' })
      },
    })
    expect(outcome).toMatchObject({ status: 'completed', output: { a: [{ approved: true }, { approved: false, by: 'bob' }] } })
  })
})

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

describe('a worker dies at every append of a workflow', async () => {
  async function cast(): Promise<{ agents: Agent[]; pay: NotingTool }> {
    const pay = noting('pay', () => 'paid', { effect: 'unsafe' })
    const work = noting('work', ({ n }) => (n as number) * 2)
    const inner = await loadWorkflow({ name: 'inner', tasks: { w: { tool: 'work', with: { n: 21 } } } }, { tools: [work] })
    const outer = await loadWorkflow(
      {
        name: 'outer',
        tasks: {
          fan: { tool: 'work', forEach: [1, 2, 3, 4, 5], with: { n: '${{ item }}' }, concurrency: 2 },
          sub: { workflow: 'inner' },
          no: { needs: 'fan', if: 'tasks.fan.output[0] > 2', tool: 'work', with: { n: 0 } },
          nap: { needs: ['fan', 'sub'], sleep: '5s' },
          pay: { needs: ['nap'], tool: 'pay', failure: 'continue' },
        },
        output: {
          fan: '${{ tasks.fan.output }}',
          sub: '${{ tasks.sub.output.w }}',
          no: '${{ tasks.no.status }}',
          paid: '${{ tasks.pay.status }}',
        },
      },
      { tools: [work, pay], agents: [inner] },
    )
    return { agents: [outer, inner], pay }
  }
  const output = { fan: [2, 4, 6, 8, 10], sub: 42, no: 'skipped', paid: 'completed' }
  const reference = await fleet((await cast()).agents)
  const ended = await outcomeOf(reference.clock, await reference.first.ops.start('outer', 'go', { runId: 'the-run' }))
  const count = reference.appends()
  await closeAll()

  test('the reference run is as expected', () => {
    expect(ended).toEqual({ status: 'completed', output })
    expect(count).toBeGreaterThan(6)
  })

  describe.each(['before', 'after'] as const)('%s it is written', (moment) => {
    test.each(Array.from({ length: count }, (_, index) => index))(
      'append %i: another worker comes to the same end (S1, S2, S5)',
      async (dieAt) => {
        const { agents, pay } = await cast()
        const group = await fleet(agents, { dieAt, moment })
        await group.first.ops.start('outer', 'go', { runId: 'the-run' })
        for (let step = 0; step < 20 && !group.isDead(); step += 1) await group.clock.advance(1000)
        expect(group.isDead()).toBe(true)
        const { ops } = await group.second()
        const outcome = await outcomeOf(group.clock, await ops.run('the-run'))
        const history = await historyOf(ops, 'the-run')
        const asked = ofType(history, 'decision').flatMap(({ effects }) => effects.map(({ key }) => key))
        expect(asked.toSorted()).toEqual(['fan[0]', 'fan[1]', 'fan[2]', 'fan[3]', 'fan[4]', 'nap', 'pay', 'sub'])
        expect(pay.calls.length).toBeLessThanOrEqual(1)
        // An unsafe call that was interrupted is never made again: its outcome is unknown then, and the document goes on.
        const unknown = outcome.status === 'completed' && (outcome.output as { paid: string }).paid === 'failed'
        expect(outcome).toEqual({ status: 'completed', output: unknown ? { ...output, paid: 'failed' } : output })
        expect(notesOf(history)).toHaveLength(1)
      },
    )
  })
})
