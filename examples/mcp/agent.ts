/** The agent of the example: one tool in front of the filesystem server, and a model that says what a model would. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Agent, defineAgent } from 'opspawn'
import { mcp, type Mcp } from 'opspawn/plugins/tool-mcp'
import { scriptedModel } from 'opspawn/testing'

const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-filesystem/package.json')

/** The server, which sees one folder alone, and what it offers, held to what it showed at first. */
export function files(folder: string): Mcp {
  return mcp({
    servers: {
      files: { command: process.execPath, args: [join(dirname(manifest), 'dist/index.js'), join(folder, 'notes')] },
    },
    // What only reads is believed to; everything else asks a person.
    access: { files: { trusted: true } },
    pins: { mode: 'tofu', store: join(folder, 'mcp.lock.json') },
  })
}

/** It looks the tool up, calls it, and says so: each time by what stands in the prompt, so that it can be killed in between. */
export async function clerk(folder: string, tools: Mcp): Promise<Agent> {
  const note = { path: join(folder, 'notes', 'today.md'), content: 'Buy tea.\n' }
  const answers = [
    { toolCalls: [{ name: 'mcp', input: { action: 'describe', tool: 'files__write_file' } }] },
    { toolCalls: [{ name: 'mcp', input: { action: 'call', tool: 'files__write_file', arguments: note } }] },
    'It is written down.',
  ]
  const answer = ({ prompt }: { readonly prompt: readonly { readonly role: string }[] }) =>
    answers[prompt.filter(({ role }) => role === 'tool').length] ?? 'There is nothing left to do.'
  return defineAgent({
    name: 'clerk',
    instructions: 'You keep notes in files.',
    tools: await tools.tools({ mode: 'proxy' }),
    model: scriptedModel(answers.map(() => answer)),
  }) as Agent
}
