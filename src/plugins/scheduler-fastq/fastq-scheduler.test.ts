import { describe, expect, test } from 'vitest'
import type { Scheduler, TaskRef } from '../../core/index.ts'
import { requirePlugin } from '../../orchestrator/checks/plugin.ts'
import { schedulerConformance } from '../../testing/scheduler-conformance.ts'
import { fastqScheduler } from './index.ts'

describe('scheduler/1', () => {
  schedulerConformance({ test, createScheduler: (options) => fastqScheduler(options) })
})

const task = (runId: string, queue: string = 'q'): TaskRef => ({ runId, queue, agent: 'agent' })
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

function consume(
  scheduler: Scheduler,
  handler: (task: TaskRef) => unknown,
  queues: readonly string[] = ['q'],
  concurrency: number = 1,
) {
  const controller = new AbortController()
  const ended = scheduler.consume(async (one) => void (await handler(one)), { queues, concurrency, signal: controller.signal })
  return {
    async stop(): Promise<void> {
      controller.abort()
      await ended
    },
  }
}

test('it is a plugin and declares what it can do', () => {
  const scheduler = fastqScheduler()
  expect(() => requirePlugin(scheduler)).not.toThrow()
  expect(scheduler.capabilities).toEqual({ priority: false, ordered: true, survivesRestart: false, multiProcess: false })
})

test.each([0, -1, Number.NaN])('a capacity of %s is refused', (capacity) => {
  expect(() => fastqScheduler({ capacity })).toThrow(expect.objectContaining({ code: 'LIMIT_INVALID' }))
})

test('tasks reach handlers in a later turn of the event loop than their publication', async () => {
  const scheduler = fastqScheduler()
  const log: string[] = []
  const consumer = consume(scheduler, (one) => log.push(one.runId), ['q', 'r'], 10)
  await scheduler.publish([task('a'), task('b', 'r')])
  for (let count = 0; count < 100; count += 1) await Promise.resolve()
  log.push('attached')
  await turn()
  expect(log).toEqual(['attached', 'a', 'b'])
  await consumer.stop()
})

test('so do tasks that a handler publishes', async () => {
  const scheduler = fastqScheduler()
  const log: string[] = []
  const consumer = consume(
    scheduler,
    async (one) => {
      log.push(`${one.runId} begins`)
      if (one.runId === 'a') await scheduler.publish([task('b')])
      log.push(`${one.runId} ends`)
    },
    ['q'],
    2,
  )
  await scheduler.publish([task('a')])
  await turn()
  await turn()
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  await consumer.stop()
})

test('a short burst is handed out in one turn, a long one by twos until it is short', async () => {
  const scheduler = fastqScheduler()
  const log: string[] = []
  const consumer = consume(scheduler, (one) => log.push(one.runId), ['q'], 100)
  const burst = (length: number) => Array.from({ length }, (_, index) => task(`${index}`))
  await scheduler.publish(burst(32))
  await turn()
  expect(log).toHaveLength(32)
  log.length = 0
  await scheduler.publish(burst(40))
  const counts: number[] = []
  while (log.length < 40) {
    await turn()
    counts.push(log.length)
  }
  expect(counts).toEqual([2, 4, 6, 8, 40])
  expect(log).toEqual(burst(40).map(({ runId }) => runId))
  await consumer.stop()
})

test('what is left of a long burst waits for the next consumer, in order', async () => {
  const scheduler = fastqScheduler()
  const seen: string[] = []
  const names = Array.from({ length: 50 }, (_, index) => `${index}`)
  const first = consume(scheduler, (one) => seen.push(one.runId), ['q'], 100)
  await scheduler.publish(names.map((name) => task(name)))
  await turn()
  await first.stop()
  expect([seen.length, await scheduler.depth('q')]).toEqual([2, 48])
  const second = consume(scheduler, (one) => seen.push(one.runId), ['q'], 100)
  await scheduler.publish([task('last')])
  while (seen.length < 51) await turn()
  expect(seen).toEqual([...names, 'last'])
  await second.stop()
})

