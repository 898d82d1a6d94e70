/** Time limits of tools, of the wait for a place, and of the check before a call. */
import { describe, expect, test } from 'vitest'
import { defineAgent, type StandardSchema, type Tool } from '../../src/index.ts'
import {
  agent,
  callTool,
  ended,
  errorOf,
  expectFailure,
  gate,
  guardFile,
  historyOf,
  type ManualClock,
  manualClock,
  once,
  open,
  play,
  tool,
  turns,
} from './harness.ts'

guardFile()

/** A tool with a limit of a second that counts its calls, and hangs in each before the one that is named. */
function hanging({ until = Infinity, ...more }: { readonly until?: number; readonly [option: string]: unknown }) {
  const counted = { calls: 0 }
  const execute = () => ((counted.calls += 1) < until ? new Promise(() => {}) : `call ${counted.calls}`)
  return Object.assign(counted, tool('slow', execute, { timeoutMs: 1_000, ...more }))
}

describe('a time limit of a tool', () => {
  test('aborts the signal at that time and not before', async () => {
    const clock = manualClock()
    let signal: AbortSignal | undefined
    let deadline: number | undefined
    const slow = tool(
      'slow',
      (_input, context) => {
        signal = context.signal
        deadline = context.deadline
        return new Promise(() => {})
      },
      { timeoutMs: 3_000, retry: { attempts: 1 } },
    )
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'slow')), { tools: [slow] })], clock })
    const begun = clock.now()
    const run = await ops.start('subject', 'go')
    await clock.advance(2_999)
    expect(deadline).toBe(begun + 3_000)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    expect(signal?.aborted).toBe(true)
    expect((await ended(run, clock)).status).toBe('completed')
    const end = (await historyOf(run)).find((event) => event.type === 'effect-end')
    expect(end).toMatchObject({ durationMs: 3_000, outcome: { error: { code: 'TOOL_TIMEOUT' } } })
  })
  test('is two minutes where nothing is said, or what timing.toolMs says', async () => {
    const slow = tool('slow', () => new Promise(() => {}), { retry: { attempts: 1 } })
    const subject = agent('subject', once(callTool('a', 'slow')), { tools: [slow] })
    expectFailure((await play(subject)).effect('a'), 'TOOL_TIMEOUT', '120000')
    expectFailure((await play(subject, { options: { timing: { toolMs: 500 } } })).effect('a'), 'TOOL_TIMEOUT', '500')
  })
  test('holds for each execution anew, and a pure tool is tried again', async () => {
    const slow = hanging({ until: 3 })
    const played = await play(agent('subject', once(callTool('a', 'slow')), { tools: [slow] }))
    expect(played.effect('a')).toEqual({ status: 'completed', value: 'call 3' })
    expect(played.retries('a').map((event) => event.error.code)).toEqual(['TOOL_TIMEOUT', 'TOOL_TIMEOUT'])
  })
  test('of an unsafe tool is not followed by a second call (S5)', async () => {
    const slow = hanging({ effect: 'unsafe' })
    const played = await play(agent('subject', once(callTool('a', 'slow')), { tools: [slow] }))
    expect(slow.calls).toBe(1)
    expect(played.effect('a')).toMatchObject({ status: 'unknown', error: { retryable: false } })
    expectFailure(played.effect('a'), 'EFFECT_UNKNOWN', '"slow"', '1000 ms', /not known/)
  })
  test('of an unsafe tool that allows repetitions is followed by them, and unknown at the end', async () => {
    const slow = hanging({ effect: 'unsafe', retry: { attempts: 2 } })
    const played = await play(agent('subject', once(callTool('a', 'slow')), { tools: [slow] }))
    expect(slow.calls).toBe(2)
    expect(played.retries('a').map((event) => event.error.code)).toEqual(['TOOL_TIMEOUT'])
    expect(played.effect('a').status).toBe('unknown')
  })
  test.each([
    [true, ['execute', 'verify']],
    [false, ['execute', 'verify', 'execute']],
  ])('of an unsafe tool that can tell is asked about before it is repeated: happened %s', async (happened, expected) => {
    const entered: string[] = []
    const slow = tool(
      'slow',
      () => {
        entered.push('execute')
        return entered.length === 1 ? new Promise(() => {}) : 'done'
      },
      {
        timeoutMs: 1_000,
        effect: 'unsafe',
        retry: { attempts: 2 },
        verify() {
          entered.push('verify')
          return happened ? { happened, output: 'done' } : { happened }
        },
      },
    )
    const played = await play(agent('subject', once(callTool('a', 'slow')), { tools: [slow] }))
    expect(entered).toEqual(expected)
    expect(played.effect('a')).toEqual({ status: 'completed', value: 'done' })
  })
  test('leaves no timer behind when the tool is quick', async () => {
    const clock = manualClock()
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'quick')), { tools: [tool('quick', () => 1)] })],
      clock,
    })
    await turns()
    const before = clock.pending
    const run = await ops.start('subject', 'go')
    await ended(run, clock)
    expect(clock.pending).toBeLessThanOrEqual(before)
  })
  test('longer than timers can count does not fall at once', async () => {
    const quick = tool(
      'quick',
      async () => {
        await turns(2)
        return 'in time'
      },
      { timeoutMs: 2 ** 40 },
    )
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'quick')), { tools: [quick] })] })
    expect((await (await ops.start('subject', 'go')).result).status).toBe('completed')
  })
  test('a tool that heeds its signal may say more, and the code stays', async () => {
    const heeds = tool(
      'heeds',
      (_input, context) =>
        new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(new Error('cleaned up')))),
      { timeoutMs: 100, retry: { attempts: 1 } },
    )
    expectFailure((await play(agent('subject', once(callTool('a', 'heeds')), { tools: [heeds] }))).effect('a'), 'TOOL_TIMEOUT')
  })
})

