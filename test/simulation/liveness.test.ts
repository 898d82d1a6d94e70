import { expect, test } from 'vitest'
import { manualClock } from '../../src/testing/index.ts'
import { ofType } from '../engine/support/world.ts'
import { sqliteError } from './faulty-sqlite.ts'
import type { Statements } from './backends.ts'
import { closeStory, openStory, type Story } from './story.ts'
import { withVirtualTimers } from './virtual-time.ts'

/** How often a run was taken from a worker that lived, and how long after its death it was, in milliseconds. */
interface Taken {
  readonly fromTheLiving: number
  readonly afterDeathMs: number
}

/** So soon a death is seen; a lease is over only after 15 s. */
const SOON_MS = 2_000

async function claims({ backend: { truth } }: Story): Promise<number> {
  return ofType(await truth.read('run', 1), 'run-claim').length
}

/** Two workers over a file in good weather; the one that works on a run dies. */
async function watchTakeover(statements?: Statements): Promise<Taken> {
  const clock = manualClock()
  return withVirtualTimers(clock, async () => {
    const story = await openStory(1, 'sqlite', { hangs: true, ...(statements && { statements }) }, clock, true)
    try {
      const [first, second] = story.workers
      await Promise.all([first?.ops.start('tree', {}, { runId: 'run' }), clock.advance(100)])
      while ((await claims(story)) === 0) await clock.advance(10)
      await Promise.all([second?.ops.list({}), clock.advance(4_000)])
      const fromTheLiving = (await claims(story)) - 1
      const before = await claims(story)
      first?.life.die()
      let afterDeathMs = 0
      for (; (await claims(story)) === before && afterDeathMs < 30_000; afterDeathMs += 100) await clock.advance(100)
      return { fromTheLiving, afterDeathMs }
    } finally {
      await closeStory(story)
    }
  })
}

test('a dead worker is told from a living one at once, by a lock of the operating system (S7)', async () => {
  const { fromTheLiving, afterDeathMs } = await watchTakeover()
  expect(fromTheLiving).toBe(0)
  expect(afterDeathMs).toBeLessThanOrEqual(SOON_MS)
})

test('a worker that takes no lock is taken for dead while it works: found out', async () => {
  const { fromTheLiving } = await watchTakeover(() => (sql) => (sql.includes('BEGIN EXCLUSIVE') ? 'skip' : undefined))
  expect(fromTheLiving).toBeGreaterThan(0)
})

test('a worker that does not look at the locks waits for the lease: found out', async () => {
  const { afterDeathMs } = await watchTakeover(() => (sql) => {
    if (sql.includes('sqlite_schema')) throw sqliteError('busy')
    return undefined
  })
  expect(afterDeathMs).toBeGreaterThan(SOON_MS)
})
