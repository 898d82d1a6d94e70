import type { Scheduler, TaskRef } from '../core/index.ts'
import { assert, assertEqual, assertRejects, assertRejectsWith } from './assert.ts'
import { consume, countedSignal } from './scheduler-consumer.ts'
import type { ConformanceCase } from './suite.ts'

/** What a case works with. */
export interface SchedulerWorld {
  /** Makes a scheduler; the suite disposes it. */
  readonly open: (options?: { readonly capacity?: number }) => Promise<Scheduler>
  /** Waits for something that a broker may have to do first, and throws when it does not come to pass. */
  readonly until: (holds: () => boolean, what: string) => Promise<void>
}

/** The cases of the scheduler suite. */
export const schedulerCases: readonly ConformanceCase<SchedulerWorld>[] = [
  {
    name: 'S1: every published task is delivered, as it was published',
    async run({ open, until }) {
      const scheduler = await open()
      const published = [...tasks(40), { runId: 'urgent', queue: 'q', agent: 'other', priority: 9 }]
      await scheduler.publish(published.slice(0, 10))
      const consumer = consume(scheduler)
      await scheduler.publish(published.slice(10, 11))
      await scheduler.publish([])
      await scheduler.publish(published.slice(11))
      await until(() => consumer.runIds().size === published.length, 'all tasks are delivered')
      for (const task of published) {
        const found = consumer.seen.find((one) => one.runId === task.runId)
        assertEqual(found, task, `task ${task.runId} as it was delivered`)
      }
      await consumer.stop()
    },
  },
  {
    name: 'S1: a task goes to the consumer of its queue',
    async run({ open, until }) {
      const scheduler = await open()
      const left = consume(scheduler, { queues: ['left', 'both'] })
      const right = consume(scheduler, { queues: ['right'] })
      await scheduler.publish(['left', 'right', 'both', 'nobody'].map((queue) => ({ runId: queue, queue, agent: 'agent' })))
      await until(() => left.runIds().size === 2 && right.runIds().size === 1, 'all tasks with a consumer are delivered')
      assertEqual([...left.runIds()].toSorted(), ['both', 'left'], 'tasks of the first consumer')
      assertEqual([...right.runIds()], ['right'], 'tasks of the second consumer')
      assertEqual(await scheduler.depth('nobody'), 1, 'depth of the queue that nobody consumes')
      await Promise.all([left.stop(), right.stop()])
    },
  },
  {
    name: 'S8: an ordered scheduler delivers the tasks of a queue in the order of publication',
    async run({ open, until }) {
      const scheduler = await open()
      if (!scheduler.capabilities.ordered) return
      const consumer = consume(scheduler, { concurrency: 1 })
      await scheduler.publish(tasks(25))
      await scheduler.publish(tasks(50).slice(25))
      await until(() => consumer.runIds().size === 50, 'all tasks are delivered')
      assertEqual(
        [...consumer.runIds()],
        tasks(50).map((task) => task.runId),
        'the order of first deliveries',
      )
      await consumer.stop()
    },
  },
  {
    name: 'S8: a scheduler with priorities delivers the most urgent of the waiting tasks first',
    async run({ open, until }) {
      const scheduler = await open()
      if (!scheduler.capabilities.priority) return
      await scheduler.publish(tasks(5).map((task, index) => ({ ...task, priority: index })))
      const consumer = consume(scheduler, { concurrency: 1 })
      await until(() => consumer.runIds().size === 5, 'all tasks are delivered')
      assertEqual([...consumer.runIds()], ['run-4', 'run-3', 'run-2', 'run-1', 'run-0'], 'the order of deliveries')
      await consumer.stop()
    },
  },
  {
    name: 'S14: a consumer works on no more tasks at once than it asked for, over all its queues',
    async run({ open, until }) {
      const scheduler = await open()
      const consumer = consume(scheduler, { queues: ['q', 'r'], concurrency: 3, isHeld: true })
      await scheduler.publish(tasks(10))
      await scheduler.publish(tasks(10).map((task) => ({ ...task, runId: `other ${task.runId}`, queue: 'r' })))
      await until(() => consumer.running === 3, 'three handlers run')
      await pause()
      assertEqual(consumer.running, 3, 'handlers that run')
      consumer.letGo()
      await until(() => consumer.runIds().size === 20, 'all tasks are delivered')
      assertEqual(consumer.most, 3, 'most handlers at once')
      await consumer.stop()
    },
  },
  {
    name: 'S14: a full queue refuses with QUEUE_FULL, and what was accepted before is delivered',
    async run({ open, until }) {
      const scheduler = await open({ capacity: 3 })
      await assertRejects(scheduler.publish(tasks(5)), 'QUEUE_FULL', 'five tasks for three places')
      assertEqual(await scheduler.depth('q'), 3, 'depth of the full queue')
      await assertRejects(scheduler.publish(tasks(1)), 'QUEUE_FULL', 'one more')
      await scheduler.publish([{ runId: 'elsewhere', queue: 'other', agent: 'agent' }])
      const consumer = consume(scheduler, { concurrency: 1 })
      await until(() => consumer.runIds().size === 3, 'the accepted tasks are delivered')
      await scheduler.publish(tasks(6).slice(5))
      await until(() => consumer.runIds().has('run-5'), 'a task that came when there was room is delivered')
      assertEqual([...consumer.runIds()].toSorted(), ['run-0', 'run-1', 'run-2', 'run-5'], 'delivered tasks')
      await consumer.stop()
    },
  },
  {
    name: 'S1: a handler that fails harms no other task',
    async run({ open, until }) {
      const scheduler = await open()
      const consumer = consume(scheduler, {
        concurrency: 2,
        work: (task) => {
          if (task.runId === 'run-1') throw new Error('thrown at once, as a test')
          return task.runId === 'run-3' ? Promise.reject(new Error('rejected, as a test')) : Promise.resolve()
        },
      })
      await scheduler.publish(tasks(10))
      await until(() => consumer.runIds().size === 10, 'all tasks are delivered')
      assertEqual((await scheduler.drain(1000)).left, 0, 'handlers that still run')
      await consumer.stop()
    },
  },
  {
    name: 'S14: the depth of a queue is the number of tasks that no handler has seen',
    async run({ open, until }) {
      const scheduler = await open()
      assertEqual(await scheduler.depth('q'), 0, 'depth of an unknown queue')
      await scheduler.publish(tasks(5))
      assertEqual(await scheduler.depth('q'), 5, 'depth before anybody consumes')
      const consumer = consume(scheduler, { concurrency: 2, isHeld: true })
      await until(() => consumer.running === 2, 'two handlers run')
      assertEqual(await scheduler.depth('q'), 3, 'depth while two handlers run')
      assertEqual(await scheduler.depth('other'), 0, 'depth of another queue')
      consumer.letGo()
      await until(() => consumer.runIds().size === 5, 'all tasks are delivered')
      assertEqual(await scheduler.depth('q'), 0, 'depth at the end')
      await consumer.stop()
    },
  },
  {
    name: 'S15: drain hands out nothing more and waits for the handlers under way',
    async run({ open, until }) {
      const scheduler = await open()
      const consumer = consume(scheduler, { concurrency: 2, isHeld: true })
      await scheduler.publish(tasks(5))
      await until(() => consumer.running === 2, 'two handlers run')
      let isOver = false
      const drained = scheduler.drain(5000).finally(() => {
        isOver = true
      })
      await pause()
      assert(!isOver, 'drain waits while handlers run')
      consumer.letGo()
      assertEqual(await drained, { left: 0 }, 'the report')
      await pause()
      assertEqual(consumer.seen.length, 2, 'tasks handed out')
      assertEqual(await scheduler.drain(5000), { left: 0 }, 'the report of a second drain')
      await consumer.stop()
    },
  },
  {
    name: 'S15: drain gives up at its deadline and says how many handlers still run',
    async run({ open, until }) {
      const scheduler = await open()
      const consumer = consume(scheduler, { concurrency: 3, isHeld: true })
      await scheduler.publish(tasks(3))
      await until(() => consumer.running === 3, 'three handlers run')
      assertEqual(await scheduler.drain(20), { left: 3 }, 'the report')
      consumer.letGo()
      await consumer.stop()
    },
  },
  {
    name: 'S15: after its signal a consumer gets nothing more, and consume resolves when its handlers have returned',
    async run({ open, until }) {
      const scheduler = await open()
      const consumer = consume(scheduler, { concurrency: 2, isHeld: true })
      await scheduler.publish(tasks(6))
      await until(() => consumer.running === 2, 'two handlers run')
      const stopped = consumer.stop()
      await pause()
      assert(!consumer.isEnded, 'consume does not resolve while handlers run')
      consumer.letGo()
      await stopped
      await pause()
      assertEqual(consumer.seen.length, 2, 'tasks handed out')
      assertEqual(await scheduler.depth('q'), 4, 'tasks that wait for the next consumer')
      const next = consume(scheduler)
      await until(() => next.runIds().size === 4, 'the next consumer gets the rest')
      await next.stop()
    },
  },
  {
    name: 'S15: a consumer without work ends with its signal, and one whose signal has fired begins none',
    async run({ open }) {
      const scheduler = await open()
      await consume(scheduler).stop()
      await scheduler.publish(tasks(1))
      const seen: TaskRef[] = []
      const handler = async (task: TaskRef): Promise<void> => void seen.push(task)
      await scheduler.consume(handler, { queues: ['q'], concurrency: 1, signal: AbortSignal.abort() })
      await pause()
      assertEqual(seen, [], 'tasks handed out')
    },
  },
  {
    name: 'S11: a publication whose signal has fired rejects with its reason and hands nothing over',
    async run({ open }) {
      const scheduler = await open()
      const reason = new Error('no longer wanted')
      await assertRejectsWith(scheduler.publish(tasks(2), { signal: AbortSignal.abort(reason) }), reason, 'publish')
      assertEqual(await scheduler.depth('q'), 0, 'depth')
    },
  },
  {
    name: 'S11: no listener is left on a signal',
    async run({ open, until }) {
      const scheduler = await open()
      const { signal, count } = countedSignal()
      await scheduler.publish(tasks(3), { signal })
      assertEqual(count(), 0, 'listeners after publish')
      const consumer = consume(scheduler)
      await until(() => consumer.runIds().size === 3, 'all tasks are delivered')
      await consumer.stop()
      assertEqual(consumer.listeners(), 0, 'listeners after consume')
    },
  },
  {
    name: 'S15: disposal may be asked for twice, and ends the consumers',
    async run({ open, until }) {
      const scheduler = await open()
      const consumer = consume(scheduler)
      await scheduler[Symbol.asyncDispose]?.()
      await scheduler[Symbol.asyncDispose]?.()
      await until(() => consumer.isEnded, 'consume resolves')
      assertEqual(consumer.listeners(), 0, 'listeners')
    },
  },
]

function tasks(count: number): readonly TaskRef[] {
  return Array.from({ length: count }, (_, index) => ({ runId: `run-${index}`, queue: 'q', agent: 'agent' }))
}

/** Gives what should not happen some time to happen. */
async function pause(): Promise<void> {
  await new Promise((resolve) => void setTimeout(resolve, 20))
}