test('the deadline that a tool is told is the time of its abort, also when it waited for a place', async () => {
  const clock = manualClock()
  const told: { readonly deadline: number | undefined; abortedAt?: number }[] = []
  const slow = tool(
    'slow',
    (_input, { deadline, signal }) => {
      const note: { readonly deadline: number | undefined; abortedAt?: number } = { deadline }
      told.push(note)
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => (note.abortedAt = clock.now()))
        clock.setTimer(1_000, () => resolve('late'))
      })
    },
    { timeoutMs: 1_500, concurrency: 1, retry: { attempts: 1 } },
  )
  const planner = once(callTool('a', 'slow'), callTool('b', 'slow'))
  const ops = await open({ agents: [agent('subject', planner, { tools: [slow] })], clock })
  const begun = clock.now()
  const run = await ops.start('subject', 'go')
  for (let step = 0; step < 4; step += 1) await clock.advance(1_000)
  expect(await ended(run, clock)).toMatchObject({ status: 'completed' })
  expect(told).toMatchObject([{ deadline: begun + 1_500 }, { deadline: begun + 1_500 }])
  expect(told[1]?.abortedAt).toBeGreaterThanOrEqual(begun + 1_500)
})

describe('a call that waits for a place when its time is up', () => {
  const busy = (entered: unknown[], more: object): Tool =>
    tool(
      'busy',
      (_input, { key }) => {
        entered.push(key)
        return new Promise(() => {})
      },
      { timeoutMs: 1_000, concurrency: 1, ...more },
    )
  const both = once(callTool('a', 'busy'), callTool('b', 'busy'))

  test.each(['pure', 'unsafe'])('was not begun, and the message says so: %s', async (effect) => {
    const entered: unknown[] = []
    const played = await play(agent('subject', both, { tools: [busy(entered, { effect, retry: { attempts: 1 } })] }))
    expect(entered).toEqual(['a'])
    expect(played.effect('b')).toMatchObject({ status: 'failed', error: { retryable: true } })
    expectFailure(played.effect('b'), 'TOOL_TIMEOUT', '"busy" was not begun within 1000 ms', 'concurrency of 1')
    expect(errorOf(played.effect('b')).message).not.toMatch('not known')
  })
  test('is tried again, be the tool unsafe: nothing happened', async () => {
    const entered: unknown[] = []
    const held = gate()
    const slow = tool(
      'slow',
      (_input, { key }) => {
        entered.push(key)
        return key === 'a' ? held.promise : 'done'
      },
      { timeoutMs: 1_000, concurrency: 1, effect: 'unsafe' },
    )
    const planner = once(callTool('a', 'slow'), callTool('b', 'slow'))
    const meanwhile = async (_run: unknown, clock: ManualClock): Promise<void> => {
      await clock.advance(1_000)
      held.open()
      await turns()
    }
    const played = await play(agent('subject', planner, { tools: [slow] }), { meanwhile })
    expect(entered).toEqual(['a', 'b'])
    expect(played.effect('a').status).toBe('unknown')
    expect(played.effect('b')).toEqual({ status: 'completed', value: 'done' })
  })
  test('or when its run is cancelled is cancelled, not unknown', async () => {
    const entered: unknown[] = []
    const played = await play(agent('subject', both, { tools: [busy(entered, { effect: 'unsafe' })] }), {
      meanwhile: (run) => turns().then(() => run.cancel('enough')),
    })
    expect(entered).toEqual(['a'])
    expect(played.effect('a').status).toBe('unknown')
    expect(played.effect('b').status).toBe('cancelled')
  })
  test('or whose arguments are still being checked, was not begun either', async () => {
    const jsonSchema = { input: () => ({}), output: () => ({}) }
    const input: StandardSchema = {
      '~standard': { version: 1, vendor: 'mine', validate: () => new Promise(() => {}), jsonSchema },
    }
    const stuck = tool('stuck', () => 1, { input, timeoutMs: 1_000, retry: { attempts: 1 } })
    const played = await play(agent('subject', once(callTool('a', 'stuck')), { tools: [stuck] }))
    expectFailure(played.effect('a'), 'TOOL_TIMEOUT', 'was not begun within 1000 ms', 'check of its arguments')
  })
})

