import { createOrchestrator, OpspawnError, type Orchestrator, type Store } from '../../src/index.ts'
import type { ManualClock } from '../../src/testing/index.ts'
import { type Backend, type BackendName, openBackend } from './backends.ts'
import { type Broker, createBroker } from './broker.ts'
import { type Body, cast } from './cast.ts'
import { createLife, type Life } from './life.ts'
import type { Plant } from './plants.ts'
import { createWeather, type Weather } from './weather.ts'
import { createWitness, type Witness } from './witness.ts'
import { workerStore } from './worker-store.ts'

/** A worker at work. */
export interface Hired {
  readonly life: Life
  readonly ops: Orchestrator
}

/** One simulation: everything that it is made of. */
export interface Story {
  readonly clock: ManualClock
  readonly weather: Weather
  readonly backend: Backend
  readonly broker: Broker
  /** Those that work now; each place is taken by one after the other. */
  readonly workers: Hired[]
  /** Ids of runs that were asked for from outside, and of those that were accepted. */
  readonly roots: string[]
  readonly accepted: string[]
  readonly bodies: Body[]
  readonly plant: Plant | undefined
  readonly witness: Witness
  hired: number
}

/** Workers at once. */
const WORKERS = 2

/** Begins a simulation. */
export async function openStory(
  seed: number,
  store: BackendName,
  plant: Plant | undefined,
  clock: ManualClock,
  isCalm = false,
): Promise<Story> {
  const from = clock.now()
  const weather = createWeather(seed, () => clock.now() - from)
  weather.isCalm = isCalm
  weather.zombieOdds = plant?.zombieOdds ?? weather.zombieOdds
  const backend = await openBackend(store, clock, weather, plant?.statements)
  const story: Story = {
    clock,
    weather,
    backend,
    broker: createBroker(weather),
    workers: [],
    roots: [],
    accepted: [],
    bodies: [],
    plant,
    witness: createWitness(backend.truth),
    hired: 0,
  }
  while (story.workers.length < WORKERS) story.workers.push(await hire(story, story.workers.length))
  return story
}

/** A new worker, whose clock is wrong by up to an hour. */
export async function hire(story: Story, index: number): Promise<Hired> {
  const { weather, clock, backend, broker, bodies, plant, witness } = story
  story.hired += 1
  const life = createLife(`w${story.hired}`, clock)
  if (!weather.isCalm) life.skewMs = skew(weather.random)
  weather.note(`${life.name} is hired, its clock ${life.skewMs} ms ahead`)
  const connected = backend.connect(life)
  const stored: Store = plant?.store?.(connected, life, weather) ?? connected
  let made = 0
  const ops = await createOrchestrator({
    agents: cast({ life, random: weather.random, bodies, ...plant }),
    clock: life.clock,
    store: workerStore(witness.watch(stored), weather, life),
    scheduler: broker.connect(life),
    random: weather.random,
    ids: () => `${life.name}-${(made += 1)}`,
    announce: false,
    // Different, so that neither always sweeps first.
    timing: { sweepMs: 700 + index * 300 },
  })
  ops.on('fault', ({ code, message }, { where, runId = '' }) =>
    weather.note(`${life.name}: fault ${code} in ${where} ${runId}: ${message.replaceAll(/\S+runs\.db/g, 'the file')}`),
  )
  ops.on('event', (runId, event) => {
    const key = 'key' in event ? ` ${event.key}` : ''
    weather.note(`${life.name}: ${runId} ${event.seq} ${event.type}${key}`)
  })
  return { life, ops }
}

/** How far a worker's clock is ahead, in milliseconds: half of them are right. */
export function skew(random: () => number): number {
  return random() < 0.5 ? 0 : Math.round((random() * 2 - 1) * 3_600_000)
}

/** Makes a call from outside that may be repeated, until it goes through; undefined where it does not. */
export async function attempt<T>(clock: ManualClock, work: () => Promise<T>): Promise<T | undefined> {
  for (let round = 0; round < 10; round += 1) {
    let settled: { readonly value?: T; readonly isOver: boolean } | undefined
    work().then(
      (value) => (settled = { value, isOver: true }),
      (error: unknown) => (settled = { isOver: !OpspawnError.is(error, 'STORE_FAILED') }),
    )
    // One who is frozen, or dead, answers later or never.
    for (let turn = 0; turn < 5 && settled === undefined; turn += 1) await clock.advance(0)
    if (settled === undefined) return undefined
    if (settled.isOver) return settled.value
  }
  return undefined
}

/** Ends all workers that live. The time limits of their ends go by the clock. */
export async function closeStory({ workers, clock, backend }: Story): Promise<void> {
  for (const { life, ops } of workers) {
    if (life.isDead) continue
    life.thaw()
    await Promise.all([ops.drain(1).catch(() => {}), clock.advance(5_000)])
  }
  await backend.close()
}
