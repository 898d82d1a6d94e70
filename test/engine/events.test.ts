import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, defineExtension, isRecorded, type RunEvent, type RunStreamEvent } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, gate, noting, planner, stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, now, settle, until, world } from './support/world.ts'

afterEach(closeAll)

function stepping(): Agent {
  return defineAgent({
    name: 'walker',
    tools: [noting('step')],
    planner: stepsPlanner([call('step', {}, 'a')], [call('step', {}, 'b')]),
  }) as unknown as Agent
}

async function collect(events: AsyncIterable<RunStreamEvent>): Promise<RunStreamEvent[]> {
  const all: RunStreamEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

const seqs = (events: readonly RunStreamEvent[]): number[] => events.filter(isRecorded).map(({ seq }) => seq)

describe('history', () => {
  test('a run is watched from its beginning to its end, without gaps', async () => {
    const { ops } = await world({ agents: [stepping()] })
    const events = await collect(await ops.start('walker', 'go'))
    expect(events[0]).toMatchObject({ type: 'run-start', seq: 1 })
    expect(events.at(-1)).toMatchObject({ type: 'run-end' })
    expect(seqs(events)).toEqual(events.map((_, index) => index + 1))
  })

  test('the same history comes from any cursor, while it runs and afterwards', async () => {
    const { ops } = await world({ agents: [stepping()] })
    const run = await ops.start('walker', 'go')
    const live = await collect(run)
    for (let cursor = 0; cursor < live.length; cursor += 1) expect(await collect(run.events(cursor))).toEqual(live.slice(cursor))
  })

  test('a cursor at the last event of a finished run ends at once', async () => {
    const { ops, clock } = await world({ agents: [stepping()] })
    const run = await ops.start('walker', 'go')
    const { length } = await collect(run)
    expect(await now(clock, collect(run.events(length)))).toEqual([])
  })

  test('a cursor beyond the end of a finished run ends at once', async () => {
    const { ops, clock } = await world({ agents: [stepping()] })
    const run = await ops.start('walker', 'go')
    const { length } = await collect(run)
    expect(await now(clock, collect(run.events(length + 100)))).toEqual([])
  })

  test('a cursor beyond the end of a run that goes on ends with it', async () => {
    const open = gate<string>()
    const tool = noting('step', () => open.promise)
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    const beyond = collect(run.events(100))
    await until(clock, 'the tool runs', () => tool.calls.length === 1)
    open.open('done')
    await run.result
    expect(await now(clock, beyond)).toEqual([])
  })

  test('a history longer than a page comes whole', async () => {
    const many = Array.from({ length: 700 }, (_, index) => [call('step', {}, `k${index}`)])
    const agent = defineAgent({ name: 'walker', tools: [noting('step')], planner: stepsPlanner(...many) })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    const events = await collect(run)
    expect(events.length).toBeGreaterThan(1400)
    expect(seqs(events)).toEqual(events.map((_, index) => index + 1))
  })

  test('two listeners see the same', async () => {
    const { ops } = await world({ agents: [stepping()] })
    const run = await ops.start('walker', 'go')
    const [one, two] = await Promise.all([collect(run), collect(run)])
    expect(one).toEqual(two)
  })

  test('leaving the iteration early harms neither the run nor other listeners', async () => {
    const { ops } = await world({ agents: [stepping()] })
    const run = await ops.start('walker', 'go')
    const whole = collect(run)
    for await (const event of run) if (isRecorded(event) && event.type === 'decision') break
    expect((await whole).at(-1)).toMatchObject({ type: 'run-end' })
    expect(await run.result).toMatchObject({ status: 'completed' })
  })

  test('an iterator that has returned gives nothing more', async () => {
    const { ops } = await world({ agents: [stepping()] })
    const run = await ops.start('walker', 'go')
    const iterator = run[Symbol.asyncIterator]()
    await iterator.next()
    await iterator.return?.()
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    await run.result
  })

  test('two requests at the same time give two events', async () => {
    const { ops, clock } = await world({ agents: [stepping()] })
    const run = await ops.start('walker', 'go', { dueAt: clock.now() + 1000 })
    const iterator = run.events(1)[Symbol.asyncIterator]()
    const both = Promise.all([iterator.next(), iterator.next()])
    await settle(clock)
    await clock.advance(1000)
    const got = await now(clock, both)
    expect(got?.map(({ value }) => (value as RunEvent).seq)).toEqual([2, 3])
    await iterator.return?.()
  })

  test('the events of a run that failed end with its failure', async () => {
    const agent = defineAgent({
      name: 'failing',
      planner: planner(() => ({ type: 'fail', error: { code: 'PLAN_FAILED', message: 'no', retryable: false } })),
    })
    const { ops } = await world({ agents: [agent] })
    const events = await collect(await ops.start(agent, 'go'))
    expect(events.at(-1)).toMatchObject({ type: 'run-end', outcome: { status: 'failed', error: { code: 'PLAN_FAILED' } } })
  })

  test('recorded events carry version, position and time; no stack anywhere', async () => {
    const tool = noting('step', () => {
      throw new Error('broken')
    })
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    await run.result
    const history = await historyOf(ops, run.id)
    for (const event of history) expect(event).toMatchObject({ version: 1, at: clock.now() })
    expect(JSON.stringify(history)).not.toContain('.test.ts')
  })
})

describe('live events', () => {
  test('deltas come between the decision and the answer that they belong to', async () => {
    const agent = defineAgent({ name: 'talker', model: scriptedModel(['one two three']) })
    const { ops } = await world({ agents: [agent] })
    const events = await collect(await ops.start(agent, 'hi'))
    const types = events.map(({ type }) => type)
    expect(types.slice(types.indexOf('decision') + 1, types.indexOf('effect-end'))).toEqual([
      'text-delta',
      'text-delta',
      'text-delta',
    ])
    expect(events.flatMap((event) => (event.type === 'text-delta' ? [event.delta] : [])).join('')).toBe('one two three')
  })

  test('a slow listener gets the whole history and is told how much it missed', async () => {
    const text = Array.from({ length: 15_000 }, (_, index) => `w${index}`).join(' ')
    const agent = defineAgent({ name: 'talker', model: scriptedModel([{ text }]) })
    const { ops, clock } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'hi')
    const iterator = run[Symbol.asyncIterator]()
    const seen: RunStreamEvent[] = [(await iterator.next()).value as RunStreamEvent]
    await until(clock, 'the run has ended', async () => (await ops.record(run.id)).outcome !== undefined)
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) seen.push(next.value)
    expect(seqs(seen)).toEqual(seqs(await historyOf(ops, run.id)))
    const dropped = seen.reduce((sum, event) => sum + (event.type === 'lag' ? event.dropped : 0), 0)
    const deltas = seen.filter(({ type }) => type === 'text-delta').length
    expect(deltas + dropped).toBe(15_000)
    expect(dropped).toBeGreaterThan(0)
  })

  test('a listener that comes late misses deltas, not history', async () => {
    const open = gate()
    const model = scriptedModel([async () => (await open.promise, 'second part')])
    const agent = defineAgent({ name: 'talker', model })
    const { ops, clock } = await world({ agents: [agent], watch: true })
    const run = await ops.start(agent, 'hi')
    await settle(clock)
    const late = collect(run)
    open.open()
    const events = await late
    expect(seqs(events)).toEqual(seqs(await historyOf(ops, run.id)))
    expect(events.filter(({ type }) => type === 'text-delta')).toHaveLength(2)
  })

  test('a tool tells of its progress and its log lines only while it runs', async () => {
    let held: { progress(value: number): void; log(message: string): void } | undefined
    const tool = noting('step', (_input, context) => {
      held = context
      context.progress({ percent: 50 })
      context.log('half way', { left: 5 })
      return 'done'
    })
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    const { ops, clock, live } = await world({ agents: [agent], watch: true })
    await (
      await ops.start(agent, 'go')
    ).result
    held?.progress(99)
    held?.log('too late')
    await settle(clock)
    expect(live).toEqual([
      { type: 'tool-progress', key: 'step', value: { percent: 50 } },
      { type: 'tool-log', key: 'step', message: 'half way', data: { left: 5 } },
    ])
  })

  test('a log line that is not JSON does not fail the tool', async () => {
    const tool = noting('step', (_input, context) => {
      context.log('odd', 1n as unknown as number)
      context.progress((() => 1) as unknown as number)
      return 'done'
    })
    const agent = defineAgent({ name: 'walker', tools: [tool], planner: stepsPlanner([call('step')]) })
    const { ops } = await world({ agents: [agent], watch: true })
    expect(await (await ops.start(agent, 'go')).result).toEqual({ status: 'completed', output: ['done'] })
  })
})

