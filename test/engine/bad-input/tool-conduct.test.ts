import { describe, expect, test } from 'vitest'
import {
  agent,
  callTool,
  ended,
  expectFailure,
  gate,
  guardFile,
  historyOf,
  manualClock,
  once,
  open,
  pause,
  play,
  tool,
  turns,
} from '../harness.ts'
import { call } from './tool-call.ts'

guardFile()

describe('tools that never settle', () => {
  test('time out on the injected clock; the signal fires with the reason', async () => {
    let signal: AbortSignal | undefined
    const stuck = tool(
      'stuck',
      (_input, context) => {
        signal = context.signal
        return new Promise(() => {})
      },
      { timeoutMs: 1000, retry: { attempts: 1 } },
    )
    const played = await call(stuck)
    expectFailure(played.effect('a'), 'TOOL_TIMEOUT', /"stuck".*1000 ms/)
    expect(signal?.aborted).toBe(true)
    expect(signal?.reason).toMatchObject({ code: 'TOOL_TIMEOUT' })
  })
  test('do not keep other calls of the same decision from settling', async () => {
    const stuck = tool('stuck', () => new Promise(() => {}), { timeoutMs: 1000, effect: 'unsafe' })
    const played = await play(
      agent('subject', once(callTool('a', 'stuck'), callTool('b', 'fine')), { tools: [stuck, tool('fine', () => 2)] }),
    )
    expect(played.effect('b')).toEqual({ status: 'completed', value: 2 })
    expectFailure(played.effect('a'), 'EFFECT_UNKNOWN', /do not repeat/)
  })
  test('can be cancelled (S11)', async () => {
    const stuck = tool('stuck', () => new Promise(() => {}))
    const played = await call(stuck, {}, { meanwhile: (run) => turns().then(() => run.cancel('enough')) })
    expect(played.outcome).toMatchObject({ status: 'cancelled', error: { code: 'RUN_CANCELLED' } })
    expect(played.effect('a').status).toBe('cancelled')
  })
  test('are unknown when they were unsafe and were cancelled under way (S5)', async () => {
    const stuck = tool('stuck', () => new Promise(() => {}), { effect: 'unsafe' })
    const played = await call(stuck, {}, { meanwhile: (run) => turns().then(() => run.cancel('enough')) })
    expect(played.outcome.status).toBe('cancelled')
    expect(played.effect('a')).toMatchObject({ status: 'unknown', error: { code: 'EFFECT_UNKNOWN' } })
  })
  test('do not take the last place of a limited tool away for ever: another run is not harmed', async () => {
    let calls = 0
    const stuck = tool(
      'stuck',
      () => {
        calls += 1
        return calls === 1 ? new Promise(() => {}) : 'fine'
      },
      { timeoutMs: 1000, concurrency: 1, retry: { attempts: 1 } },
    )
    const clock = manualClock()
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'stuck')), { tools: [stuck] })], clock })
    const first = await ops.start('subject', 'one')
    const second = await ops.start('subject', 'two')
    expect((await ended(first, clock)).status).toBe('completed')
    expect((await ended(second, clock)).status).toBe('completed')
    await historyOf(second)
  })
})

describe('tools and those who watch', () => {
  test.each([
    ['progress with a bigint', 'progress', 10n],
    [
      'progress with a cycle',
      'progress',
      (() => {
        const c: Record<string, unknown> = {}
        c['c'] = c
        return c
      })(),
    ],
    ['a log with a map', 'log', new Map()],
  ] as const)('%s has the same outcome whether somebody watches or not', async (_name, member, value) => {
    const subject = tool('talker', (_input, context) => {
      if (member === 'progress') context.progress(value as never)
      else context.log('hello', value as never)
      return 'done'
    })
    const alone = await call(subject)
    const watched = await call(subject, {}, { watch: true })
    expect(watched.effect('a')).toEqual(alone.effect('a'))
  })
  test('progress after the end is not told', async () => {
    const late = gate<void>()
    let tell = (): void => {}
    const subject = tool('talker', (_input, context) => {
      tell = () => context.progress('late')
      return 1
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'talker')), { tools: [subject] })] })
    const live: unknown[] = []
    ops.on('live', (_run, event) => void live.push(event))
    await (
      await ops.start('subject', 'go')
    ).result
    tell()
    late.open()
    expect(live).toEqual([])
  })
})

describe('tools that reach back into the orchestrator', () => {
  test('a tool may cancel its own run', async () => {
    const clock = manualClock()
    const suicidal = tool('stop', async (_input, context) => {
      await (await ops.run(context.runId)).cancel('by myself')
      return 1
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'stop')), { tools: [suicidal] })], clock })
    const run = await ops.start('subject', 'go')
    expect((await ended(run, clock)).status).toBe('cancelled')
    await historyOf(run)
  })
  test('a tool may start a run and await it, even in the last place', async () => {
    const clock = manualClock()
    const nested = tool('nest', async () => ((await (await ops.start('healthy', 1)).result) as { output: string }).output)
    const ops = await open({
      agents: [agent('subject', once(callTool('a', 'nest')), { tools: [nested] })],
      clock,
      concurrency: 2,
    })
    const run = await ops.start('subject', 'go')
    expect((await ended(run, clock)).status).toBe('completed')
  })
  test('a tool may drain the orchestrator it runs in', async () => {
    const drains = tool('drain', async () => {
      await ops.drain(5)
      return 1
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'drain')), { tools: [drains] })] })
    const run = await ops.start('subject', 'go')
    await turns()
    const report = await Promise.race([ops.drain(5), pause(45).then(() => 'hangs')])
    expect(report).toEqual({ handedBack: [run.id] })
  })
  test('a listener may start, cancel and list runs', async () => {
    const ops = await open({ agents: [] })
    let started = 0
    ops.on('event', (_runId, event) => {
      if (event.type !== 'run-end' || started > 5) return
      started += 1
      void ops.start('healthy', started).then((run) => run.cancel('from a listener'))
    })
    const run = await ops.start('healthy', 0)
    expect((await run.result).status).toBe('completed')
    await turns(60)
    expect((await ops.list()).runs.every((record) => record.outcome !== undefined)).toBe(true)
  })
})
