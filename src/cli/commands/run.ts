import {
  type Agent,
  OpspawnError,
  type Orchestrator,
  type Run,
  type RunOutcome,
  type RunRecord,
  type StartOptions,
} from '../../core/index.ts'
import type { LocalOptions } from '../../index.ts'
import type { Call, CliCommand } from '../command.ts'
import { type LoadedConfig, readConfig, requireConfig } from '../config-file.ts'
import { showDuration } from '../duration.ts'
import { tellFaults } from '../faults.ts'
import { nearest } from '../nearest.ts'
import { configuredStore, withAgents } from '../open.ts'
import { withParts } from '../parts.ts'
import { readInput } from '../read-input.ts'
import { reportFailure, usageError } from '../report-error.ts'
import { type RunResult, summaryOf } from '../timeline.ts'
import { visible } from '../visible.ts'
import { watch } from '../watch.ts'
import { isWorkflowFile, loadWorkflowFile } from '../workflow-file.ts'

/** As a shell counts who was ended by a signal. */
const LEFT = { SIGINT: 130, SIGTERM: 143 } as const

/** `opspawn run` */
export const run: CliCommand = {
  name: 'run',
  summary: 'Starts a run of an agent or a workflow, waits for its end, and prints what it gave.',
  arguments: [
    { name: '<target>', meaning: 'name of an agent or workflow of the configuration, or the file of a workflow document' },
    { name: '[words...]', meaning: 'the input as text' },
  ],
  options: [
    { flags: '-i, --input <json>', meaning: 'the input: JSON or text, @FILE (JSON, YAML or text), or - for standard input' },
    { flags: '-s, --set <name=value>', meaning: 'a member of the input; may be repeated', isRepeatable: true },
    { flags: '-w, --watch', meaning: 'show what happens while it happens' },
    { flags: '-d, --detach', meaning: 'only hand the run in, and print its id; a worker does it' },
    { flags: '--id <run>', meaning: 'id of the run (default: made up)' },
    { flags: '--key <key>', meaning: 'idempotency key: the same key with the same input gives the run that exists' },
    { flags: '--tenant <name>', meaning: 'whose run it is (default: default)' },
    { flags: '--session <name>', meaning: 'session whose earlier runs it sees' },
    { flags: '--priority <number>', meaning: 'higher first (default: 0)' },
    { flags: '--timeout <time>', meaning: 'longest life of the run: 30s, 5m, 2h' },
  ],
  needs: ['config', 'store'],
  json: 'RunResult; with --watch one line for each event, { event: RunStreamEvent }, then { result: RunResult }',
  async run(call) {
    const [target = '', ...words] = call.args
    const isFile = isWorkflowFile(target)
    const config = isFile ? await readConfig(call) : await requireConfig(call)
    const input = await readInput(call, words)
    const workflow = isFile ? await loadForRun(call, target, config) : undefined
    const agent = workflow?.name ?? target
    const isDetached = call.options.flag('detach')
    requireDurable(call, config, isDetached)
    const more = { work: !isDetached, ...(workflow === undefined ? undefined : { agents: [workflow as Agent] }) }
    return withAgents(call, more, config, async (orchestrator) => {
      requireAgent(orchestrator, agent)
      sayWhereItIs(call, orchestrator)
      const started = await orchestrator.start(agent, input, startOptions(call))
      if (!isDetached) return attend(call, orchestrator, started)
      call.output.give(resultOf(await orchestrator.record(started.id)), () => started.id)
      return 0
    })
  },
}

async function loadForRun({ surroundings: { cwd } }: Call, file: string, config: LoadedConfig | undefined): Promise<Agent> {
  const options: LocalOptions = config?.options ?? {}
  return withParts(options, (parts) => loadWorkflowFile(cwd, file, config === undefined ? undefined : parts))
}

function requireDurable(call: Call, config: LoadedConfig | undefined, isDetached: boolean): void {
  if (!isDetached || call.options.text('store') !== undefined) return
  const store = configuredStore(config?.options ?? {})
  if (typeof store === 'string' || store?.capabilities.multiProcess === true) return
  throw usageError('--detach needs a store that a worker shares', 'name a file in the configuration, or give --store runs.db')
}

function requireAgent(orchestrator: Orchestrator, name: string): void {
  const names = orchestrator.agents().map((agent) => agent.name)
  if (names.includes(name)) return
  const near = nearest(name, names)
  // Another name is refused by `start`, which says which there are.
  if (near !== undefined) throw new OpspawnError('AGENT_UNKNOWN', `there is no agent "${name}"; did you mean ${near}?`)
}

function sayWhereItIs({ output }: Call, { durability }: Orchestrator): void {
  if (durability !== 'none') return
  output.remark(output.noteStyle('dim', 'the run is kept in memory and lost with this process; --store runs.db keeps it'))
}

function startOptions({ options }: Call): StartOptions {
  const timeout = options.durationMs('timeout')
  const priority = options.text('priority')
  if (priority !== undefined && !/^-?\d{1,9}$/.test(priority))
    throw usageError(`--priority must be a whole number, not "${priority}"`)
  const texts = {
    runId: options.text('id'),
    idempotencyKey: options.text('key'),
    tenant: options.text('tenant'),
    session: options.text('session'),
  }
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined)),
    ...(priority === undefined ? undefined : { priority: Number(priority) }),
    ...(timeout === undefined ? undefined : { limits: { durationMs: timeout } }),
  }
}

/** Waits for the end of a run. The first interrupt asks it to end, the second leaves it. */
async function attend(call: Call, orchestrator: Orchestrator, started: Run): Promise<number> {
  const { output, surroundings } = call
  const watching = watch(call, started)
  const stopFaults = tellFaults(output, orchestrator)
  let leave: (code: number) => void = () => {}
  const left = new Promise<number>((resolve) => (leave = resolve))
  let interrupts = 0
  const stopListening = surroundings.onInterrupt((name) => {
    interrupts += 1
    if (name === 'SIGTERM' || interrupts > 1) return leave(LEFT[name])
    watching.say('asking the run to end; once more to leave it')
    started.cancel('interrupted on the command line').catch(() => {})
  })
  try {
    const outcome = await Promise.race([started.result, left])
    // The outcome may be known before its last events are.
    if (typeof outcome !== 'number') await watching.shown
    await watching.end()
    if (typeof outcome !== 'number') return tell(call, await orchestrator.record(started.id), outcome)
    // What is under way is handed back for another worker.
    await orchestrator.drain(0)
    output.remark(`left run ${started.id}`)
    return outcome
  } finally {
    await watching.end()
    stopFaults()
    stopListening()
  }
}

function tell(call: Call, record: RunRecord, outcome: RunOutcome): number {
  const { output } = call
  const result = resultOf(record)
  if (output.isJson) {
    if (call.options.flag('watch')) output.jsonLine({ result })
    else output.json(result)
  } else {
    if (outcome.status === 'completed') {
      const { output: given } = outcome
      output.line(typeof given === 'string' ? visible(given) : JSON.stringify(given, null, 2))
    }
    const { steps, tokens } = record.spending.used
    const mark =
      outcome.status === 'completed' ? output.noteStyle('green', outcome.status) : output.noteStyle('red', outcome.status)
    output.note(`${mark} run ${record.runId}: ${steps} model calls, ${tokens} tokens, ${showDuration(result.durationMs)}`)
  }
  return outcome.status === 'completed' ? 0 : reportFailure(output, outcome.error)
}

/** What a run came to, as `--json` tells it. */
function resultOf(record: RunRecord): RunResult {
  return { ...summaryOf(record), durationMs: record.updatedAt - record.createdAt }
}
