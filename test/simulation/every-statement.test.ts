/** One story over a file, once for every statement that writes: there its worker dies, or its disk is full. */
import { expect, test } from 'vitest'
import { checkHistories, manualClock, type Violation } from '../../src/testing/index.ts'
import { UNSAFE } from './cast.ts'
import { sqliteError, type StatementHook } from './faulty-sqlite.ts'
import type { Life } from './life.ts'
import { hire, closeStory, openStory } from './story.ts'
import { withVirtualTimers } from './virtual-time.ts'

const WRITES = /^\s*(BEGIN IMMEDIATE|COMMIT|INSERT|UPDATE|DELETE)/
/** Every so many statements are tried at each check; `STATEMENT_STRIDE=1 npx vitest run` with this file tries all. */
const STRIDE = Number(process.env['STATEMENT_STRIDE'] ?? 9)
/** What happens at a statement, and whether before or after it. */
type Accident = 'dies before' | 'dies after' | 'finds the disk full at'

interface Ending {
  readonly violations: readonly Violation[]
  /** Statements that the first worker executed. */
  readonly statements: number
  readonly statuses: readonly string[]
}

/** A run with parallel children, unsafe calls, a signal to the parent and budgets, under a first worker with an accident. */
async function play(at: number, accident: Accident): Promise<Ending> {
  const clock = manualClock()
  let statements = 0
  let isOver = false
  const watch =
    (life: Life): StatementHook =>
    (sql, moment) => {
      if (life.name !== 'w1' || isOver || !WRITES.test(sql) || (moment === 'after') !== (accident === 'dies after'))
        return undefined
      statements += 1
      if (statements !== at) return undefined
      isOver = true
      if (accident === 'finds the disk full at') throw sqliteError('disk-full')
      life.die()
      throw sqliteError('disk-io')
    }
  return withVirtualTimers(clock, async () => {
    const story = await openStory(1, 'sqlite', { statements: watch }, clock, true)
    try {
      const [first] = story.workers
      const { truth } = story.backend
      for (const agent of ['flow', 'reader']) {
        const starting = first?.ops.start(agent, {}, { runId: agent, idempotencyKey: agent })
        starting?.then(() => story.accepted.push(agent)).catch(() => {})
      }
      await clock.advance(100)
      await truth.signal('flow', { id: 'go-1', name: 'go', payload: 1 }).catch(() => {})
      for (let second = 0; second < 120 && !(await isDone(truth)); second += 1) {
        if (story.workers[0]?.life.isDead === true) story.workers[0] = await hire(story, 0)
        const { runs } = await truth.list({ agent: 'asker', status: ['running', 'waiting'] }, {})
        for (const { runId } of runs) void answer(story.workers[0], runId)
        await clock.advance(1_000)
      }
      const unsafeBodies = story.bodies.filter(({ tool }) => UNSAFE.includes(tool))
      const violations = await checkHistories(truth, { accepted: story.accepted, unsafeBodies, isAtRest: true })
      const { runs } = await truth.list({}, {})
      return { violations, statements, statuses: runs.map(({ status }) => status) }
    } finally {
      await closeStory(story)
    }
  })
}

type Truth = Awaited<ReturnType<typeof openStory>>['backend']['truth']

async function isDone(truth: Truth): Promise<boolean> {
  const { runs } = await truth.list({ status: ['queued', 'running', 'waiting'] }, { limit: 1 })
  return runs.length === 0
}

async function answer(helper: Awaited<ReturnType<typeof hire>> | undefined, runId: string): Promise<void> {
  try {
    const run = await helper?.ops.run(runId)
    for (const { key } of (await run?.approvals()) ?? []) await run?.approve(key, { by: 'ada' })
  } catch {
    // It is asked again in a second.
  }
}

test.each([
  ['dies before', 1],
  ['dies after', 4],
  ['finds the disk full at', 7],
] as const)(
  'a worker %s one writing statement after the other: all is whole, and goes on (S1, S2, S5, S8, S10, S12)',
  { timeout: 600_000 },
  async (accident, from) => {
    const whole = await play(0, accident)
    expect(whole.violations).toEqual([])
    expect(whole.statuses).toEqual(['completed', 'completed', 'completed'])
    expect(whole.statements).toBeGreaterThan(100)
    for (let at = Math.min(from, STRIDE); at <= whole.statements; at += STRIDE) {
      const { violations, statuses } = await play(at, accident)
      expect(violations, `statement ${at} of ${whole.statements}`).toEqual([])
      expect(
        statuses.every((status) => status === 'completed'),
        `statement ${at}: ${statuses.join(' ')}`,
      ).toBe(true)
    }
  },
)
