import { type Agent, OpspawnError, type RunEvent } from '../../core/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { requireConfig } from '../opening/config-file.ts'
import { readHistory } from '../runs/history.ts'
import { nearest } from '../calling/nearest.ts'
import { withRuns } from '../opening/open.ts'
import { withParts } from '../opening/parts.ts'
import { usageError } from '../calling/report-error.ts'
import { isWorkflowFile, loadWorkflowFile } from '../opening/workflow-file.ts'

/** `opspawn graph` */
export const graph: CliCommand = {
  name: 'graph',
  summary: 'Draws a workflow for Mermaid or Graphviz; with a run, each task in its state.',
  arguments: [
    { name: '[workflow]', meaning: 'workflow document, or name of a workflow of the configuration (default: that of the run)' },
  ],
  options: [
    { flags: '--format <format>', meaning: 'language of the drawing (default: mermaid)', choices: ['mermaid', 'dot'] },
    { flags: '--run <run>', meaning: 'show where this run stands' },
  ],
  needs: ['config', 'store'],
  json: "{ workflow: string; format: 'mermaid' | 'dot'; text: string; tasks?: LiveTask[] }",
  async run(call) {
    const runId = call.options.text('run')
    const history = runId === undefined ? undefined : await withRuns(call, (runs) => readHistory(runs, runId))
    const target = call.args[0] ?? history?.record.agent
    if (target === undefined) throw usageError('which workflow?', 'name a document or a workflow, or give --run')
    await draw(call, await find(call, target), history?.events)
    return 0
  },
}

async function draw(call: Call, workflow: Agent, events: readonly RunEvent[] | undefined): Promise<void> {
  const { taskStates, toDot, toMermaid } = await import('../../plugins/planner-workflow/index.ts')
  const format = call.options.text('format') ?? 'mermaid'
  const text = (format === 'dot' ? toDot : toMermaid)(workflow, events)
  const tasks = events === undefined ? undefined : { tasks: taskStates(workflow, events) }
  call.output.give({ workflow: workflow.name, format, text, ...tasks }, () => text.trimEnd())
}

async function find(call: Call, target: string): Promise<Agent> {
  // Drawn whatever it names: only running it needs the parts.
  if (isWorkflowFile(target)) return loadWorkflowFile(call.surroundings.cwd, target)
  const config = await requireConfig(call)
  return withParts(config.options, async ({ agents }) => {
    const found = agents.find(({ name }) => name === target)
    if (found !== undefined) return found
    const near = nearest(
      target,
      agents.map(({ name }) => name),
    )
    const hint = near === undefined ? '' : `; did you mean ${near}?`
    throw new OpspawnError('AGENT_UNKNOWN', `there is no workflow "${target}" in ${config.path}${hint}`)
  })
}
