import type { Effect, RunEvent } from '../../../src/index.ts'
import { ofType, until, type World } from './world.ts'

/** A wait for so long. */
export const wait = (ms: number, key = 'sleep'): Effect => ({ kind: 'wait', key, for: { type: 'time', ms } })
/** A wait for a signal. */
export const news: Effect = { kind: 'wait', key: 'news', for: { type: 'signal', name: 'news' } }

/** Lets things happen until a run has that status. */
export async function reaches({ clock, ops }: World, runId: string, status: string): Promise<void> {
  await until(clock, `${runId} is ${status}`, async () => (await ops.record(runId)).status === status)
}

/** What people said of it, as it stands in the history. */
export function words(events: readonly RunEvent[]): unknown[] {
  return ofType(events, 'signal').map(({ name, payload }) => [name, payload])
}