test('a queue has one consumer at a time', async () => {
  const scheduler = fastqScheduler()
  const first = consume(scheduler, () => {}, ['q', 'q', 'r'])
  const signal = new AbortController().signal
  await expect(scheduler.consume(async () => {}, { queues: ['s', 'r'], concurrency: 1, signal })).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    message: 'queue r has a consumer already',
  })
  await first.stop()
  await consume(scheduler, () => {}, ['s', 'r']).stop()
})

test.each([0, Number.NaN])('a concurrency of %s is refused', async (concurrency) => {
  const signal = new AbortController().signal
  await expect(fastqScheduler().consume(async () => {}, { queues: ['q'], concurrency, signal })).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
  })
})

test('what a consumer leaves goes back to the head of its queue, in order', async () => {
  const scheduler = fastqScheduler()
  const seen: string[] = []
  let letGo = (): void => {}
  const held = new Promise<void>((resolve) => (letGo = resolve))
  const first = consume(scheduler, () => held, ['q', 'r'])
  await scheduler.publish([task('a'), task('b'), task('x', 'r'), task('c')])
  await turn()
  const stopped = first.stop()
  await scheduler.publish([task('d')])
  letGo()
  await stopped
  expect([await scheduler.depth('q'), await scheduler.depth('r')]).toEqual([3, 1])
  const second = consume(scheduler, (one) => seen.push(one.runId))
  await turn()
  await turn()
  expect(seen).toEqual(['b', 'c', 'd'])
  await second.stop()
})

test('a consumer that goes in the turn of a publication leaves its tasks for the next', async () => {
  const scheduler = fastqScheduler()
  const seen: string[] = []
  const first = consume(scheduler, () => seen.push('wrong'))
  await scheduler.publish([task('a')])
  await first.stop()
  await turn()
  const second = consume(scheduler, (one) => seen.push(one.runId))
  await scheduler.publish([task('b')])
  await turn()
  await turn()
  expect(seen).toEqual(['a', 'b'])
  await second.stop()
})

test('after drain a new consumer gets nothing either', async () => {
  const scheduler = fastqScheduler()
  const seen: string[] = []
  await scheduler.drain(10)
  const consumer = consume(scheduler, (one) => seen.push(one.runId))
  await scheduler.publish([task('a')])
  await turn()
  expect([seen, await scheduler.depth('q')]).toEqual([[], 1])
  await consumer.stop()
})

test('a handler that returns no promise, against its type, does no harm', async () => {
  const scheduler = fastqScheduler()
  const seen: string[] = []
  const handler = ((one: TaskRef) => void seen.push(one.runId)) as unknown as (task: TaskRef) => Promise<void>
  const controller = new AbortController()
  const ended = scheduler.consume(handler, { queues: ['q'], concurrency: 1, signal: controller.signal })
  await scheduler.publish([task('a'), task('b')])
  await turn()
  await turn()
  expect(seen).toEqual(['a', 'b'])
  controller.abort()
  await ended
})

test('a hundred thousand tasks whose handlers throw do not grow the stack', async () => {
  const scheduler = fastqScheduler()
  let count = 0
  const error = new Error('as a test')
  const controller = new AbortController()
  const handler = (): Promise<void> => {
    count += 1
    throw error
  }
  const ended = scheduler.consume(handler, { queues: ['q'], concurrency: 1, signal: controller.signal })
  await scheduler.publish(Array.from({ length: 100_000 }, (_, index) => task(`${index}`)))
  while ((await scheduler.depth('q')) > 0) await turn()
  expect(count).toBe(100_000)
  controller.abort()
  await ended
})

test('disposal forgets tasks, and waits for nobody', async () => {
  const scheduler = fastqScheduler()
  const consumer = consume(scheduler, () => new Promise(() => {}))
  await scheduler.publish([task('a'), task('b')])
  await turn()
  await scheduler[Symbol.asyncDispose]?.()
  expect(await scheduler.depth('q')).toBe(0)
  expect(consumer).toBeDefined()
})