describe('the bus', () => {
  test('it tells of recorded events of all runs in order, of agents and of live events', async () => {
    const agent = defineAgent({ name: 'talker', model: scriptedModel(['hello there']) })
    const { ops, heard, live } = await world({ agents: [agent], watch: true })
    const states: string[] = []
    ops.on('agent', ({ name, status }) => states.push(`${name} ${status}`))
    const run = await ops.start(agent, 'hi')
    await run.result
    expect(heard.map(({ event }) => event)).toEqual(await historyOf(ops, run.id))
    expect(heard.every(({ runId }) => runId === run.id)).toBe(true)
    expect(live.map(({ type }) => type)).toEqual(['text-delta', 'text-delta'])
    expect(states).toEqual(['talker active', 'talker idle'])
  })

  test('the returned function stops listening', async () => {
    const { ops } = await world({ agents: [stepping()] })
    let count = 0
    const stop = ops.on('event', () => (count += 1))
    stop()
    stop()
    await (
      await ops.start('walker', 'go')
    ).result
    expect(count).toBe(0)
  })

  test.each(['event', 'live', 'agent'] as const)(
    'a listener of %s that throws harms nobody and shows up as a fault',
    async (type) => {
      const agent = defineAgent({ name: 'talker', model: scriptedModel(['hi']) })
      const { ops, faults } = await world({ agents: [agent] })
      let after = 0
      ops.on(type, () => {
        throw new Error('listener broke')
      })
      ops.on(type, () => (after += 1))
      expect(await (await ops.start(agent, 'go')).result).toMatchObject({ status: 'completed' })
      expect(after).toBeGreaterThan(0)
      expect(faults.length).toBeGreaterThan(0)
      expect(faults[0]).toMatchObject({
        failure: { message: 'listener broke' },
        context: { where: expect.stringContaining(type) as string },
      })
    },
  )

  test('a listener whose promise rejects harms nobody and shows up as a fault', async () => {
    const { ops, clock, faults } = await world({ agents: [stepping()] })
    ops.on('event', async () => {
      throw new Error('listener broke later')
    })
    await (
      await ops.start('walker', 'go')
    ).result
    await settle(clock)
    expect(faults[0]).toMatchObject({ failure: { message: 'listener broke later' } })
  })

  test('a fault listener that throws harms nobody', async () => {
    const { ops } = await world({ agents: [stepping()] })
    ops.on('fault', () => {
      throw new Error('worse')
    })
    ops.on('event', () => {
      throw new Error('bad')
    })
    expect(await (await ops.start('walker', 'go')).result).toMatchObject({ status: 'completed' })
  })

  test('an observer that throws harms nobody and shows up as a fault', async () => {
    const extension = defineExtension({
      name: 'watcher',
      setup: (host) =>
        host.observe(() => {
          throw new Error('observer broke')
        }),
    })
    const { ops, faults } = await world({ agents: [stepping()], plugins: [extension] })
    const run = await ops.start('walker', 'go')
    expect(await run.result).toMatchObject({ status: 'completed' })
    expect(faults[0]).toMatchObject({ failure: { message: 'observer broke' }, context: { runId: run.id } })
  })

  test('an observer whose promise rejects harms nobody and shows up as a fault', async () => {
    const extension = defineExtension({
      name: 'watcher',
      setup: (host) =>
        host.observe(() => {
          const broken = Promise.reject(new Error('observer broke later'))
          // Without this the process itself would be told of the rejection, and end.
          broken.catch(() => {})
          return broken as unknown as void
        }),
    })
    const { ops, clock, faults } = await world({ agents: [stepping()], plugins: [extension] })
    await (
      await ops.start('walker', 'go')
    ).result
    await settle(clock)
    expect(faults[0]).toMatchObject({ failure: { message: 'observer broke later' } })
  })
})
