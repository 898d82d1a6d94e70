import { expect, test } from 'vitest'
import { fastqScheduler } from '../plugins/scheduler-fastq/index.ts'
import { manualClock } from '../testing/clock.ts'
import { createHints } from './hints.ts'

const task = (runId: string, queue: string = 'default') => ({ runId, queue, agent: 'a' })

/** Hints over a scheduler with so many places in each queue, and what its handler sees. */
function hintsOf(capacity: number = 1, queues: readonly string[] = ['default']) {
  const clock = manualClock()
  const scheduler = fastqScheduler({ capacity })
  const faults: unknown[] = []
  const hints = createHints(scheduler, clock, (error) => faults.push(error))
  const seen: string[] = []
  const stop = new AbortController()
  return {
    clock,
    hints,
    seen,
    faults,
    consume: () =>
      void scheduler.consume(async ({ runId }) => void seen.push(runId), { queues, concurrency: 1, signal: stop.signal }),
  }
}

test('what did not fit is offered again until it is taken, each once', async () => {
  const { clock, hints, seen, faults, consume } = hintsOf()
  for (const runId of ['1', '2', '3', '2']) hints.publish([task(runId)])
  await clock.advance(10)
  consume()
  await clock.advance(1_000)
  expect(seen).toEqual(['1', '2', '3'])
  expect(clock.pending).toBe(0)
  expect(faults).toEqual([])
})

test('a full queue does not hold up what another one refused', async () => {
  const { clock, hints, seen, consume } = hintsOf(1, ['open'])
  for (const runId of ['1', '2']) hints.publish([task(runId, 'stuck')])
  for (const runId of ['3', '4']) hints.publish([task(runId, 'open')])
  await clock.advance(10)
  consume()
  await clock.advance(1_000)
  expect(seen).toEqual(['3', '4'])
})

test('so many are kept, and no more', async () => {
  const { clock, hints, seen, consume } = hintsOf(5_000)
  hints.publish(Array.from({ length: 5_000 }, (_, index) => task(`taken ${index}`)))
  hints.publish(Array.from({ length: 10_005 }, (_, index) => task(`refused ${index}`)))
  await clock.advance(10)
  consume()
  // A long burst is handed out turn by turn.
  for (let more = 0; more < 1_000 && seen.length < 15_000; more += 1) await clock.advance(10)
  await clock.advance(10_000)
  expect(seen.length).toBe(15_000)
  expect(clock.pending).toBe(0)
})

test('after the stop nothing is kept and nothing is offered', async () => {
  const { clock, hints, seen, consume } = hintsOf()
  for (const runId of ['1', '2', '3']) hints.publish([task(runId)])
  await clock.advance(10)
  hints.publish([task('4')])
  hints.stop()
  hints.publish([task('5')])
  consume()
  await clock.advance(10_000)
  expect(seen).toEqual(['1'])
  expect(clock.pending).toBe(0)
})
