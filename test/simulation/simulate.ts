import type { RunEvent, RunRecord } from '../../src/index.ts'
import { checkHistories, type Violation } from '../../src/testing/index.ts'
import { ofType } from '../engine/support/world.ts'
import type { BackendName } from './backends.ts'
import { FLOW_WAIT_MS, UNSAFE } from './cast.ts'
import { move, takePlace } from './moves.ts'
import type { Plant } from './plants.ts'
import { closeStory, hire, openStory, type Story } from './story.ts'
import { restlessClock, withVirtualTimers } from './virtual-time.ts'

/** What a seed came to. */
export interface Verdict {
  readonly seed: number
  readonly store: BackendName
  /** Empty where everything holds. */
  readonly violations: readonly Violation[]
  /** All that happened, in order. */
  readonly trace: readonly string[]
  /** How often what happened, for a look at whether the storm is of the right strength. */
  readonly counts: Readonly<Record<string, number>>
}

/** Statuses of runs that have not come to an end. */
const OPEN = ['queued', 'running', 'waiting', 'paused'] as const
/** Longer than a lease lasts. */
const ZOMBIE_MS = 20_000
/**
 * Time steps of the calm in which every run must have ended, in milliseconds: some minutes, and then as long as a worker's
 * clock may have jumped back, since a run that waits for its time waits on until the clock has caught up (S9).
 */
const CALM_STEPS: readonly number[] = [...Array<number>(120).fill(1_000), ...Array<number>(150).fill(60_000)]

/** Plays one seed: a storm, the calm behind it, and the judgement. The same seed plays the same story every time. */
export async function simulate(seed: number, store: BackendName, plant?: Plant): Promise<Verdict> {
  const clock = restlessClock()
  return withVirtualTimers(clock, async () => {
    const story = await openStory(seed, store, plant, clock)
    try {
      const moves = 12 + Math.floor(story.weather.random() * 20)
      for (let index = 0; index < moves; index += 1) {
        await move(story)
        await replaceTheDead(story)
      }
      await calmDown(story)
      const violations = await judge(story)
      return { seed, store, violations, trace: story.weather.trace, counts: await count(story) }
    } catch (error) {
      // An engine that breaks is found like a promise that does.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return { seed, store, violations: [{ rule: '–', runId: '–', text }], trace: story.weather.trace, counts: {} }
    } finally {
      await closeStory(story)
    }
  })
}

/** Workers die at statements, too. */
async function replaceTheDead(story: Story): Promise<void> {
  for (const { life } of story.workers) if (life.isDead) await takePlace(story, life.name)
}

/** No more faults: everything is approved, and time passes until all runs have ended. */
async function calmDown(story: Story): Promise<void> {
  const { weather, clock, backend, workers } = story
  weather.isCalm = true
  weather.note('calm')
  await replaceTheDead(story)
  // Those that are frozen stay so until somebody else has taken up what they had, and then go on with it.
  workers.unshift(await hire(story, 0))
  await clock.advance(ZOMBIE_MS)
  for (const { life } of workers) life.thaw()
  await clock.advance(1000)
  for (const ms of CALM_STEPS) {
    const { runs } = await backend.truth.list({ status: OPEN }, { limit: 100 })
    if (runs.length === 0) return
    for (const run of runs) await approveAll(story, run)
    await clock.advance(ms)
  }
}

async function approveAll({ workers, clock }: Story, { runId }: RunRecord): Promise<void> {
  const ops = workers[0]?.ops
  if (ops === undefined) return
  const approving = (async () => {
    const handle = await ops.run(runId)
    for (const { key } of await handle.approvals()) await handle.approve(key, { by: 'ada' })
  })()
  await Promise.all([approving.catch(() => {}), clock.advance(0)])
}

