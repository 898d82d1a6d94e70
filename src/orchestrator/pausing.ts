// Setting a run aside and letting it go on: both are signals, and the last word that the history has of them counts.
import { type RunEvent, type Signal, toJson } from '../core/index.ts'
import { PAUSE, RESUME } from './engine.ts'
import { createId } from './system.ts'

/** What the signals carry: why, and who asked. */
export interface PausePayload {
  readonly reason?: string
  readonly by: string | undefined
}

/** The request to set a run aside, or to let it go on. Its id is new each time, since a run may be paused again and again. */
export function pauseSignal(name: typeof PAUSE | typeof RESUME, payload: PausePayload): Signal {
  return { id: `${name}:${createId()}`, name, payload: toJson(payload) }
}

/** Whether the last word in a history is that the run is to be set aside. */
export function isSetAside(events: readonly RunEvent[]): boolean {
  const word = events.findLast((event) => event.type === 'signal' && pauses(event.name) !== undefined)
  return word?.type === 'signal' && word.name === PAUSE
}

/** What a signal says of it: `true` to set the run aside, `false` to go on; nothing where it is about something else. */
export function pauses(name: string): boolean | undefined {
  if (name === PAUSE) return true
  return name === RESUME ? false : undefined
}
