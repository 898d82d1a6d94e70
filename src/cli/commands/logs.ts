import {
  isRecorded,
  type Orchestrator,
  type RunEvent,
  type RunFilter,
  type RunRecord,
  type RunStreamEvent,
} from '../../core/index.ts'
import { filterOf, WHOSE_OPTIONS } from '../runs/chosen-runs.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { eventText, type Level, LEVELS } from '../showing/event-text.ts'
import { eachRun, eventsUntil } from '../runs/history.ts'
import { withRuns } from '../opening/open.ts'
import type { Output, Style } from '../terminal/output.ts'

const LOOK_MS = 250
/** Runs looked through when no time is given. */
const MOST_RUNS = 100

/** `opspawn logs` */
export const logs: CliCommand = {
  name: 'logs',
  summary: 'Prints the events of a run, or of many; with -f also those to come.',
  arguments: [{ name: '[run]', meaning: `id of a run (default: the ${MOST_RUNS} newest that fit)` }],
  options: [
    { flags: '-f, --follow', meaning: 'go on until the run ends, or until interrupted' },
    ...WHOSE_OPTIONS,
    { flags: '--type <type>', meaning: 'only events of this type; may be repeated', isRepeatable: true },
    { flags: '--level <level>', meaning: 'only events of this level and above (default: info)', choices: LEVELS },
    { flags: '--since <time>', meaning: 'only events since then: 10m, 2h, or a date' },
    { flags: '--until <time>', meaning: 'only events before then' },
  ],
  needs: ['config', 'store'],
  json: 'one line for each event: { runId: string; agent: string; level: Level; event: RunEvent }',
  run: (call) =>
    withRuns(call, async (runs) => {
      const stop = new AbortController()
      const end = (): void => stop.abort(over)
      call.output.gone.addEventListener('abort', end)
      const stopListening = call.options.flag('follow') ? call.surroundings.onInterrupt(end) : undefined
      try {
        const [runId] = call.args
        if (runId === undefined) await ofAll(call, runs, stop.signal)
        else await ofOne(call, runs, runId, stop.signal)
      } catch (error) {
        if (error !== over) throw error
      } finally {
        stopListening?.()
        call.output.gone.removeEventListener('abort', end)
      }
      return 0
    }),
}

const over = Symbol('over')
type Print = (record: Pick<RunRecord, 'runId' | 'agent'>, event: RunStreamEvent) => void

async function ofOne(call: Call, runs: Orchestrator, runId: string, signal: AbortSignal): Promise<void> {
  const print = printer(call)
  const record = await runs.record(runId)
  if (!call.options.flag('follow')) {
    for (const event of await eventsUntil(runs, runId, 0, record.seq)) print(record, event)
    return
  }
  const run = await runs.run(runId)
  for await (const event of run.events(0, { signal })) if (isRecorded(event)) print(record, event)
}

/** What happened in all runs so far in the order of time, then what comes, run by run. */
async function ofAll(call: Call, runs: Orchestrator, signal: AbortSignal): Promise<void> {
  const { options } = call
  const print = printer(call)
  const since = options.moment('since', Date.now())
  const filter = filterOf(call)
  const seen = new Map<string, number>()
  const first: { readonly record: RunRecord; readonly event: RunEvent }[] = []
  for await (const record of eachRun(runs, filter, since === undefined ? MOST_RUNS : Infinity)) {
    seen.set(record.runId, record.seq)
    if (since !== undefined && record.updatedAt < since) continue
    for (const event of await eventsUntil(runs, record.runId, 0, record.seq)) first.push({ record, event })
  }
  first.sort((left, right) => left.event.at - right.event.at)
  for (const { record, event } of first) print(record, event)
  while (options.flag('follow') && !signal.aborted) {
    await pause(LOOK_MS, signal)
    await printNews(runs, filter, seen, print)
  }
}

/** Runs come newest first: from the first one on that was final at the last look, only open ones can have news. */
async function printNews(runs: Orchestrator, filter: RunFilter, seen: Map<string, number>, print: Print): Promise<void> {
  const changed: RunRecord[] = []
  for await (const record of eachRun(runs, filter, MOST_RUNS))
    if (record.seq > (seen.get(record.runId) ?? 0)) changed.push(record)
  const open = ['queued', 'running', 'waiting', 'paused', 'quarantined'] as const
  for await (const record of eachRun(runs, { ...filter, status: open }))
    if (record.seq > (seen.get(record.runId) ?? 0) && !changed.some(({ runId }) => runId === record.runId)) changed.push(record)
  for (const record of changed.reverse()) {
    for (const event of await eventsUntil(runs, record.runId, seen.get(record.runId) ?? 0, record.seq)) print(record, event)
    seen.set(record.runId, record.seq)
  }
}

const STYLES: Readonly<Record<Level, Style>> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' }

function printer({ options, output }: Call): Print {
  const now = Date.now()
  const least = LEVELS.indexOf((options.text('level') as Level | undefined) ?? 'info')
  const types = options.list('type')
  const since = options.moment('since', now) ?? -Infinity
  const until = options.moment('until', now) ?? Infinity
  return ({ runId, agent }, event) => {
    if (!isRecorded(event) || event.at < since || event.at >= until) return
    if (types.length > 0 && !types.includes(event.type)) return
    const { level, text } = eventText(event)
    // Who names a type wants to see it, whatever its level.
    if (types.length === 0 && LEVELS.indexOf(level) < least) return
    if (output.isJson) output.jsonLine({ runId, agent, level, event })
    else output.line(textLine(output, level, runId, agent, event, text))
  }
}

function textLine(output: Output, level: Level, runId: string, agent: string, event: RunEvent, text: string): string {
  const time = output.style('dim', new Date(event.at).toISOString())
  return `${time} ${output.style(STYLES[level], level.padEnd(5))} ${runId} ${agent} ${event.type} ${text}`
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end)
      resolve()
    }, ms)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
}