async function judge({ backend: { truth }, accepted, bodies, witness }: Story): Promise<readonly Violation[]> {
  const unsafeBodies = bodies.filter(({ tool }) => UNSAFE.includes(tool))
  const found = [...(await checkHistories(truth, { accepted, unsafeBodies, isAtRest: true })), ...(await witness.judge())]
  const keys = new Map<string, string>()
  for (const { runId, key, idempotencyKey } of bodies) {
    const before = keys.get(`${runId} ${key}`) ?? idempotencyKey
    keys.set(`${runId} ${key}`, before)
    if (before !== idempotencyKey) found.push({ rule: 'S4', runId, text: `${key} was called with two idempotency keys` })
  }
  const { runs } = await truth.list({}, { limit: 1000 })
  found.push(...early(runs))
  const used = new Map<string, { least: number; most: number }>()
  for (const { runId, rootId } of runs) {
    const { least, most } = steps(await truth.read(runId, 1))
    const sum = used.get(rootId) ?? { least: 0, most: 0 }
    used.set(rootId, { least: sum.least + least, most: sum.most + most })
  }
  for (const { runId, status, spending } of runs) {
    const known = used.get(runId)
    if (known === undefined || status === 'quarantined') continue
    if (spending.used.steps < known.least || spending.used.steps > known.most)
      found.push({ rule: 'S12', runId, text: `used ${spending.used.steps} steps, made ${known.least} to ${known.most}` })
  }
  return found
}

/** A run that waited for a time went on no sooner, by the clock of the store, whatever the workers' clocks showed. */
function early(runs: readonly RunRecord[]): Violation[] {
  const byId = new Map(runs.map((run) => [run.runId, run]))
  return runs.flatMap(({ runId, createdAt, parent }) => {
    const above = parent === undefined ? undefined : byId.get(parent.runId)
    const waited = createdAt - (above?.createdAt ?? 0)
    if (above?.agent !== 'flow' || waited >= FLOW_WAIT_MS) return []
    return [{ rule: 'S9', runId, text: `was started after ${waited} ms instead of ${FLOW_WAIT_MS}` }]
  })
}

/** How many steps a history may have used: calls that were surely made, and those that may have been under way when the run was cancelled. */
function steps(history: readonly RunEvent[]): { readonly least: number; readonly most: number } {
  const models = new Set(
    ofType(history, 'decision').flatMap(({ effects }) => effects.filter(({ kind }) => kind === 'model').map(({ key }) => key)),
  )
  const retried = new Set(ofType(history, 'effect-retry').map(({ key }) => key))
  let least = 0
  let most = 0
  for (const { key, outcome } of ofType(history, 'effect-end')) {
    // A call that found no budget was not made.
    if (!models.has(key) || (outcome.status === 'failed' && outcome.error.code === 'BUDGET_EXCEEDED')) continue
    most += 1
    if (outcome.status !== 'cancelled' || retried.has(key)) least += 1
  }
  return { least, most }
}

async function count({ backend: { truth }, hired }: Story): Promise<Record<string, number>> {
  const counts: Record<string, number> = { workers: hired }
  const add = (what: string, by = 1): void => void (counts[what] = (counts[what] ?? 0) + by)
  for (const run of (await truth.list({}, { limit: 1000 })).runs) {
    add(run.status)
    const history = await truth.read(run.runId, 1)
    add('unknown', ofType(history, 'effect-end').filter(({ outcome }) => outcome.status === 'unknown').length)
    add('retries', ofType(history, 'effect-retry').length)
    add('approvals', ofType(history, 'approval-response').length)
    add('signals', ofType(history, 'signal').length)
    const workers = new Set(ofType(history, 'run-claim').map(({ worker }) => worker))
    if (workers.size > 1) add('taken over')
    if (run.outcome?.status === 'failed') add(run.outcome.error.code)
  }
  return counts
}

/** The command that plays a seed once more. */
export function replayCommand({ seed, store }: Pick<Verdict, 'seed' | 'store'>): string {
  return `npm run simulate -- --from ${seed} --seeds 1 --store ${store}`
}

/** What to print of a seed that broke a promise. */
export function report(verdict: Verdict, lines: number = 400): string {
  const { seed, store, violations, trace } = verdict
  const cut = trace.length > lines ? [`(${trace.length - lines} lines before)`, ...trace.slice(-lines)] : trace
  return [
    `seed ${seed} over ${store}:`,
    ...violations.map(({ rule, runId, text }) => `  ${rule} ${runId}: ${text}`),
    'what happened:',
    ...cut,
    `again: ${replayCommand(verdict)}`,
  ].join('\n')
}
