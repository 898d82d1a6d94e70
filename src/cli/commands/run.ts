import { type Agent, OpspawnError, type Orchestrator, type StartOptions } from '../../core/index.ts'
import type { LocalOptions } from '../../index.ts'
import { ATTEND_JSON, ATTEND_OPTIONS, attendOptions, seeTo } from '../runs/attend.ts'
import { callerOf } from '../calling/caller.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { type LoadedConfig, readConfig, requireConfig } from '../opening/config-file.ts'
import { nearest } from '../calling/nearest.ts'
import { requireShared, withAgents } from '../opening/open.ts'
import { withParts } from '../opening/parts.ts'
import { readInput } from '../opening/read-input.ts'
import { isWorkflowFile, loadWorkflowFile } from '../opening/workflow-file.ts'

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
    { flags: '--tenant <name>', meaning: 'whose run it is (default: default)' },
    { flags: '--as <principal>', meaning: 'who is behind the run, for rules and tools' },
    { flags: '--role <name>', meaning: 'a role of --as; may be repeated', isRepeatable: true },
    { flags: '--session <name>', meaning: 'session whose earlier runs it sees' },
    ...ATTEND_OPTIONS,
  ],
  needs: ['config', 'store'],
  json: ATTEND_JSON,
  async run(call) {
    const [target = '', ...words] = call.args
    const isFile = isWorkflowFile(target)
    const config = isFile ? await readConfig(call) : await requireConfig(call)
    const input = await readInput(call, words)
    const workflow = isFile ? await loadForRun(call, target, config) : undefined
    const agent = workflow?.name ?? target
    const isDetached = call.options.flag('detach')
    if (isDetached) requireShared(call, config, '--detach needs a store that a worker shares')
    const more = { work: !isDetached, ...(workflow === undefined ? undefined : { agents: [workflow as Agent] }) }
    return withAgents(call, more, config, async (orchestrator) => {
      requireAgent(orchestrator, agent)
      sayWhereItIs(call, orchestrator)
      return seeTo(call, orchestrator, await orchestrator.start(agent, input, startOptions(call)))
    })
  },
}

async function loadForRun({ surroundings: { cwd } }: Call, file: string, config: LoadedConfig | undefined): Promise<Agent> {
  const options: LocalOptions = config?.options ?? {}
  return withParts(options, (parts) => loadWorkflowFile(cwd, file, config === undefined ? undefined : parts))
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

function startOptions(call: Call): StartOptions {
  const texts = { tenant: call.options.text('tenant'), session: call.options.text('session') }
  const caller = callerOf(call)
  return {
    ...attendOptions(call),
    ...(caller === undefined ? undefined : { caller }),
    ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined)),
  }
}
