import { OpspawnError, type Store } from '../../src/index.ts'
import { sharedStore } from '../engine/support/wrappers.ts'
import type { Life } from './life.ts'
import type { Weather } from './weather.ts'

/** Chance of freezing at a call that writes nothing. */
const FREEZE_ODDS = 0.004
/** Twice as long as a lease lasts. */
const LONGEST_FREEZE_MS = 30_000
/** Chance that a write takes its time, on its way there or back. */
const SLOW_ODDS = 0.1
const LONGEST_WRITE_MS = 200

/**
 * A store as one worker sees it: a call fails now and then, before it reached the store or after, all the time while the
 * worker is cut off; nothing comes through while it is frozen, and nothing at all once it is dead.
 */
export function workerStore(store: Store, weather: Weather, life: Life): Store {
  const fail = (): never => {
    throw new OpspawnError('STORE_FAILED', 'the connection broke')
  }
  async function through<T>(name: string, odds: number, work: () => Promise<T>): Promise<T> {
    await life.awake()
    if (!weather.isCalm && life.isCut) return fail()
    const luck = weather.isCalm ? 0.9 : weather.random()
    if (!weather.isCalm && luck > 1 - (name === 'append' ? weather.zombieOdds : FREEZE_ODDS)) {
      weather.note(`${life.name} freezes with ${name} on its way`)
      life.freezeFor(Math.round(weather.random() * LONGEST_FREEZE_MS))
      await life.awake()
    }
    if (luck < odds) {
      weather.note(`${life.name}: ${name} fails before it reaches the store`)
      return fail()
    }
    // What ends in between is answered when the worker goes on, or never.
    const settled = await settle(work)
    await life.awake()
    if (luck < odds * 2) {
      weather.note(`${life.name}: the answer to ${name} is lost`)
      return fail()
    }
    if ('error' in settled) throw settled.error
    return settled.value
  }
  /** The driver of the run ends at a write, before it or behind it, without a word, and the lease runs out. */
  async function perish<T>(work: () => Promise<T>): Promise<T> {
    const luck = weather.isCalm ? 1 : weather.random()
    if (luck < 0.01) throw new Error('the driver died before the write')
    const value = await work()
    if (luck < 0.02) throw new Error('the driver died after the write')
    return value
  }
  /** Now and then a write takes its time: what is sent meanwhile may arrive before it, or be answered before it. */
  async function slowly<T>(work: () => Promise<T>): Promise<T> {
    if (weather.isCalm) return work()
    await delay()
    const settled = await settle(work)
    await delay()
    if ('error' in settled) throw settled.error
    return settled.value
  }
  async function delay(): Promise<void> {
    if (weather.random() >= SLOW_ODDS) return
    const ms = Math.round(weather.random() * LONGEST_WRITE_MS)
    await new Promise<void>((resolve) => void life.clock.setTimer(ms, resolve))
  }
  return sharedStore(store, {
    create: (...given) => through('create', 0.02, () => store.create(...given)),
    claim: (...given) => through('claim', 0.02, () => store.claim(...given)),
    append: (...given) => through('append', 0.02, () => perish(() => slowly(() => store.append(...given)))),
    release: (...given) => through('release', 0.03, () => store.release(...given)),
    heartbeat: (...given) => through('heartbeat', 0.03, () => store.heartbeat(...given)),
    sweep: (...given) => through('sweep', 0.05, () => store.sweep(...given)),
    signal: (...given) => through('signal', 0.02, () => store.signal(...given)),
    read: (...given) => through('read', 0.01, () => store.read(...given)),
    list: (...given) => through('list', 0.01, () => store.list(...given)),
  })
}

async function settle<T>(work: () => Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await work() }
  } catch (error) {
    return { error }
  }
}
