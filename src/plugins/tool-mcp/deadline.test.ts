import { expect, it } from 'vitest'
import { manualClock } from '../../testing/clock.ts'
import { deadline } from './deadline.ts'

const late = (ms: number): Error => new Error(`late after ${ms}`)

it('fires when the time is up, or with the reason of the outer signal before', async () => {
  const clock = manualClock()
  const own = deadline(clock, { ms: 100 }, undefined, late)
  await clock.advance(99)
  expect(own.signal.aborted).toBe(false)
  await clock.advance(1)
  expect(own.signal.reason).toEqual(new Error('late after 100'))
  const outer = new AbortController()
  const both = deadline(clock, { ms: 100 }, outer.signal, late)
  outer.abort('enough')
  expect(both.signal.reason).toBe('enough')
  expect(deadline(clock, { ms: 100 }, outer.signal, late).signal.reason).toBe('enough')
})

it('begins anew when it is extended, up to the hard limit', async () => {
  const clock = manualClock()
  const limit = deadline(clock, { ms: 100, hardMs: 250 }, undefined, late)
  for (let round = 0; round < 2; round += 1) {
    await clock.advance(90)
    limit.extend()
  }
  await clock.advance(69)
  expect(limit.signal.aborted).toBe(false)
  await clock.advance(1)
  expect(limit.signal.reason).toEqual(new Error('late after 250'))
})

it('stands still while a person is asked, also twice at once, and goes on where it was', async () => {
  const clock = manualClock()
  const limit = deadline(clock, { ms: 100 }, undefined, late)
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await clock.advance(40)
  const asking = [limit.untimed(() => first.promise), limit.untimed(() => second.promise)]
  await clock.advance(1_000)
  first.resolve()
  await asking[0]
  await clock.advance(1_000)
  expect(limit.signal.aborted).toBe(false)
  second.resolve()
  await asking[1]
  await clock.advance(59)
  expect(limit.signal.aborted).toBe(false)
  await clock.advance(1)
  expect(limit.signal.aborted).toBe(true)
})

it('leaves no timer when it has ended, even in the middle of a question', async () => {
  const clock = manualClock()
  const limit = deadline(clock, { ms: 100 }, undefined, late)
  const answer = Promise.withResolvers<void>()
  const asking = limit.untimed(() => answer.promise)
  limit.end()
  answer.resolve()
  await asking
  await clock.advance(1_000)
  expect(limit.signal.aborted).toBe(false)
})
