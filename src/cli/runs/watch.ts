import { isRecorded, type Run, type RunStreamEvent } from '../../core/index.ts'
import type { Call } from '../calling/command.ts'
import { eventText } from '../showing/event-text.ts'
import { LiveView } from '../showing/live-view.ts'
import { ProgressBar } from '../terminal/progress-bar.ts'
import { oneLine } from '../terminal/visible.ts'

/** A run that is shown while it goes on. */
export interface Watch {
  /** A remark between what is drawn. */
  say(text: string): void
  /** Resolves when all is shown, the run's last event too. */
  readonly shown: Promise<void>
  /** Shows no more. Idempotent. */
  end(): Promise<void>
}

/** Shows a run while it goes on. */
export function watch(call: Call, run: Run): Watch {
  const { output, options } = call
  const isWatched = options.flag('watch')
  const stop = new AbortController()
  const view = isWatched && output.isLive ? new LiveView(output, `${run.agent} ${run.id}`) : undefined
  const bar = isWatched ? undefined : new ProgressBar(output, `${run.agent} ${run.id}`)
  const say = (text: string): void => {
    if (output.isJson) return
    if (view !== undefined) view.say(text)
    else if (bar !== undefined) bar.say(text)
    else output.note(text)
  }
  const begun = new Set<string>()
  const show = (event: RunStreamEvent): void => {
    if (event.type === 'effect-start') begun.add(event.key)
    if (event.type === 'effect-retry') begun.delete(event.key)
    if (event.type === 'approval-request') say(howToAnswer(run, event.key, begun.has(event.key)))
    if (!isWatched) return
    if (output.isJson) output.jsonLine({ event })
    else if (view === undefined) output.note(lineOf(event))
    else view.take(event)
  }
  const following = follow(run, show, stop.signal)
  return {
    say,
    shown: following,
    async end() {
      if (stop.signal.aborted) return
      stop.abort()
      await following
      view?.end()
      bar?.end()
    },
  }
}

async function follow(run: Run, show: (event: RunStreamEvent) => void, signal: AbortSignal): Promise<void> {
  try {
    for await (const event of run.events(0, { signal })) show(event)
  } catch {
    // Nobody waits any longer, or the run cannot be watched: that is also why it has no result, where it is said.
  }
}

function lineOf(event: RunStreamEvent): string {
  const time = new Date(isRecorded(event) ? event.at : Date.now()).toISOString().slice(11, 23)
  return `${time} ${event.type} ${eventText(event).text}`
}

/** A run that waits for a person would seem to hang. */
function howToAnswer({ id }: Run, key: string, isBegun: boolean): string {
  const [answer, other] = isBegun ? ['resolve', '--happened, or --not-happened'] : ['approve', 'or deny']
  return `run ${id} waits for a person: opspawn ${answer} ${id} ${oneLine(key)} --by YOU${isBegun ? ' ' : ', '}${other}`
}