describe('a schema that is asked before a call is let in, and never answers', () => {
  const jsonSchema = { input: () => ({}), output: () => ({}) }
  const input: StandardSchema = {
    '~standard': { version: 1, vendor: 'mine', validate: () => new Promise(() => {}), jsonSchema },
  }
  const stuck = (more: object): Tool => tool('stuck', () => 1, { input, timeoutMs: 1_000, ...more })

  test.each([
    ['an unsafe tool', { effect: 'unsafe' }],
    ['a tool that needs an approval', { approval: true }],
  ])('holds the run up no longer than the limit of %s', async (_name, more) => {
    const played = await play(agent('subject', once(callTool('a', 'stuck')), { tools: [stuck(more)] }), {
      meanwhile: (_run, clock) => clock.advance(1_000),
    })
    expectFailure(played.effect('a'), 'TOOL_TIMEOUT', '"stuck" was not begun within 1000 ms', 'check of its arguments')
    expect(played.history.filter(({ type }) => type === 'approval-request' || type === 'effect-start')).toEqual([])
    expect((played.history.at(-1)?.at ?? 0) - (played.history[0]?.at ?? 0)).toBeLessThanOrEqual(1_000)
  })
  test.each([
    ['of the effect', { timeoutMs: 1_000 }, '1000 ms'],
    ['of the engine', {}, '120000 ms'],
  ])('holds the run up no longer than the limit %s where another agent is called', async (_name, more, limit) => {
    const child = defineAgent({ name: 'child', planner: once(callTool('a', 'stuck')), input: input as never })
    const subject = agent('subject', once({ kind: 'run', key: 'c', agent: 'child', input: { n: 1 }, ...more }), {
      agents: ['child'],
    })
    const policy = { rules: [{ verdict: 'deny', tool: 'child', arguments: { '/n': { equals: 2 } } }] } as const
    const played = await play(subject, { agents: [child as never], options: { policy } })
    expectFailure(played.effect('c'), 'INPUT_INVALID', 'the input of agent "child"', limit)
  })
  test('is not waited for when the run is cancelled', async () => {
    const played = await play(agent('subject', once(callTool('a', 'stuck')), { tools: [stuck({ effect: 'unsafe' })] }), {
      meanwhile: (run) => turns().then(() => run.cancel('enough')),
    })
    expect(played.outcome).toMatchObject({ status: 'cancelled' })
    expect(played.effect('a').status).toBe('cancelled')
    expect((played.history.at(-1)?.at ?? 0) - (played.history[0]?.at ?? 0)).toBeLessThan(1_000)
  })
})
