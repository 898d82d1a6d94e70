import { describe, expect, test } from 'vitest'
import { defineExtension, type Effect, type Memory, type MemoryHandle, type StandardSchema } from '../../src/index.ts'
import {
  agent,
  callModel,
  callTool,
  ended,
  errorOf,
  expectFailure,
  gate,
  guardFile,
  historyOf,
  manualClock,
  modelOf,
  once,
  open,
  plan,
  play,
  reply,
  scriptedModel,
  tool,
  turns,
} from './harness.ts'

guardFile()

describe('a time limit of a model', () => {
  test('aborts its signal, counts as unavailable and is tried again', async () => {
    const signals: AbortSignal[] = []
    const model = modelOf((options, call) => {
      signals.push(options.abortSignal as AbortSignal)
      return call === 1 ? new Promise(() => {}) : reply('second')
    })
    const played = await play(agent('subject', once(callModel('m')), { model, modelTimeoutMs: 1_000 }))
    expect(played.effect('m').status).toBe('completed')
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false])
    expect(played.retries('m')[0]?.error).toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: expect.stringMatching(/test\/m.*1000 ms/) as string,
    })
  })
  test('holds for a stream that hangs in the middle', async () => {
    const clock = manualClock()
    const model = scriptedModel([{ fault: 'hang', text: 'half' }, 'whole'], { clock })
    const played = await play(agent('subject', once(callModel('m')), { model, modelTimeoutMs: 1_000 }), { watch: true, clock })
    expect(JSON.stringify(played.effect('m'))).toMatch('whole')
  })
  test('holds for a stream that never begins', async () => {
    const clock = manualClock()
    const model = scriptedModel([{ fault: 'hang' }, 'whole'], { clock })
    const played = await play(agent('subject', once(callModel('m')), { model, modelTimeoutMs: 1_000 }), { watch: true, clock })
    expect(JSON.stringify(played.effect('m'))).toMatch('whole')
  })
  test('is five minutes where nothing is said, or what timing.modelMs says', async () => {
    const model = modelOf(() => new Promise(() => {}))
    const subject = agent('subject', once(callModel('m')), { model, retry: { attempts: 1 } })
    expectFailure((await play(subject)).effect('m'), 'MODEL_UNAVAILABLE', '300000')
    expectFailure((await play(subject, { options: { timing: { modelMs: 700 } } })).effect('m'), 'MODEL_UNAVAILABLE', '700')
  })
})

describe('a time limit of a memory', () => {
  const never = (): Promise<never> => new Promise(() => {})
  const stuck = (answers: Partial<MemoryHandle>): Memory =>
    ({
      spec: 'memory/1',
      name: 'diary',
      capabilities: {},
      bind: () => answers,
      maintain: never,
      stats: never,
      export: never,
      import: never,
    }) as unknown as Memory
  const recall: Effect = { kind: 'recall', key: 'a', query: 'q' }
  const remember: Effect = { kind: 'remember', key: 'a', entries: [{ kind: 'fact', text: 'x' }] }

  test.each([recall, remember])('is timing.toolMs, and the call is tried again: $kind', async (effect) => {
    const memory = stuck({ recall: never, append: never })
    const played = await play(agent('subject', once(effect), { memory }), { options: { timing: { toolMs: 500 } } })
    expectFailure(played.effect('a'), 'MEMORY_FAILED', '"diary"', effect.kind, '500 ms')
    expect(errorOf(played.effect('a')).retryable).toBe(true)
    expect(played.retries('a')).toHaveLength(3)
  })
  test('aborts the signal that the memory was given', async () => {
    const signals: (AbortSignal | undefined)[] = []
    const memory = stuck({
      recall(_query, options) {
        signals.push(options?.signal)
        return signals.length === 1 ? never() : Promise.resolve({ items: [], degraded: [], omitted: 0, tokens: 0 })
      },
    })
    const played = await play(agent('subject', once(recall), { memory }))
    expect(played.effect('a').status).toBe('completed')
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, false])
  })
  test('holds for middleware around it too, with the same code', async () => {
    const layer = defineExtension({ name: 'layer', setup: (host) => host.addMiddleware(never) })
    const memory = stuck({ recall: never })
    const played = await play(agent('subject', once(recall), { memory }), { options: { plugins: [layer] } })
    expectFailure(played.effect('a'), 'MEMORY_FAILED', '120000 ms')
  })
})

