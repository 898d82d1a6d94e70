/** Schedules in a file that several orchestrators share, in one process and in several. */
import { afterEach, expect, test } from 'vitest'
import { createOrchestrator, defineAgent, type Orchestrator, type Planner, type RunRecord } from '../../src/index.ts'
import { manualClock } from '../../src/testing/clock.ts'
import { newFolder, start } from './processes.ts'
import { open } from './stores.ts'

const planner: Planner = { spec: 'planner/1', name: 'finish', decide: () => ({ type: 'finish', output: 'done' }) }
const agent = defineAgent({ name: 'subject', planner })
const schedule = { name: 'tick', agent: 'subject', cron: '*/5 * * * *', missed: 'all' } as const

const slotOf = ({ metadata = {} }: RunRecord): string => (metadata['schedule'] as { readonly slot: string }).slot

const workers: Orchestrator[] = []
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.close()
})

test('S13: four workers on one file, an hour ahead, an hour behind and in time, start one run for each slot', async () => {
  const clock = manualClock(Date.parse('2026-03-01T12:00:00Z'))
  const { path } = open({ clock })
  for (const skewMs of [0, 3_600_000, -3_600_000, 7_000]) {
    const skewed = { now: () => clock.now() + skewMs, setTimer: clock.setTimer.bind(clock) }
    const worker = await createOrchestrator({
      agents: [agent],
      store: open({ path, clock }),
      clock: skewed,
      schedules: [schedule],
      timing: { sweepMs: 20_000 },
      announce: false,
    })
    workers.push(worker)
  }
  await clock.advance(21 * 60_000)
  const [first] = workers as [Orchestrator]
  const { runs } = await first.list()
  const slots = runs.map((run) => Date.parse(slotOf(run))).toReversed()
  expect(slots).toEqual(Array.from({ length: 4 }, (_, index) => Date.parse('2026-03-01T12:05:00Z') + index * 300_000))
  for (const [index, { createdAt }] of runs.toReversed().entries()) {
    const lateMs = createdAt - (slots[index] ?? 0)
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThanOrEqual(5_000)
  }
})

test('S13: processes that are killed while they start the runs of a schedule leave one run for each slot', async () => {
  const path = `${newFolder()}/runs.db`
  const survivor = start('schedule', path)
  await survivor.line('ready')
  for (let count = 0; count < 3; count += 1) {
    const victim = start('schedule', path)
    await victim.line('slot')
    await victim.kill()
  }
  const total = survivor.lines.length + 3
  while (survivor.lines.length < total) await new Promise((resolve) => void survivor.child.stdout?.once('data', resolve))
  await survivor.kill()
  const store = open({ path })
  const runs: string[] = []
  let cursor: string | undefined
  do {
    const page = await store.list({ agent: 'subject' }, cursor === undefined ? {} : { cursor })
    runs.push(...page.runs.map(slotOf))
    cursor = page.cursor
  } while (cursor !== undefined)
  const seconds = runs.map((slot) => Date.parse(slot) / 1_000).toReversed()
  expect(seconds.length).toBeGreaterThan(5)
  // None twice, and none left out.
  expect(seconds.toSorted((a, b) => a - b)).toEqual(seconds.map((_, index) => Math.min(...seconds) + index))
})
