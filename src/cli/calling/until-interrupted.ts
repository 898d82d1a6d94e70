import { OpspawnError } from '../../core/index.ts'
import type { Surroundings } from '../terminal/surroundings.ts'

/** Does what can be stopped and begun again: an interrupt ends it with `RUN_CANCELLED`. */
export async function untilInterrupted<T>(surroundings: Surroundings, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const stopListening = surroundings.onInterrupt(() =>
    controller.abort(new OpspawnError('RUN_CANCELLED', 'interrupted; the same command goes on from here')),
  )
  try {
    return await work(controller.signal)
  } finally {
    stopListening()
  }
}
