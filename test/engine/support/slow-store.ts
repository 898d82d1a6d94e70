import type { RunEvent, Store } from '../../../src/index.ts'
import { manualClock, type ManualClock } from '../../../src/testing/index.ts'
import { gate, type Gate } from './parts.ts'
import { settle } from './world.ts'
import { memoryStore, wrapStore } from './wrappers.ts'

/** A write that a store holds back. */
export interface Held {
  readonly events: readonly RunEvent[]
  /** Lets it through. */
  readonly pass: Gate
}

/** What {@link slowStore} gives. */
export interface SlowStore {
  readonly options: { readonly clock: ManualClock; readonly store: Store }
  readonly clock: ManualClock
  readonly held: Held[]
  /** Lets through what is held back now. */
  readonly release: () => Promise<void>
  /** Lets through all, from now on too. */
  readonly open: () => Promise<void>
}

/** A store that survives, unless it is said to keep nothing, and that holds back each write until it is let through. */
export function slowStore({ durability = 'disk' }: Partial<Pick<Store['capabilities'], 'durability'>> = {}): SlowStore {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const held: Held[] = []
  let isOpen = false
  const store = wrapStore(inner, {
    capabilities: { ...inner.capabilities, durability },
    async append(fence, after, events, ...rest) {
      const pass = gate()
      held.push({ events, pass })
      if (!isOpen) await pass.promise
      return inner.append(fence, after, events, ...rest)
    },
  })
  const release = async (): Promise<void> => {
    for (const { pass } of held.splice(0)) pass.open()
    await settle(clock)
  }
  const open = async (): Promise<void> => {
    isOpen = true
    await release()
  }
  return { options: { clock, store }, clock, held, release, open }
}

/** The types of events in each write that is held back. */
export const types = (held: readonly Held[]): string[] => held.map(({ events }) => events.map(({ type }) => type).join(' '))
