import { isRecorded, type Run, type RunStreamEvent } from '../core/index.ts'
import type { Call } from './command.ts'
import { eventText } from './event-text.ts'
import { LiveView } from './live-view.ts'
import type { Output } from './output.ts'
import { ProgressBar } from './progress-bar.ts'
import { oneLine } from './visible.ts'

/** Shows a run while it goes on. Call the result when it is over, or nobody waits any longer. */
export function watch(call: Call, run: Run): () => Promise<void> {
  const { output, options } = call
  const isWatched = options.flag('watch')
  const stop = new AbortController()
  const view = isWatched && output.isLive ? new LiveView(output, `${run.agent} ${run.id}`) : undefined
  const bar = isWatched ? undefined : new ProgressBar(output, `${run.agent} ${run.id}`)
  const show = (event: RunStreamEvent): void => {
    if (event.type === 'approval-request') sayHow(output, run, event.key, view)
    if (!isWatched) return
    if (output.isJson) output.jsonLine({ event })
    else if (view === undefined) output.note(lineOf(event))
    else view.take(event)
  }
  const following = follow(run, show, stop.signal)
  return async () => {
    stop.abort(stopped)
    await following
    view?.end()
    bar?.end()
  }
}

const stopped = Symbol('stopped')

async function follow(run: Run, show: (event: RunStreamEvent) => void, signal: AbortSignal): Promise<void> {
  try {
    for await (const event of run.events(0, { signal })) show(event)
  } catch (error) {
    // Why the run cannot be watched is also why it has no result: that is where it is said.
    if (error !== stopped) return
  }
}

function lineOf(event: RunStreamEvent): string {
  const time = new Date(isRecorded(event) ? event.at : Date.now()).toISOString().slice(11, 23)
  return `${time} ${event.type} ${eventText(event).text}`
}

/** A run that waits for a person would seem to hang. */
function sayHow(output: Output, { id }: Run, key: string, view: LiveView | undefined): void {
  if (output.isJson) return
  const how = `run ${id} waits for a person: opspawn approve ${id} ${oneLine(key)} --by YOU, or deny`
  if (view === undefined) output.note(how)
  else view.say(how)
}