describe('a time limit of a decision', () => {
  test('ends the run with PLANNER_FAILED, naming the planner and the limit', async () => {
    const stuck = agent(
      'subject',
      plan(() => new Promise(() => {})),
    )
    expectFailure((await play(stuck)).outcome, 'PLANNER_FAILED', '"test-planner"', '60000 ms', 'timing.decideMs')
    const played = await play(stuck, { options: { timing: { decideMs: 700 } } })
    expectFailure(played.outcome, 'PLANNER_FAILED', '700 ms')
    expect(played.history.map((event) => event.type)).toEqual(['run-start', 'run-claim', 'run-end'])
  })
  test('holds for each decision, and what comes later is not heard', async () => {
    const late = gate<unknown>()
    const subject = agent(
      'subject',
      plan((run) => (run.decisions === 0 ? { type: 'act', effects: [callTool('a', 'quick')] } : late.promise)),
      { tools: [tool('quick', () => 1)] },
    )
    const played = await play(subject)
    expectFailure(played.outcome, 'PLANNER_FAILED', '60000 ms')
    late.open({ type: 'finish', output: 'too late' })
    await turns()
    expect((await played.ops.record(played.run.id)).outcome?.status).toBe('failed')
  })
  test('of a planner that rejects after its time leaves no unhandled rejection', async () => {
    let reject: (error: Error) => void = () => {}
    const played = await play(
      agent(
        'subject',
        plan(() => new Promise((_, no) => (reject = no))),
      ),
    )
    reject(new Error('too late'))
    await turns()
    expectFailure(played.outcome, 'PLANNER_FAILED', 'did not decide')
  })
  test('leaves no timer behind when it is made in time', async () => {
    const clock = manualClock()
    const ops = await open({
      agents: [
        agent(
          'subject',
          plan(async () => ({ type: 'finish', output: 1 })),
        ),
      ],
      clock,
    })
    await turns()
    const before = clock.pending
    await ended(await ops.start('subject', 'go'), clock)
    expect(clock.pending).toBeLessThanOrEqual(before)
  })
  test('holds for the check of an output, which then counts as not fitting', async () => {
    const jsonSchema = { input: () => ({}), output: () => ({}) }
    const output: StandardSchema = {
      '~standard': { version: 1, vendor: 'mine', validate: () => new Promise(() => {}), jsonSchema },
    }
    const played = await play(agent('subject', once(callTool('a', 'quick')), { tools: [tool('quick', () => 1)], output }))
    expectFailure(played.outcome, 'OUTPUT_INVALID', '60000 ms')
  })
})

