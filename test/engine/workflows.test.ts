import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, type Json } from '../../src/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import { expectFailure, gauge, guardFile, manualClock, play, plan } from './harness.ts'
import { noting, type NotingTool } from './support/parts.ts'
import { closeAll, ofType } from './support/world.ts'
import { flow, notesOf, type Tasks } from './support/flows.ts'

guardFile()
afterEach(closeAll)

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
