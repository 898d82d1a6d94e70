import { isRecorded, type Json, type Run, type RunStreamEvent } from 'opspawn'

/**
 * A run's events as server-sent events. Recorded ones carry their number as id, so that a browser that lost the
 * connection sends it back as `Last-Event-ID` and misses nothing. Abort the signal when the client has left.
 */
export async function* serverSentEvents(run: Run, lastEventId: string | undefined, signal: AbortSignal): AsyncGenerator<string> {
  const after = Number(lastEventId ?? 0)
  try {
    for await (const event of run.events(Number.isSafeInteger(after) && after > 0 ? after : 0, { signal })) {
      const data = forClients(event)
      if (data === undefined) continue
      const id = isRecorded(event) ? `id: ${event.seq}\n` : ''
      yield `${id}event: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** What the outside may see: a history also holds instructions, arguments and whatever the tools gave. */
function forClients(event: RunStreamEvent): Json | undefined {
  switch (event.type) {
    case 'text-delta':
      return { delta: event.delta }
    case 'decision':
      return { doing: event.effects.map((effect) => (effect.kind === 'tool' ? effect.tool : effect.kind)) }
    case 'run-end':
      return event.outcome.status === 'completed'
        ? { status: 'completed', output: event.outcome.output }
        : { status: event.outcome.status, code: event.outcome.error.code }
    default:
      return undefined
  }
}
