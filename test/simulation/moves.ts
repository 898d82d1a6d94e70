import type { Run, RunLimits } from '../../src/index.ts'
import { STARTERS } from './cast.ts'
import { attempt, hire, type Hired, skew, type Story } from './story.ts'
import { pick } from './weather.ts'

type Move = (story: Story, hired: Hired) => Promise<unknown> | void

/** Roots of one simulation. */
const MOST_ROOTS = 5

/** What the world outside may do, and how likely it is. */
const MOVES: readonly (readonly [odds: number, name: string, move: Move])[] = [
  [0.25, 'start', begin],
  [0.14, 'answer', answerOne],
  [0.08, 'signal', signal],
  [0.05, 'cancel', (story, hired) => toOne(story, hired, (run) => run.cancel('by chance'))],
  [0.03, 'drain', replaceWorker],
  [0.05, 'kill', kill],
  [0.05, 'freeze or thaw', freezeOrThaw],
  [
    0.04,
    'cut or mend',
    ({ weather }, { life }) => {
      life.isCut = !life.isCut
      weather.note(`${life.name} is ${life.isCut ? 'cut off' : 'connected again'}`)
    },
  ],
  [
    0.03,
    'jump',
    ({ weather }, { life }) => {
      life.skewMs += skew(weather.random)
      weather.note(`the clock of ${life.name} is ${life.skewMs} ms ahead now`)
    },
  ],
  [0.03, 'broker', brokerTrouble],
  [
    0.04,
    'disk',
    ({ weather }) => {
      weather.disk = weather.disk === undefined ? pick(['busy', 'read-only', 'disk-io', 'disk-full'], weather.random) : undefined
      weather.note(`the disk: ${weather.disk ?? 'fine'}`)
    },
  ],
  [0.21, 'time', ({ clock, weather: { random } }) => clock.advance(Math.floor(random() * (random() < 0.2 ? 20_000 : 1500)))],
]

/** One move of the world outside. */
export async function move(story: Story): Promise<void> {
  const { random } = story.weather
  const hired = pick(story.workers, random) as Hired
  let luck = random()
  for (const [odds, name, make] of MOVES) {
    luck -= odds
    if (luck >= 0) continue
    story.weather.note(`move: ${name}, ${hired.life.name}`)
    await make(story, hired)
    return
  }
}

async function begin({ roots, accepted, weather, clock }: Story, { ops }: Hired): Promise<void> {
  const { random } = weather
  if (roots.length >= MOST_ROOTS) {
    await clock.advance(Math.floor(random() * 3000))
    return
  }
  const agent = pick(STARTERS, random) as string
  const runId = `root-${roots.length}`
  roots.push(runId)
  const given = limits(random)
  const run = await attempt(clock, () =>
    ops.start(agent, { n: roots.length }, { runId, idempotencyKey: runId, ...(given && { limits: given }) }),
  )
  if (run !== undefined) accepted.push(runId)
}

/** A third of the runs has a limit that it may pass. */
function limits(random: () => number): RunLimits | undefined {
  const luck = random()
  if (luck < 0.1) return { steps: 1 + Math.floor(random() * 8) }
  if (luck < 0.2) return { durationMs: 1 + Math.floor(random() * 20_000) }
  return luck < 0.3 ? { parallel: 1 } : undefined
}

async function toOne({ roots, weather, clock }: Story, { ops }: Hired, say: (run: Run) => Promise<void>): Promise<void> {
  const runId = pick(roots, weather.random)
  if (runId !== undefined) await attempt(clock, async () => say(await ops.run(runId)))
}

/** One of three signals, each of which may come many times. */
function signal(story: Story, hired: Hired): Promise<void> {
  const id = `go-${Math.floor(story.weather.random() * 3)}`
  return toOne(story, hired, (run) => run.signal('go', { from: id }, { id }))
}

async function answerOne({ weather, clock, backend: { truth } }: Story, { ops }: Hired): Promise<void> {
  const { runs } = await truth.list({ status: ['waiting', 'running', 'queued'] }, { limit: 100 })
  const run = pick(runs, weather.random)
  if (run === undefined) return
  const approves = weather.random() < 0.7
  await attempt(clock, async () => {
    const handle = await ops.run(run.runId)
    for (const { key } of await handle.approvals()) {
      if (approves) await handle.approve(key, { by: 'ada' })
      else await handle.deny(key, { by: 'bob', reason: 'no' })
    }
  })
}

/** A deploy: a worker drains with little patience, and another one takes its place. */
async function replaceWorker(story: Story, { life, ops }: Hired): Promise<void> {
  if (life.isFrozen) return
  const draining = ops.drain(story.weather.random() < 0.5 ? 1 : 500)
  await Promise.all([draining.catch(() => {}), story.clock.advance(5_000)])
  await takePlace(story, life.name)
}

async function kill(story: Story, { life }: Hired): Promise<void> {
  life.die()
  await takePlace(story, life.name)
}

/** Somebody comes in place of one who is gone. */
export async function takePlace(story: Story, name: string): Promise<void> {
  const index = story.workers.findIndex(({ life }) => life.name === name)
  story.workers[index] = await hire(story, index)
}

function freezeOrThaw({ weather }: Story, { life }: Hired): void {
  if (life.isFrozen) life.thaw()
  else life.freeze()
  weather.note(`${life.name} is ${life.isFrozen ? 'frozen' : 'thawed'}`)
}

/** It forgets what it holds, or is down until the next time. */
function brokerTrouble({ weather, broker }: Story): void {
  if (weather.random() < 0.5) broker.forget()
  else weather.isBrokerDown = !weather.isBrokerDown
  weather.note(`the broker ${weather.isBrokerDown ? 'is down' : 'works, and has forgotten what it held'}`)
}
