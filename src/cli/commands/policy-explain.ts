import type { CallExplanation, PolicyExplanation } from '../../orchestrator/index.ts'
import { callerOf } from '../caller.ts'
import type { CliCommand } from '../command.ts'
import { requireConfig } from '../config-file.ts'
import { withParts } from '../parts.ts'
import { readValue } from '../read-input.ts'
import { oneLine } from '../visible.ts'

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
  ],
  needs: ['config'],
  json: 'CallExplanation',
  async run(call) {
    const [agent = '', tool = '', given = '{}'] = call.args
    const { options } = await requireConfig(call)
    const [input, caller, tenant] = [await readValue(call, given), callerOf(call), call.options.text('tenant')]
    const { explainCall } = await import('../../orchestrator/index.ts')
    const { toolsPlanner } = await import('../../plugins/planner-tools/index.ts')
    const explained = await withParts(options, ({ agents, plugins, rules }) => {
      const policy = { ...options.policy, rules: [...(options.policy?.rules ?? []), ...rules] }
      const whose = { ...(tenant === undefined ? undefined : { tenant }), ...(caller === undefined ? undefined : { caller }) }
      const planner = options.planner ?? toolsPlanner()
      return explainCall({ agents, plugins, policy, planner }, { agent, tool, input, ...whose })
    })
    call.output.give(explained, () => describe(explained))
    return 0
  },
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
