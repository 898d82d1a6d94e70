/** Cases of the list in docs/reference/conformance.md that need several workers and a long time, over both stores. */
import { describe, expect, test } from 'vitest'
import { type Agent, createOrchestrator, defineAgent, type RunRecord, type Store } from '../../src/index.ts'
import { checkHistories, type ManualClock, manualClock, seededRandom } from '../../src/testing/index.ts'
import { MOST_ON_THE_WAY } from '../../src/orchestrator/writing.ts'
import { call, never, noting, planner, stepsPlanner } from '../engine/support/parts.ts'
import { ofType } from '../engine/support/world.ts'
import { fastqScheduler, sharedStore, wrapScheduler } from '../engine/support/wrappers.ts'
import { type Backend, type BackendName, openBackend } from './backends.ts'
import { createLife } from './life.ts'
import type { Hired } from './story.ts'
import { withVirtualTimers } from './virtual-time.ts'
import { createWeather } from './weather.ts'

interface Fleet {
  readonly clock: ManualClock
  readonly truth: Store
  /** A worker of its own over the same store; `change` is put before the store. */
  readonly hire: (agents: readonly Agent[], change?: (store: Store) => Store, losesHints?: boolean) => Promise<Hired>
  /** Lets time pass until all runs have ended. */
  readonly allEnd: (seconds: number) => Promise<readonly RunRecord[]>
}

async function withFleet(name: BackendName, work: (fleet: Fleet) => Promise<void>): Promise<void> {
  const clock = manualClock()
  await withVirtualTimers(clock, async () => {
    const weather = createWeather(1, () => clock.now())
    weather.isCalm = true
    const backend: Backend = await openBackend(name, clock, weather)
    const { truth } = backend
    const hired: Hired[] = []
    const fleet: Fleet = {
      clock,
      truth,
      async hire(agents, change = (store) => store, losesHints = false) {
        const life = createLife(`w${hired.length + 1}`, clock)
        const connected = backend.connect(life)
        // What the dead ask is never answered.
        const store = sharedStore(connected, {
          heartbeat: async (...given) => (life.isDead ? never() : connected.heartbeat(...given)),
          append: async (...given) => (life.isDead ? never() : connected.append(...given)),
          claim: async (...given) => (life.isDead ? never() : connected.claim(...given)),
        })
        let made = 0
        const ops = await createOrchestrator({
          agents,
          store: change(store),
          scheduler: losesHints ? wrapScheduler(fastqScheduler(), async () => {}) : fastqScheduler(),
          clock: life.clock,
          random: seededRandom(1),
          ids: () => `${life.name}-${(made += 1)}`,
          announce: false,
        })
        hired.push({ life, ops })
        return { life, ops }
      },
      async allEnd(seconds) {
        for (let second = 0; second < seconds; second += 1) {
          const { runs } = await truth.list({ status: ['queued', 'running', 'waiting'] }, { limit: 1 })
          if (runs.length === 0) break
          await clock.advance(1_000)
        }
        return (await truth.list({}, { limit: 2_000 })).runs
      },
    }
    try {
      await work(fleet)
      expect(await checkHistories(truth, { isAtRest: true })).toEqual([])
    } finally {
      for (const { life, ops } of hired) if (!life.isDead) await Promise.all([ops.drain(1).catch(() => {}), clock.advance(5_000)])
      await backend.close()
    }
  })
}

/** One call of a tool that does this. */
function caller(body: () => unknown): Agent {
  const tool = noting('work', body, { timeoutMs: 10_000_000 })
  return defineAgent({ name: 'caller', tools: [tool], planner: stepsPlanner([call('work')]) }) as unknown as Agent
}

const startMany = (clock: ManualClock, { ops }: Hired, count: number): Promise<unknown> =>
  Promise.all([
    Promise.all(Array.from({ length: count }, (_, n) => ops.start('caller', n, { runId: `run-${n}` }))),
    clock.advance(10),
  ])

const statuses = (runs: readonly RunRecord[]): readonly string[] => [...new Set(runs.map(({ status }) => status))]

