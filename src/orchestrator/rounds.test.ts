import { expect, test } from 'vitest'
import { manualClock } from '../testing/clock.ts'
import { createRounds, type Rounds } from './rounds.ts'

interface World {
  readonly rounds: Rounds
  readonly here: Set<string>
  readonly clock: ReturnType<typeof manualClock>
}

function world(): World {
  const clock = manualClock()
  const here = new Set<string>()
  return { clock, here, rounds: createRounds({ clock, elapsed: () => clock.elapsed(), isHere: (runId) => here.has(runId) }) }
}

test('a run that is worked on here is not looked at, and is again when it no longer is', async () => {
  const { rounds, clock, here } = world()
  let looks = 0
  here.add('a')
  rounds.join('a', async () => void (looks += 1))
  await clock.advance(2_000)
  expect(looks).toBe(0)
  here.delete('a')
  await clock.advance(250)
  expect(looks).toBe(1)
})

test('whoever left is not looked for any more, not even in the round under way; without members there is no timer', async () => {
  const { rounds, clock } = world()
  const looked: string[] = []
  const leaves = Array.from({ length: 20 }, (_, index) =>
    rounds.join(String(index), async () => {
      looked.push(String(index))
      if (index === 0) for (const leave of leaves.slice(1)) leave()
    }),
  )
  await clock.advance(250)
  expect(looked).toEqual(['0'])
  await clock.advance(250)
  expect(looked).toEqual(['0', '0'])
  leaves[0]?.()
  expect(clock.pending).toBe(0)
})

test('a slow store is not asked again before it has answered, by few at once, and has four fifths of the time for others', async () => {
  const { rounds, clock } = world()
  const open: (() => void)[] = []
  let looks = 0
  for (let index = 0; index < 20; index += 1) {
    rounds.join(String(index), () => {
      looks += 1
      return new Promise((resolve) => open.push(resolve))
    })
  }
  await clock.advance(10_000)
  expect(looks, 'all of one round that may be under way').toBe(8)
  while (open.length > 0) {
    open.shift()?.()
    await clock.advance(0)
  }
  expect(looks, 'one round').toBe(20)
  // The round took 9,750 ms, after the 250 before it.
  await clock.advance(4 * 9_750 - 1)
  expect(looks).toBe(20)
  await clock.advance(1)
  expect(looks).toBe(28)
})

test('who comes while a round is under way has a place in the next, also when all others have left', async () => {
  const { rounds, clock } = world()
  let end: (() => void) | undefined
  const leave = rounds.join('slow', () => new Promise((resolve) => (end = resolve)))
  await clock.advance(250)
  leave()
  let looks = 0
  rounds.join('late', async () => void (looks += 1))
  end?.()
  await clock.advance(250)
  expect(looks).toBe(1)
})
