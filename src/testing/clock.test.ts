import { expect, test, vi } from 'vitest'
import { manualClock } from './clock.ts'

test('it stands still until it is advanced', async () => {
  const clock = manualClock(1000)
  expect(clock.now()).toBe(1000)
  await clock.advance(250)
  expect(clock.now()).toBe(1250)
  expect(manualClock().now()).toBeGreaterThan(1_700_000_000_000)
})

test('due timers fire in order, each at its own time', async () => {
  const clock = manualClock(0)
  const log: string[] = []
  for (const [name, ms] of [
    ['c', 30],
    ['a', 10],
    ['b', 10],
    ['never', 31],
    ['at once', -5],
  ] as const) {
    clock.setTimer(ms, () => log.push(`${name} at ${clock.now()}`))
  }
  expect(clock.pending).toBe(5)
  await clock.advance(30)
  expect(log).toEqual(['at once at 0', 'a at 10', 'b at 10', 'c at 30'])
  expect([clock.now(), clock.pending]).toEqual([30, 1])
})

test('a timer that was taken back does not fire', async () => {
  const clock = manualClock(0)
  const fired = vi.fn<() => void>()
  const cancel = clock.setTimer(10, fired)
  cancel()
  cancel()
  await clock.advance(100)
  expect(fired).not.toHaveBeenCalled()
})

test('timers set on the way fire too when they fall due, also after promises', async () => {
  const clock = manualClock(0)
  const log: number[] = []
  const repeat = async (): Promise<void> => {
    log.push(clock.now())
    await new Promise<void>((resolve) => void setImmediate(resolve))
    clock.setTimer(10, () => void repeat())
  }
  clock.setTimer(10, () => void repeat())
  await clock.advance(45)
  expect(log).toEqual([10, 20, 30, 40])
  expect(clock.pending).toBe(1)
})

test('work that began before sets its timers first', async () => {
  const clock = manualClock(0)
  const fired = vi.fn<() => void>()
  void Promise.resolve().then(() => clock.setTimer(5, fired))
  await clock.advance(10)
  expect(fired).toHaveBeenCalledOnce()
})

test('it works while the global timers are faked', async () => {
  vi.useFakeTimers()
  try {
    const clock = manualClock(0)
    await clock.advance(10)
    expect(clock.now()).toBe(10)
  } finally {
    vi.useRealTimers()
  }
})
