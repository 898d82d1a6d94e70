import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, child, gate, never, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, historySoFar, now, ofType, outcomeOf, settle, until, world } from './support/world.ts'
import { news, reaches, wait, words } from './support/pauses.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

describe('pause', () => {
  test('what is under way settles, nothing new is begun, and resume goes on from there', async () => {
    const open = gate<string>()
    const first = noting('first', () => open.promise)
    const second = noting('second')
    const agent = defineAgent({ name: 'a', tools: [first, second], planner: stepsPlanner([call('first')], [call('second')]) })
    const made = await world({ agents: [agent] })
    const { ops, clock } = made
    const run = await ops.start(agent, 'go')
    await until(clock, 'the first call is under way', () => first.calls.length === 1)
    await run.pause('look at it', { by: 'ada' })
    await settle(clock)
    expect(first.calls[0]?.context.signal.aborted).toBe(false)
    open.open('ready')
    await reaches(made, run.id, 'paused')
    await clock.advance(3_600_000)
    expect(second.calls).toHaveLength(0)
    expect(await ops.record(run.id)).toMatchObject({ status: 'paused', deliveries: 0 })
    expect(ofType(await historySoFar(ops, run.id), 'decision'), 'the planner is not asked').toHaveLength(1)

    await run.resume({ by: 'bob' })
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['second done'] })
    expect(first.calls).toHaveLength(1)
    const history = await historyOf(ops, run.id)
    expect(words(history)).toEqual([
      ['opspawn.pause', { reason: 'look at it', by: 'ada' }],
      ['opspawn.resume', { by: 'bob' }],
    ])
  })

  test('a run that nobody has claimed begins nothing', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const step = noting('step')
    const agent = defineAgent({ name: 'a', tools: [step], planner: stepsPlanner([call('step')]) })
    const idle = await world({ agents: [agent], store: sharedStore(store), clock, work: false })
    const run = await idle.ops.start(agent, 'go')
    await run.pause()
    const made = await world({ agents: [agent], store: sharedStore(store), clock })
    await clock.advance(2000)
    await reaches(made, run.id, 'paused')
    expect(step.calls).toHaveLength(0)
    await run.resume()
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
  })

  test('a waiting run is paused at once, its timer does not fire, and has fired when it goes on too late', async () => {
    const agent = defineAgent({ name: 'a', planner: stepsPlanner([wait(60_000)]) })
    const made = await world({ agents: [agent] })
    const { ops, clock } = made
    const run = await ops.start(agent, 'go')
    await reaches(made, run.id, 'waiting')
    await run.pause('lunch')
    await reaches(made, run.id, 'paused')
    await clock.advance(120_000)
    expect(ofType(await historySoFar(ops, run.id), 'effect-end')).toEqual([])
    await run.resume()
    expect(await now(clock, run.result)).toEqual({ status: 'completed', output: [null] })
  })

  test('a timer that is near does not fire while a call is still under way', async () => {
    const open = gate<string>()
    const slow = noting('slow', () => open.promise)
    const agent = defineAgent({ name: 'a', tools: [slow], planner: stepsPlanner([call('slow'), wait(500)]) })
    const made = await world({ agents: [agent] })
    const { ops, clock } = made
    const run = await ops.start(agent, 'go')
    await until(clock, 'the call is under way', () => slow.calls.length === 1)
    await run.pause()
    await clock.advance(5000)
    expect(ofType(await historySoFar(ops, run.id), 'effect-end')).toEqual([])
    open.open('done')
    await reaches(made, run.id, 'paused')
    expect(ofType(await historySoFar(ops, run.id), 'effect-end').map(({ key }) => key)).toEqual(['slow'])
  })

  test("the run's own time does not end it while it is paused, but has passed when it goes on", async () => {
    const agent = defineAgent({ name: 'a', planner: stepsPlanner([news]), limits: { durationMs: 10_000 } })
    const made = await world({ agents: [agent] })
    const { ops, clock } = made
    const run = await ops.start(agent, 'go')
    await reaches(made, run.id, 'waiting')
    await run.pause()
    await reaches(made, run.id, 'paused')
    await clock.advance(60_000)
    expect((await ops.record(run.id)).status).toBe('paused')
    await run.resume()
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
  })

  test('a retry that waits is made when the run goes on', async () => {
    const flaky = noting(
      'flaky',
      (_input, { attempt }) => {
        if (attempt === 1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
        return 'second time'
      },
      { retry: { attempts: 3, baseMs: 60_000, maxMs: 60_000 } },
    )
    const agent = defineAgent({ name: 'a', tools: [flaky], planner: stepsPlanner([call('flaky')]) })
    const made = await world({ agents: [agent] })
    const { clock, ops } = made
    const run = await ops.start(agent, 'go')
    await until(clock, 'it failed once', () => flaky.calls.length === 1)
    await run.pause()
    await reaches(made, run.id, 'paused')
    await clock.advance(120_000)
    expect(flaky.calls).toHaveLength(1)
    await run.resume()
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['second time'] })
  })

  test('what comes meanwhile is kept: signals, answers and the ends of children', async () => {
    const open = gate<string>()
    const slow = noting('slow', () => open.promise)
    const asked = noting('asked', () => 'done', { approval: true })
    const helper = defineAgent({ name: 'helper', tools: [slow], planner: stepsPlanner([call('slow')]) })
    const agent = defineAgent({
      name: 'chief',
      tools: [asked],
      agents: [helper],
      planner: stepsPlanner([news, child('helper'), call('asked')]),
    })
    const made = await world({ agents: [agent, helper] })
    const { clock, ops } = made
    const run = await ops.start(agent, 'go')
    await until(clock, 'the child works', () => slow.calls.length === 1)
    await until(clock, 'it asks', async () => (await run.approvals()).length === 1)
    await run.pause()
    await reaches(made, run.id, 'paused')
    await run.signal('news', 'fresh')
    await run.approve('asked', { by: 'ada' })
    open.open('helped')
    await clock.advance(10_000)
    expect((await ops.record(run.id)).status).toBe('paused')
    expect(asked.calls).toHaveLength(0)
    await run.resume()
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: ['fresh', ['helped'], 'done'] })
  })

  test('the planner does not notice: what was said of a pause is not among its signals', async () => {
    const seen: unknown[] = []
    const agent = defineAgent({
      name: 'a',
      planner: planner((run) => {
        seen.push(run.signals.map(({ name }) => name))
        return run.decisions === 0 ? { type: 'act', effects: [news] } : { type: 'finish', output: 'over' }
      }),
    })
    const made = await world({ agents: [agent] })
    const run = await made.ops.start(agent, 'go')
    await reaches(made, run.id, 'waiting')
    await run.signal('other')
    await run.pause()
    await reaches(made, run.id, 'paused')
    await run.resume()
    await run.signal('news')
    expect(await outcomeOf(made.clock, run)).toMatchObject({ status: 'completed' })
    expect(seen).toEqual([[], ['other']])
  })

  test('pausing twice changes nothing, and one resume lets it go on', async () => {
    const agent = defineAgent({ name: 'a', planner: stepsPlanner([news]) })
    const made = await world({ agents: [agent] })
    const { clock, ops } = made
    const run = await ops.start(agent, 'go')
    await reaches(made, run.id, 'waiting')
    await Promise.all([run.pause('one'), run.pause('two')])
    await reaches(made, run.id, 'paused')
    await run.pause('three')
    await clock.advance(2000)
    await run.resume()
    await run.signal('news', 1)
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [1] })
    expect(words(await historyOf(ops, run.id)).filter((word) => JSON.stringify(word).includes('three'))).toEqual([])
  })

  test('the last word counts: a pause that is taken back before it took effect', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const agent = defineAgent({ name: 'a', tools: [noting('step')], planner: stepsPlanner([call('step')]) })
    const idle = await world({ agents: [agent], store: sharedStore(store), clock, work: false })
    const run = await idle.ops.start(agent, 'go')
    await run.pause()
    await run.resume()
    await world({ agents: [agent], store: sharedStore(store), clock })
    expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
  })

  test('resuming a run that is not paused changes nothing', async () => {
    const agent = defineAgent({ name: 'a', planner: stepsPlanner([wait(60_000)]) })
    const made = await world({ agents: [agent] })
    const { clock, ops } = made
    const run = await ops.start(agent, 'go', { dueAt: clock.now() + 5000 })
    await run.resume()
    await clock.advance(4000)
    expect(await ops.record(run.id), 'one that is due later does not begin early').toMatchObject({ status: 'queued', epoch: 0 })
    await clock.advance(2000)
    await reaches(made, run.id, 'waiting')
    await run.resume()
    await clock.advance(30_000)
    expect(ofType(await historySoFar(ops, run.id), 'effect-end')).toEqual([])
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [null] })
  })

  test('a run that is due later is paused when its time comes', async () => {
    const step = noting('step')
    const agent = defineAgent({ name: 'a', tools: [step], planner: stepsPlanner([call('step')]) })
    const made = await world({ agents: [agent] })
    const { clock, ops } = made
    const run = await ops.start(agent, 'go', { dueAt: clock.now() + 5000 })
    await run.pause()
    expect((await ops.record(run.id)).status).toBe('queued')
    await clock.advance(6000)
    await reaches(made, run.id, 'paused')
    expect(step.calls).toHaveLength(0)
  })

  test('a paused run can be cancelled, and a pause holds up no cancellation', async () => {
    const agent = defineAgent({ name: 'a', planner: stepsPlanner([news]) })
    const made = await world({ agents: [agent] })
    const run = await made.ops.start(agent, 'go')
    await reaches(made, run.id, 'waiting')
    await run.pause()
    await reaches(made, run.id, 'paused')
    await run.cancel('enough')
    expect(await outcomeOf(made.clock, run)).toMatchObject({ status: 'cancelled' })

    const other = await made.ops.start(agent, 'go')
    await reaches(made, other.id, 'waiting')
    await Promise.all([other.cancel('enough'), other.pause()])
    expect(await outcomeOf(made.clock, other)).toMatchObject({ status: 'cancelled' })
  })

  test('a paused run that is cancelled waits for its children to end', async () => {
    const slow = noting(
      'slow',
      (_input, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    )
    const helper = defineAgent({ name: 'helper', tools: [slow], planner: stepsPlanner([call('slow')]) })
    const agent = defineAgent({ name: 'chief', agents: [helper], planner: stepsPlanner([child('helper')]) })
    const made = await world({ agents: [agent, helper] })
    const run = await made.ops.start(agent, 'go')
    await until(made.clock, 'the child works', () => slow.calls.length === 1)
    await run.pause()
    await reaches(made, run.id, 'paused')
    await run.cancel('enough')
    expect(await outcomeOf(made.clock, run)).toMatchObject({ status: 'cancelled' })
    expect(slow.calls[0]?.context.signal.aborted).toBe(true)
  })

  test('a run may be paused again and again', async () => {
    const agent = defineAgent({ name: 'a', planner: stepsPlanner([news]) })
    const made = await world({ agents: [agent] })
    const run = await made.ops.start(agent, 'go')
    for (const round of ['first', 'second']) {
      await reaches(made, run.id, 'waiting')
      await run.pause(round)
      await reaches(made, run.id, 'paused')
      await run.resume()
    }
    await run.signal('news', 1)
    expect(await outcomeOf(made.clock, run)).toEqual({ status: 'completed', output: [1] })
  })

  test('it needs no place of its agent', async () => {
    const busy = noting('busy', never)
    const agent = defineAgent({
      name: 'a',
      tools: [busy],
      concurrency: 1,
      planner: planner((run) => ({ type: 'act', effects: [run.input === 'wait' ? news : call('busy')] })),
    })
    const made = await world({ agents: [agent] })
    const run = await made.ops.start(agent, 'wait')
    await reaches(made, run.id, 'waiting')
    await made.ops.start(agent, 'work')
    await until(made.clock, 'the place is taken', () => busy.calls.length === 1)
    await run.pause()
    await reaches(made, run.id, 'paused')
  })

  test('an ended run refuses both, and options are checked', async () => {
    const agent = defineAgent({ name: 'a', tools: [noting('step')], planner: stepsPlanner([call('step')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await outcomeOf(clock, run)
    await expect(run.pause()).rejects.toMatchObject({ code: 'RUN_FINISHED' })
    await expect(run.resume()).rejects.toMatchObject({ code: 'RUN_FINISHED' })
    await expect(run.pause(7 as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    await expect(run.pause('', { by: 7 } as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    await expect(run.resume({ from: 'ada' } as never)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  })
})
