import type { Plugin } from '../../core/index.ts'
import type { Mcp } from '../../plugins/tool-mcp/index.ts'
import type { Call, CliCommand } from '../calling/command.ts'
import { requireConfig } from '../opening/config-file.ts'
import { usageError } from '../calling/report-error.ts'
import { table } from '../terminal/table.ts'
import { brief, visible } from '../terminal/visible.ts'

/** How many differences make an exit code that is not 0. */
const DIFFERENT = 1

/** The handles of a configuration: plugins that know the servers' tools and their pins. */
async function handlesOf(call: Call): Promise<readonly Mcp[]> {
  const { path, options } = await requireConfig(call)
  const handles = (options.plugins ?? []).filter(isMcp)
  if (handles.length > 0) return handles
  throw usageError(`${path} has no MCP servers among its plugins`, 'add `mcp({ servers: … })` to plugins', 'mcp-missing')
}

function isMcp(plugin: Plugin): plugin is Mcp {
  return plugin.spec === 'extension/1' && 'pinChanges' in plugin && 'approvePins' in plugin
}

async function withHandles(call: Call, act: (handles: readonly Mcp[]) => Promise<number>): Promise<number> {
  const handles = await handlesOf(call)
  try {
    return await act(handles)
  } finally {
    await Promise.all(handles.map((handle) => handle.close()))
  }
}

async function all<T>(handles: readonly Mcp[], ask: (handle: Mcp) => Promise<readonly T[]>): Promise<readonly T[]> {
  return (await Promise.all(handles.map(ask))).flat()
}

/** `opspawn mcp list` */
export const mcpList: CliCommand = {
  name: 'mcp list',
  summary: 'Lists the tools of the MCP servers, how each is called, and what is held back; servers are connected to.',
  needs: ['config'],
  json: '{ tools: { server: string; tool: string; description: string; pin: string; quarantine?: string; effect: ToolEffectClass; approval: boolean }[]; states: McpServerState[]; problems: { server: string; tool?: string; problem: string }[] }',
  run: (call) =>
    withHandles(call, async (handles) => {
      const { output } = call
      const tools = await all(handles, (handle) => handle.list())
      const states = handles.flatMap((handle) => handle.states())
      const problems = handles.flatMap((handle) => handle.problems())
      output.give({ tools, states, problems }, () => {
        const rows = tools.map(({ tool, effect, approval, pin, quarantine, description }) => [
          tool,
          effect,
          approval ? 'always' : '-',
          pin.slice(0, 12),
          quarantine === undefined ? '-' : 'held back',
          brief(description, 60),
        ])
        return table(['TOOL', 'EFFECT', 'APPROVAL', 'PIN', 'STATE', 'DESCRIPTION'], rows, (text) => output.style('bold', text))
      })
      for (const { server, state, lastError } of states as readonly Readonly<Record<string, unknown>>[])
        if (state === 'failed' || state === 'backoff')
          output.remark(`${visible(String(server))} is away: ${brief(lastError, 300)}`)
      for (const { server, tool, problem } of problems)
        output.remark(`${visible(server)}${tool === undefined ? '' : ` ${visible(tool)}`}: ${visible(problem)}`)
      return 0
    }),
}

/** `opspawn mcp pin` */
export const mcpPin: CliCommand = {
  name: 'mcp pin',
  summary: 'Approves all tools of all MCP servers as they are now, in place of whatever was approved before.',
  needs: ['config'],
  json: '{ approved: string[] }',
  run: (call) =>
    withHandles(call, async (handles) => {
      const approved = await all(handles, (handle) => handle.approvePins('all'))
      call.output.give({ approved }, () => `approved ${approved.length} tools`)
      return 0
    }),
}

/** `opspawn mcp diff` */
export const mcpDiff: CliCommand = {
  name: 'mcp diff',
  summary: 'Shows how the tools of the MCP servers differ from what was approved; exit code 1 where they do.',
  needs: ['config'],
  json: '{ changes: PinChange[] }',
  run: (call) =>
    withHandles(call, async (handles) => {
      const { output } = call
      const changes = await all(handles, (handle) => handle.pinChanges())
      output.give({ changes }, () => {
        if (changes.length === 0) return 'nothing differs'
        return changes
          .map(({ server, tool, kind, lines }) => {
            const head = `${kind} ${visible(server)}${tool === undefined ? '' : ` ${visible(tool)}`}`
            return [output.style('bold', head), ...lines.map((line) => `  ${visible(line)}`)].join('\n')
          })
          .join('\n')
      })
      return changes.length === 0 ? 0 : DIFFERENT
    }),
}

/** `opspawn mcp approve` */
export const mcpApprove: CliCommand = {
  name: 'mcp approve',
  summary: 'Approves tools of MCP servers as they are now.',
  arguments: [{ name: '<tools...>', meaning: 'names as `mcp list` shows them' }],
  needs: ['config'],
  json: '{ approved: string[] }',
  run: (call) =>
    withHandles(call, async (handles) => {
      const { args, output } = call
      const known = await Promise.all(handles.map(async (handle) => new Set((await handle.list()).map(({ tool }) => tool))))
      const [first] = handles
      const homeless = args.filter((name) => !known.some((names) => names.has(name)))
      // The handle says what is near.
      if (homeless.length > 0) await first?.approvePins(homeless)
      const approved: string[] = []
      for (const [at, handle] of handles.entries()) {
        const own = args.filter((name) => known[at]?.has(name))
        if (own.length > 0) approved.push(...(await handle.approvePins(own)))
      }
      output.give({ approved }, () => `approved ${approved.map(visible).join(', ')}`)
      return 0
    }),
}
