import type { Orchestrator, RunStatus } from '../../core/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { readConfig } from '../opening/config-file.ts'
import { eventText } from '../showing/event-text.ts'
import { tellFaults } from '../showing/faults.ts'
import { requireShared, withAgents } from '../opening/open.ts'
import { usageError } from '../calling/report-error.ts'
import { loadWorkflowFiles } from '../opening/workflow-file.ts'

/** Exit code of a worker that did not wait for its drain. */
const LEFT = 130
const LOOK_MS = 250
const DRAIN_MS = 10_000
/** A run in one of these has something to be done now. */
const BUSY: readonly RunStatus[] = ['queued', 'running']

/** `opspawn worker` */
export const worker: CliCommand = {
  name: 'worker',
  summary: 'Works on the runs of a store until it is stopped; a signal lets runs reach a safe point, a second one does not.',
  options: [
    { flags: '--workflow <file>', meaning: 'also work on runs of this workflow document; may be repeated', isRepeatable: true },
    { flags: '--concurrency <count>', meaning: 'runs worked on at once (default: as configured)' },
    { flags: '--queue <name>', meaning: 'only runs of this queue; may be repeated', isRepeatable: true },
    { flags: '--drain <time>', meaning: 'how long runs get to reach a safe point (default: 10s)' },
    { flags: '--until-idle', meaning: 'end when no run of these agents is queued or running' },
  ],
  needs: ['config', 'store'],
  json: 'one line for each happening: { ready: { pid: number; agents: string[] } }, { runId: string; event: RunEvent } for starts, claims and ends, { handedBack: string[] }',
  async run(call) {
    const config = await readConfig(call)
    requireShared(call, config, 'a worker needs a store that others share')
    const workflows = await loadWorkflowFiles(call, config)
    if (workflows.length === 0 && config === undefined)
      throw usageError('a worker needs agents', 'give them in opspawn.config.ts, or workflow documents with --workflow')
    const concurrency = call.options.count('concurrency')
    const queues = call.options.list('queue')
    const options = {
      ...(concurrency === undefined ? undefined : { concurrency }),
      ...(queues.length === 0 ? undefined : { queues }),
    }
    const drainMs = call.options.durationMs('drain') ?? DRAIN_MS
    return withAgents(call, { work: true, agents: workflows, options }, config, (orchestrator) =>
      work(call, orchestrator, drainMs),
    )
  },
}

async function work(call: Call, orchestrator: Orchestrator, drainMs: number): Promise<number> {
  const { output, options } = call
  const interrupted = listen(call)
  const stops = [interrupted.end, ...tellWork(call, orchestrator)]
  const idle = new Promise<void>((resolve) => {
    if (options.flag('until-idle')) stops.push(watchForIdle(orchestrator, resolve))
  })
  try {
    await Promise.race([interrupted.once, idle])
    const drained = orchestrator.drain(drainMs).then(({ handedBack }) => {
      if (output.isJson) output.jsonLine({ handedBack })
      else if (handedBack.length > 0) output.note(`handed back: ${handedBack.join(', ')}`)
      return 0
    })
    return await Promise.race([drained, interrupted.twice.then(() => LEFT)])
  } finally {
    for (const end of stops) end()
  }
}

/** Who reads that the worker is ready may stop it at once, so this comes before it is said. */
function listen({ output, surroundings }: Call): {
  readonly once: Promise<void>
  readonly twice: Promise<void>
  readonly end: () => void
} {
  let stop: () => void = () => {}
  let leave: () => void = () => {}
  const once = new Promise<void>((resolve) => (stop = resolve))
  const twice = new Promise<void>((resolve) => (leave = resolve))
  let count = 0
  const end = surroundings.onInterrupt(() => {
    count += 1
    if (count > 1) return leave()
    output.remark('stopping; once more to leave runs where they are')
    stop()
  })
  return { once, twice, end }
}

/** Says what the worker does; gives what ends the telling. */
function tellWork({ output }: Call, orchestrator: Orchestrator): (() => void)[] {
  const agents = orchestrator.agents().map(({ name }) => name)
  if (output.isJson) output.jsonLine({ ready: { pid: process.pid, agents } })
  else output.note(`worker ${process.pid} is ready: ${agents.join(', ')}; durability ${orchestrator.durability}`)
  return [
    orchestrator.on('event', (runId, event) => {
      if (event.type !== 'run-start' && event.type !== 'run-claim' && event.type !== 'run-end') return
      if (output.isJson) output.jsonLine({ runId, event })
      else output.note(`${new Date(event.at).toISOString()} ${runId} ${event.type} ${eventText(event).text}`)
    }),
    tellFaults(output, orchestrator),
  ]
}

/** Calls once no run of these agents has anything to be done. */
function watchForIdle(orchestrator: Orchestrator, idle: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const look = async (): Promise<void> => {
    const found = await Promise.all(
      orchestrator.agents().map(async ({ name }) => (await orchestrator.list({ agent: name, status: BUSY }, { limit: 1 })).runs),
    )
    if (isOver) return
    if (found.every((runs) => runs.length === 0)) idle()
    else again()
  }
  const again = (): void => {
    // A look that fails says nothing of the runs: the next one may.
    timer = setTimeout(() => void look().catch(again), LOOK_MS)
  }
  again()
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}
