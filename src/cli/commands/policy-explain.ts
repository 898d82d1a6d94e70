import type { Agent } from '../../core/index.ts'
import type { CallExplanation, ExplainedCall, PolicyExplanation } from '../../orchestrator/index.ts'
import type { Workflow } from '../../plugins/planner-workflow/index.ts'
import { callerOf } from '../calling/caller.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { requireConfig } from '../opening/config-file.ts'
import { type Parts, withParts } from '../opening/parts.ts'
import { readValue } from '../opening/read-input.ts'
import { usageError } from '../calling/report-error.ts'
import { oneLine } from '../terminal/visible.ts'
import { isWorkflowFile, loadWorkflowFile } from '../opening/workflow-file.ts'

/** `opspawn policy explain` */
export const policyExplain: CliCommand = {
  name: 'policy explain',
  summary: 'Says what the rules of the configuration make of a call, which of them decides, and why the others do not apply.',
  arguments: [
    { name: '<agent>', meaning: 'name of the calling agent' },
    { name: '<tool>', meaning: 'name of the tool or agent that it calls' },
    { name: '[arguments]', meaning: 'JSON, @FILE, or - for standard input (default: {})' },
  ],
  options: [
    { flags: '--tenant <name>', meaning: 'of the run (default: default)' },
    { flags: '--as <principal>', meaning: 'who is behind the run' },
    { flags: '--role <name>', meaning: 'a role of --as; may be repeated', isRepeatable: true },
    { flags: '--task <name>', meaning: 'the task of a workflow that the call is made for: its rules hold too' },
    { flags: '--workflow <which>', meaning: 'with --task: name or file of the workflow (default: <agent>)' },
  ],
  needs: ['config'],
  json: 'CallExplanation',
  async run(call) {
    const [agent = '', tool = '', given = '{}'] = call.args
    const { options } = await requireConfig(call)
    const [input, caller, tenant] = [await readValue(call, given), callerOf(call), call.options.text('tenant')]
    const { explainCall } = await import('../../orchestrator/index.ts')
    const { toolsPlanner } = await import('../../plugins/planner-tools/index.ts')
    const explained = await withParts(options, async (parts) => {
      const policy = { ...options.policy, rules: [...(options.policy?.rules ?? []), ...parts.rules] }
      const whose = { ...(tenant === undefined ? undefined : { tenant }), ...(caller === undefined ? undefined : { caller }) }
      const planner = options.planner ?? toolsPlanner()
      const { agents, ofTask } = await withTask(call, agent, parts)
      return explainCall({ agents, plugins: parts.plugins, policy, planner }, { agent, tool, input, ...whose, ...ofTask })
    })
    call.output.give(explained, () => describe(explained))
    return 0
  },
}

/** The agents, a workflow from a file among them, and the rules of the task. */
async function withTask(
  call: Call,
  agent: string,
  parts: Parts,
): Promise<{ readonly agents: readonly Agent[]; readonly ofTask?: Pick<ExplainedCall, 'rules'> }> {
  const { agents } = parts
  const task = call.options.text('task')
  const which = call.options.text('workflow') ?? agent
  if (task === undefined) {
    if (call.options.text('workflow') === undefined) return { agents }
    throw usageError('--workflow needs --task', 'name the task whose rules hold')
  }
  const isFile = isWorkflowFile(which)
  const workflow = isFile
    ? await loadWorkflowFile(call.surroundings.cwd, which, parts)
    : agents.find(({ name }) => name === which)
  if (workflow?.planner?.name !== 'workflow')
    throw usageError(
      `there is no workflow ${JSON.stringify(which)}`,
      'name one of the configuration, or the file of its document',
    )
  const { taskRules } = await import('../../plugins/planner-workflow/index.ts')
  const others = isFile ? [...agents.filter(({ name }) => name !== workflow.name), workflow] : agents
  return { agents: others, ofTask: { rules: taskRules(workflow as Workflow, task) } }
}

function describe({ verdict, decidedBy, parts, dataFlow }: CallExplanation): string {
  const read = dataFlow === undefined ? [] : [`data-flow: asks once the run has read ${dataFlow.join(' and ')} data`]
  return [`${verdict}, decided by ${oneLine(decidedBy)}`, ...parts.flatMap(partLines), ...read].join('\n')
}

function partLines(part: PolicyExplanation): readonly string[] {
  const hidden = part.isHidden ? '; models are not shown it' : ''
  const tried = part.mode === 'dry-run' ? '; a dry run: it is noted, and the call made' : ''
  const lines = part.rules.map(({ rule, verdict, decides, failed }) => {
    const how = decides ? 'decides' : failed === undefined ? 'applies' : `does not apply: ${failed}`
    return `  ${oneLine(`${rule} (${verdict}): ${how}`)}`
  })
  return [`${oneLine(part.tool)}: ${part.verdict} by ${oneLine(part.rule)}${hidden}${tried}`, ...lines]
}
