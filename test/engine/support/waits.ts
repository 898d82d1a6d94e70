import type { Effect } from '../../../src/index.ts'

/** A wait for a signal. */
export function signal(name: string, key: string = name, deadlineMs?: number): Effect {
  return { kind: 'wait', key, for: { type: 'signal', name, ...(deadlineMs === undefined ? {} : { deadlineMs }) } }
}
