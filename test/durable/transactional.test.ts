/** Tools whose effect is committed together with their result (S3), in the engine over a SQLite file. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, defineExtension, type Json, OpspawnError } from '../../src/index.ts'
import { manualClock, type ManualClock } from '../../src/testing/index.ts'
import { call, gate, noting, planner } from '../engine/support/parts.ts'
import { closeAll, historyOf, outcomeOf, until, world } from '../engine/support/world.ts'
import { wrapStore } from '../engine/support/wrappers.ts'
import { notesIn, open, withNotes } from './stores.ts'
import { agentOf, place, write, writing } from './transactional-tools.ts'

afterEach(closeAll)

describe('a transactional tool', () => {
  test('writes through its transaction, and its result is recorded with it', async () => {
    const { ops, clock, store } = await place(agentOf([write], [call('write', { text: 'a' })]))
    const run = await ops.start('clerk', 'go')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output: [1] })
    expect(notesIn(store.path)).toEqual(['a'])
  })

  test('calls of one run come one after the other, and see what the one before did', async () => {
    const count = writing('count', async (tx, { n }) => {
      const row = await tx.get<{ n: number }>('SELECT count(*) AS n FROM notes')
      await Promise.resolve()
      await tx.run('INSERT INTO notes VALUES (?)', `${String(n)} after ${row?.n}`)
      return row?.n
    })
    const calls = Array.from({ length: 8 }, (_, n) => call('count', { n }, `count-${n}`))
    const { ops, clock, store } = await place(agentOf([count], calls))
    expect(await outcomeOf(clock, await ops.start('clerk', 'go'))).toEqual({
      status: 'completed',
      output: [0, 1, 2, 3, 4, 5, 6, 7],
    })
    expect(notesIn(store.path)).toEqual(Array.from({ length: 8 }, (_, n) => `${n} after ${n}`))
  })

  test('what it throws takes back what it did; a failure that may pass is tried again', async () => {
    const failing = writing('failing', async (tx, { text }, { attempt }) => {
      await tx.run('INSERT INTO notes VALUES (?)', String(text))
      if (attempt < 3) throw new OpspawnError('TOOL_FAILED', 'not yet', { retryable: true })
      return attempt
    })
    const broken = writing('broken', async (tx) => {
      await tx.run('INSERT INTO notes VALUES (?)', 'broken')
      throw new Error('broken')
    })
    const { ops, clock, store } = await place(agentOf([failing, broken], [call('failing', { text: 'a' }), call('broken')]))
    expect(await outcomeOf(clock, await ops.start('clerk', 'go'))).toEqual({
      status: 'completed',
      output: [3, 'failed: TOOL_FAILED'],
    })
    expect(notesIn(store.path)).toEqual(['a'])
  })

  test('a result that does not fit takes back what it did', async () => {
    const wrong = writing('wrong', async (tx) => tx.run('INSERT INTO notes VALUES (?)', 'wrong').then(() => 'text'), {
      output: { type: 'integer' } as never,
    })
    const { ops, clock, store } = await place(agentOf([wrong], [call('wrong')]))
    expect(await outcomeOf(clock, await ops.start('clerk', 'go'))).toEqual({
      status: 'completed',
      output: ['failed: TOOL_OUTPUT_INVALID'],
    })
    expect(notesIn(store.path)).toEqual([])
  })

  test.each([
    ['after it failed', async (next: () => Promise<Json>) => next().catch(() => 'instead')],
    [
      'without waiting for it',
      async (next: () => Promise<Json>) => {
        next().catch(() => {})
        return 'instead'
      },
    ],
  ])('middleware that gives a value in its place %s takes back what it did', async (_when, layer) => {
    const broken = writing('broken', async (tx) => {
      await tx.run('INSERT INTO notes VALUES (?)', 'broken')
      throw new Error('broken')
    })
    const clock: ManualClock = manualClock()
    const store = await withNotes(open({ clock }))
    const plugins = [
      defineExtension({ name: 'e', setup: (host) => host.addMiddleware((_effect, _context, next) => layer(next)) }),
    ]
    const { ops } = await world({ agents: [agentOf([broken], [call('broken')])], store, clock, plugins })
    expect(await outcomeOf(clock, await ops.start('clerk', 'go'))).toEqual({ status: 'completed', output: ['instead'] })
    expect(notesIn(store.path)).toEqual([])
  })

  test('its time-out takes back what it did, and it is tried again', async () => {
    const slow = writing(
      'slow',
      async (tx, _input, { attempt }) => {
        await tx.run('INSERT INTO notes VALUES (?)', `try ${attempt}`)
        return attempt === 1 ? new Promise(() => {}) : attempt
      },
      { timeoutMs: 1000 },
    )
    const { ops, clock, store } = await place(agentOf([slow], [call('slow')]))
    expect(await outcomeOf(clock, await ops.start('clerk', 'go'))).toEqual({ status: 'completed', output: [2] })
    expect(notesIn(store.path)).toEqual(['try 2'])
  })

  test('a cancellation in the middle takes back what it did', async () => {
    let begun = false
    const endless = writing('endless', async (tx) => {
      await tx.run('INSERT INTO notes VALUES (?)', 'endless')
      begun = true
      return new Promise(() => {})
    })
    const { ops, clock, store } = await place(agentOf([endless], [call('endless')]))
    const run = await ops.start('clerk', 'go')
    await until(clock, 'the body has begun', () => begun)
    await run.cancel('enough')
    expect((await outcomeOf(clock, run)).status).toBe('cancelled')
    expect(notesIn(store.path)).toEqual([])
  })

  test('what else settles meanwhile is recorded afterwards, and nothing of it is lost', async () => {
    const [inside, done] = [gate(), gate()]
    const holding = writing('holding', async (tx) => {
      await tx.run('INSERT INTO notes VALUES (?)', 'held')
      inside.open()
      await done.promise
      return 'held'
    })
    const quick = noting('quick', async () => {
      await inside.promise
      return 'quick'
    })
    const reactive = defineAgent({
      name: 'clerk',
      tools: [holding, quick],
      planner: planner(
        (run) => {
          if (run.decisions === 0) return { type: 'act', effects: [call('holding'), call('quick')] }
          if (run.decisions === 1 && run.settled.length > 0) return { type: 'act', effects: [call('quick', {}, 'again')] }
          return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: run.settled.map(({ effect }) => effect.key) }
        },
        { reactive: true },
      ),
    }) as Agent
    const { ops, clock, store } = await place(reactive)
    const run = await ops.start('clerk', 'go')
    await until(clock, 'the other tool is done', () => quick.calls.length === 1)
    for (let round = 0; round < 20; round += 1) await clock.advance(0)
    done.open()
    const outcome = await outcomeOf(clock, run)
    expect(outcome).toMatchObject({ status: 'completed' })
    expect((outcome as unknown as { output: string[] }).output.toSorted()).toEqual(['again', 'holding', 'quick'])
    expect(notesIn(store.path)).toEqual(['held'])
    const events = await historyOf(ops, run.id)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  })

  test('a lost lease commits nothing: whoever goes on makes the call, once', async () => {
    let lose: (() => void) | undefined
    let begun = false
    const first = writing('write', async (tx, { text }, { epoch, signal }) => {
      await tx.run('INSERT INTO notes VALUES (?)', `${String(text)} ${epoch}`)
      if (epoch > 1) return epoch
      begun = true
      await new Promise<void>((resolve) => {
        lose = resolve
        signal.addEventListener('abort', () => resolve())
      })
      return 'too late'
    })
    const agent = agentOf([first], [call('write', { text: 'a' })])
    const clock: ManualClock = manualClock()
    const store = await withNotes(open({ clock }))
    const left = await world({ agents: [agent], store: wrapStore(store), clock })
    await left.ops.start('clerk', 'go', { runId: 'run' })
    await until(clock, 'the body has begun', () => begun)
    // The worker is asked to stop, and does not wait: the run goes back, whatever the body does.
    await Promise.all([left.ops.drain(0), clock.advance(2000)])
    lose?.()
    const right = await world({ agents: [agent], store: wrapStore(store), clock })
    expect(await outcomeOf(clock, await right.ops.run('run'))).toMatchObject({ status: 'completed', output: [2] })
    expect(notesIn(store.path)).toEqual(['a 2'])
  })
})