describe.each(['memory', 'sqlite'] as const)('%s', (name) => {
  test('case 9: all workers die with 1,000 runs in hand; each is taken up once, without a stampede (S1, S6)', () =>
    withFleet(name, async ({ clock, truth, hire, allEnd }) => {
      const hangs = caller(never)
      const first = await hire([hangs])
      await startMany(clock, first, 1_000)
      const held = async (): Promise<number> => (await truth.list({ status: ['running'] }, { limit: 2_000 })).runs.length
      // A long burst is handed out turn by turn.
      for (let more = 0; more < 1_000 && (await held()) < 1_000; more += 1) await clock.advance(10)
      expect(await held()).toBe(1_000)
      first.life.die()
      const asked = { claim: 0, sweep: 0 }
      const count = (store: Store): Store =>
        sharedStore(store, {
          claim: (...given) => ((asked.claim += 1), store.claim(...given)),
          sweep: (...given) => ((asked.sweep += 1), store.sweep(...given)),
        })
      const done = caller(() => 'done')
      await Promise.all([hire([done], count), hire([done], count)])
      const from = clock.now()
      const runs = await allEnd(60)
      expect(statuses(runs)).toEqual(['completed'])
      expect(runs.map(({ epoch }) => epoch)).toEqual(runs.map(() => 2))
      // Each is asked for about once, and no more is swept than in quiet times: once a second, and when something is due.
      expect(asked.claim).toBeLessThanOrEqual(2 * runs.length)
      expect(asked.sweep).toBeLessThanOrEqual(((clock.now() - from) / 1_000) * 2 * 5)
    }))

  test('case 16: every hint of 1,000 runs is lost; sweeps find them all (S1)', () =>
    withFleet(name, async ({ clock, hire, allEnd }) => {
      const done = caller(() => 'done')
      const deaf = await hire([done], undefined, true)
      await startMany(clock, deaf, 1_000)
      await hire([done])
      expect(statuses(await allEnd(60))).toEqual(['completed'])
    }))

  test('case 35: a wait for a person survives three restarts, one of them with another version (S10, S16)', () =>
    withFleet(name, async ({ clock, truth, hire, allEnd }) => {
      const send = noting('send', () => 'sent', { effect: 'unsafe', approval: true })
      const clerk = (version: string): Agent =>
        defineAgent({
          name: 'clerk',
          instructions: version,
          tools: [send],
          planner: stepsPlanner([call('send', { to: 'ada' }, 'it')]),
        }) as unknown as Agent
      const first = await hire([clerk('one')])
      await Promise.all([first.ops.start('clerk', 'go', { runId: 'run' }), clock.advance(100)])
      first.life.die()
      const second = await hire([clerk('one')])
      await clock.advance(40_000)
      second.life.die()
      // The new version knows nothing of the run but what stands in the store: the answer is taken, and waits.
      const third = await hire([clerk('two')])
      await clock.advance(40_000)
      const run = await third.ops.run('run')
      expect(await run.approvals()).toMatchObject([{ key: 'it', input: { to: 'ada' } }])
      await run.approve('it', { by: 'ada' })
      await clock.advance(40_000)
      expect(await third.ops.record('run')).toMatchObject({ status: 'queued', epoch: 1 })
      third.life.die()
      await hire([clerk('one')])
      expect(statuses(await allEnd(60))).toEqual(['completed'])
      expect(send.calls).toHaveLength(1)
      expect(ofType(await truth.read('run', 1), 'approval-response')).toMatchObject([{ by: 'ada', approved: true }])
    }))

  test('case 47: a run with thousands of events is taken up in the middle (S17)', () =>
    withFleet(name, async ({ clock, truth, hire, allEnd }) => {
      const STEPS = 1_500
      const body = noting('work', ({ step }) => step)
      const long = defineAgent({
        name: 'long',
        tools: [body],
        limits: { decisions: 2 * STEPS },
        planner: planner((run) => {
          if (run.open > 0) return { type: 'idle' }
          if (run.decisions === STEPS) return { type: 'finish', output: run.settled.length }
          return { type: 'act', effects: [call('work', { step: run.decisions }, `step-${run.decisions}`)] }
        }),
      }) as unknown as Agent
      let appends = 0
      let die = (): void => {}
      const first = await hire([long], (store) =>
        sharedStore(store, {
          append: (...given) => {
            appends += 1
            if (appends === STEPS - 500) die()
            return store.append(...given)
          },
        }),
      )
      die = () => first.life.die()
      await Promise.all([first.ops.start('long', 'go', { runId: 'run' }), clock.advance(1_000)])
      expect((await truth.read('run', 1)).length).toBeGreaterThan(STEPS)
      await hire([long])
      expect(await allEnd(60)).toMatchObject([{ status: 'completed', epoch: 2, outcome: { output: STEPS } }])
      // What may be repeated goes on while writes are on their way: so many are made again, and the one under way.
      expect(body.calls.length).toBeLessThanOrEqual(STEPS + MOST_ON_THE_WAY + 1)
    }))
})
