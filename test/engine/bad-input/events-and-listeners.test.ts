import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { agent, callTool, guardFile, historyOf, once, open, pause, tool, turns, expectCode } from '../harness.ts'
import { opened, echo, waiting } from './subjects.ts'

guardFile()

describe('events', () => {
  test.each([Number.NaN, -5, 'x', 1.5, Infinity] as never[])(
    'behind the position %s are refused, or are the whole history',
    async (position) => {
      const ops = await opened()
      const run = await ops.start('echo', 'x')
      await run.result
      const seen: unknown[] = []
      const read = async (): Promise<void> => {
        for await (const event of run.events(position)) seen.push(event)
      }
      let done = false
      const reading = read().then(
        () => (done = true),
        () => (done = true),
      )
      await Promise.race([reading, pause(40)])
      expect(done, 'the stream ended').toBe(true)
    },
  )
  test('behind a position are those and no others', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    const whole = await historyOf(run)
    const seen: unknown[] = []
    for await (const event of run.events(2)) seen.push(event)
    expect(seen).toEqual(whole.slice(2))
  })
  test('behind the last one of an ended run are none, and the stream ends', async () => {
    const ops = await opened()
    const run = await ops.start('echo', 'x')
    await run.result
    const { seq } = await ops.record(run.id)
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const event of run.events(seq)) seen.push(event)
      return true
    })()
    expect(await Promise.race([reading, pause(40).then(() => false)])).toBe(true)
    expect(seen).toEqual([])
  })
  test('a reader that stops early harms nobody, and others read on', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    for await (const event of run) if (event.type === 'run-claim') break
    await run.signal('go')
    await run.result
    expect((await historyOf(run)).length).toBeGreaterThan(4)
  })
  test('a reader that is slow gets the whole history, and is told how much it missed', async () => {
    const chatty = tool('chatty', (_input, context) => {
      for (let n = 0; n < 12_000; n += 1) context.progress(n)
      return 'said'
    })
    const ops = await open({ agents: [agent('subject', once(callTool('a', 'chatty')), { tools: [chatty] })] })
    const run = await ops.start('subject', 'go')
    const seqs: number[] = []
    let live = 0
    let dropped = 0
    for await (const event of run) {
      if ('seq' in event) {
        seqs.push(event.seq)
        if (event.type === 'decision' || event.seq === 1) await turns(10)
      } else if (event.type === 'lag') dropped += event.dropped
      else live += 1
    }
    expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    expect(live + dropped).toBe(12_000)
    expect(dropped).toBeGreaterThan(0)
  })
  test('two readers of one run read the same history', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    const both = Promise.all([historyOf(run), historyOf(await ops.run(run.id))])
    await turns()
    await run.signal('go')
    const [one, two] = await both
    expect(one).toEqual(two)
  })
  test('no listener stays on the signal of a reader that is done', async () => {
    const ops = await opened()
    const { signal } = new AbortController()
    const run = await ops.start('echo', 'x')
    for await (const _ of run.events(0, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
  test('reading stops with the reason of its signal', async () => {
    const ops = await opened()
    const run = await waiting(ops, 'waits')
    const controller = new AbortController()
    const reading = (async () => {
      for await (const _ of run.events(0, { signal: controller.signal }));
    })()
    const reason = new Error('seen enough')
    setImmediate(() => controller.abort(reason))
    await expect(reading).rejects.toBe(reason)
    await run.cancel()
    await run.result
  })
})

describe('listeners', () => {
  test('one that throws harms nobody and is reported', async () => {
    const ops = await opened()
    const faults: string[] = []
    ops.on('fault', (_failure, { where }) => void faults.push(where))
    ops.on('fault', () => {
      throw new Error('even here')
    })
    ops.on('event', () => {
      throw new Error('listener')
    })
    const run = await ops.start('echo', 'x')
    expect(await run.result).toEqual({ status: 'completed', output: 'x' })
    expect(faults).toContain('listener of event')
  })
  test('one that rejects harms nobody', async () => {
    const ops = await opened()
    ops.on('event', async () => {
      throw new Error('later')
    })
    expect((await (await ops.start('echo', 'x')).result).status).toBe('completed')
  })
  test('an observer of an extension that throws harms nobody', async () => {
    const { defineExtension } = await import('../../../src/index.ts')
    const observer = defineExtension({
      name: 'o',
      setup: (host) =>
        host.observe(() => {
          throw new Error('observer')
        }),
    })
    const ops = await open({ agents: [echo], plugins: [observer] })
    expect((await (await ops.start('echo', 'x')).result).status).toBe('completed')
  })
  test('an observer of an extension that rejects harms nobody', async () => {
    const { defineExtension } = await import('../../../src/index.ts')
    const observer = defineExtension({
      name: 'o',
      setup: (host) =>
        host.observe((async () => {
          throw new Error('observer, later')
        }) as never),
    })
    const ops = await open({ agents: [echo], plugins: [observer] })
    expect((await (await ops.start('echo', 'x')).result).status).toBe('completed')
    await turns()
  })
  test.each(['evnt', '__proto__', ''] as never[])('of an event %j that does not exist are refused', async (type) => {
    const ops = await opened()
    await expectCode(() => ops.on(type, (() => {}) as never), 'OPTIONS_INVALID', 'event, live, agent, fault')
  })
  test('that are no functions are refused', async () => {
    const ops = await opened()
    await expectCode(() => ops.on('event', 'log' as never), 'OPTIONS_INVALID', 'a function')
  })
})
