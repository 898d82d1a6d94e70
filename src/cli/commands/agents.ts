import type { Agent } from '../../core/index.ts'
import type { CliCommand } from '../calling/command.ts'
import { requireConfig } from '../opening/config-file.ts'
import { withParts } from '../opening/parts.ts'
import { table } from '../terminal/table.ts'
import { brief } from '../terminal/visible.ts'

interface AgentText {
  readonly name: string
  readonly description?: string
  readonly planner?: string
  readonly models: Readonly<Record<string, string>>
  readonly tools: readonly string[]
  readonly delegates: readonly string[]
}

/** `opspawn agents` */
export const agents: CliCommand = {
  name: 'agents',
  summary: 'Lists the agents and workflows of the configuration.',
  needs: ['config'],
  json: '{ agents: { name: string; description?: string; planner?: string; models: Record<string, string>; tools: string[]; delegates: string[] }[] }',
  async run({ output, ...call }) {
    const { options } = await requireConfig({ output, ...call })
    const listed = await withParts(options, async (parts) => parts.agents.map(describe))
    output.give({ agents: listed }, () => {
      if (listed.length === 0) return 'no agents'
      const rows = listed.map(({ name, planner, models, tools, description }) => [
        name,
        planner ?? 'default',
        Object.values(models).join(', ') || '-',
        tools.join(', ') || '-',
        brief(description ?? '', 60),
      ])
      return table(['AGENT', 'PLANNER', 'MODELS', 'TOOLS', 'DESCRIPTION'], rows, (text) => output.style('bold', text))
    })
    return 0
  },
}

function describe({ name, description, planner, models, tools, delegates }: Agent): AgentText {
  return {
    name,
    ...(description === undefined ? undefined : { description }),
    ...(planner === undefined ? undefined : { planner: planner.name }),
    models: Object.fromEntries(Object.entries(models).map(([key, { provider, modelId }]) => [key, `${provider}/${modelId}`])),
    tools: tools.map((tool) => (typeof tool === 'string' ? tool : tool.name)),
    delegates: delegates.map(({ agent }) => agent),
  }
}
