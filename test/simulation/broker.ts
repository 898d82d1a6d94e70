import type { Scheduler, TaskRef } from '../../src/index.ts'
import { shuffled } from '../../src/testing/index.ts'
import { fastqScheduler, wrapScheduler } from '../engine/support/wrappers.ts'
import type { Life } from './life.ts'
import { pick, type Weather } from './weather.ts'

/** Carries hints between all workers, badly. */
export interface Broker {
  /** What one worker has of it. */
  connect(life: Life): Scheduler
  /** Loses everything that was not delivered yet. */
  forget(): void
}

/** A broker that loses, doubles, delays and shuffles hints, gives them to anybody, and is down at times. */
export function createBroker(weather: Weather): Broker {
  const ends: { readonly life: Life; readonly pass: (tasks: readonly TaskRef[]) => Promise<void> }[] = []
  let late: TaskRef[] = []

  function fate(task: TaskRef): readonly TaskRef[] {
    const luck = weather.isCalm ? 1 : weather.random()
    if (luck < 0.1) return []
    if (luck < 0.2) return [task, task]
    if (luck < 0.3) late.push(task)
    return luck < 0.3 ? [] : [task]
  }

  return {
    connect(life) {
      const inner = fastqScheduler()
      ends.push({ life, pass: (tasks) => inner.publish(tasks) })
      return wrapScheduler(inner, async (tasks, pass) => {
        await life.awake()
        if (weather.isBrokerDown && !weather.isCalm) return
        const now = late
        late = []
        const all = [...now, ...tasks.flatMap(fate)]
        if (weather.isCalm) return pass(all)
        // A hint to one who is gone is lost.
        for (const task of shuffled(all, weather.random)) {
          const end = pick(ends, weather.random)
          if (end !== undefined && !end.life.isDead) await end.pass([task])
        }
        if (weather.random() < 0.05) throw new Error('the confirmation of the broker is lost')
      })
    },
    forget() {
      late = []
    },
  }
}