describe('late results are ignored (S2)', () => {
  test('of a tool', async () => {
    const late = gate<string>()
    const slow = tool('slow', () => late.promise, { timeoutMs: 100, retry: { attempts: 1 } })
    const clock = manualClock()
    const ops = await open({
      agents: [
        agent('subject', once(callTool('a', 'slow'), callTool('b', 'waits')), {
          tools: [slow, tool('waits', () => held.promise)],
        }),
      ],
      clock,
    })
    const held = gate<string>()
    const run = await ops.start('subject', 'go')
    await clock.advance(500)
    late.open('too late')
    await turns()
    held.open('b')
    await ended(run, clock)
    const ends = (await historyOf(run)).filter((event) => event.type === 'effect-end' && event.key === 'a')
    expect(ends).toHaveLength(1)
    expect(ends[0]).toMatchObject({ outcome: { status: 'failed', error: { code: 'TOOL_TIMEOUT' } } })
  })
  test('of a tool that rejects after its time, with no unhandled rejection', async () => {
    let reject: (error: Error) => void = () => {}
    const slow = tool('slow', () => new Promise((_, no) => (reject = no)), { timeoutMs: 100, retry: { attempts: 1 } })
    const played = await play(agent('subject', once(callTool('a', 'slow')), { tools: [slow] }))
    reject(new Error('too late'))
    await turns()
    expectFailure(played.effect('a'), 'TOOL_TIMEOUT')
  })
  test('of a first attempt do not settle the second', async () => {
    const first = gate<string>()
    const second = gate<string>()
    let calls = 0
    const slow = tool(
      'slow',
      () => {
        calls += 1
        return calls === 1 ? first.promise : second.promise
      },
      { timeoutMs: 1_000 },
    )
    const clock = manualClock()
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'slow')), { tools: [slow] })], clock, random: () => 0 })
    const run = await ops.start('subject', 'go')
    await clock.advance(1_100)
    expect(calls).toBe(2)
    first.open('first')
    await turns()
    expect((await ops.record(run.id)).outcome).toBeUndefined()
    second.open('second')
    await ended(run, clock)
    expect((await historyOf(run)).find((event) => event.type === 'effect-end')).toMatchObject({ outcome: { value: 'second' } })
  })
  test('of a model', async () => {
    const late = gate<object>()
    const model = modelOf((_options, call) => (call === 1 ? late.promise : reply('second')))
    const played = await play(agent('subject', once(callModel('m')), { model, modelTimeoutMs: 100 }))
    late.open(reply('first'))
    await turns()
    expect(JSON.stringify(played.effect('m'))).toMatch('second')
  })
})

describe('the time of a run', () => {
  test('ends it with RUN_TIMEOUT and stops everything', async () => {
    let aborted = 0
    const stuck = tool('stuck', (_input, context) => {
      context.signal.addEventListener('abort', () => (aborted += 1))
      return new Promise(() => {})
    })
    const played = await play(
      agent('subject', once(callTool('a', 'stuck'), callTool('b', 'stuck')), { tools: [stuck], limits: { durationMs: 5_000 } }),
    )
    expectFailure(played.outcome, 'RUN_TIMEOUT', '5000')
    expect(aborted).toBe(2)
    expect(played.history.find((event) => event.type === 'cancel-request')).toMatchObject({ timeout: true })
  })
  test('reaches child runs (S11)', async () => {
    const child = agent('child', once(callTool('c', 'stuck')), { tools: [tool('stuck', () => new Promise(() => {}))] })
    const played = await play(
      agent('subject', once({ kind: 'run', key: 'a', agent: 'child', input: 1 }), {
        agents: [child],
        limits: { durationMs: 5_000 },
      }),
      { agents: [child] },
    )
    expectFailure(played.outcome, 'RUN_TIMEOUT')
    const [record] = (await played.ops.list({ parentId: played.run.id })).runs
    expect(['cancelled', 'failed']).toContain(record?.status)
  })
  test('counts from acceptance, the wait in the queue included', async () => {
    const clock = manualClock()
    const busy = agent('busy', once(callTool('a', 'stuck')), {
      tools: [tool('stuck', () => new Promise(() => {}), { timeoutMs: 20_000 })],
      concurrency: 1,
      limits: { durationMs: 8_000 },
    })
    const ops = await open({ agents: [busy], clock })
    const first = await ops.start('busy', 1)
    const second = await ops.start('busy', 2)
    expectFailure(await ended(first, clock, 9_000), 'RUN_TIMEOUT')
    expectFailure(await ended(second, clock, 3_000), 'RUN_TIMEOUT')
  })
  test('of a start cuts that of the agent', async () => {
    const stuck = tool('stuck', () => new Promise(() => {}))
    const subject = agent('subject', once(callTool('a', 'stuck')), { tools: [stuck], limits: { durationMs: 50_000 } })
    expectFailure((await play(subject, { start: { limits: { durationMs: 2_000 } } })).outcome, 'RUN_TIMEOUT', '2000')
    expectFailure((await play(subject, { start: { limits: { durationMs: 90_000 } } })).outcome, 'RUN_TIMEOUT', '50000')
  })
})
