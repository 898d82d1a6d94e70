import type { Tool } from '../../core/index.ts'
import type { CliCommand } from '../calling/command.ts'
import { requireConfig } from '../opening/config-file.ts'
import { withParts } from '../opening/parts.ts'
import { table } from '../terminal/table.ts'
import { brief } from '../terminal/visible.ts'

interface ToolText extends Pick<Tool, 'name' | 'description' | 'effect'> {
  readonly labels: readonly string[]
  readonly approval: boolean
  readonly agents: readonly string[]
}

/** `opspawn tools` */
export const tools: CliCommand = {
  name: 'tools',
  summary: 'Lists the tools of the configuration, of its extensions and agents, and who may use them.',
  needs: ['config'],
  json: '{ tools: { name: string; description: string; effect: ToolEffectClass; labels: string[]; approval: boolean; agents: string[] }[] }',
  async run({ output, ...call }) {
    const { options } = await requireConfig({ output, ...call })
    const listed = await withParts(options, async (parts) =>
      parts.tools.map(({ name, description, effect, labels = [], approval = false }): ToolText => {
        const users = parts.agents.filter((agent) =>
          agent.tools.some((tool) => (typeof tool === 'string' ? tool : tool.name) === name),
        )
        return { name, description, effect, labels, approval, agents: users.map((agent) => agent.name) }
      }),
    )
    output.give({ tools: listed }, () => {
      if (listed.length === 0) return 'no tools'
      const rows = listed.map(({ name, effect, labels, approval, agents, description }) => [
        name,
        effect,
        labels.join(', ') || '-',
        approval ? 'always' : '-',
        agents.join(', ') || '-',
        brief(description, 60),
      ])
      return table(['TOOL', 'EFFECT', 'LABELS', 'APPROVAL', 'AGENTS', 'DESCRIPTION'], rows, (text) => output.style('bold', text))
    })
    return 0
  },
}
