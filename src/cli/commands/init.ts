import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { CliCommand } from '../calling/command.ts'
import { usageError } from '../calling/report-error.ts'

// Line by line, so that no line of ours begins like an import.
const CONFIG = [
  "import { readFileSync } from 'node:fs'",
  "import { defineConfig, defineTool } from 'opspawn'",
  "import { loadWorkflow } from 'opspawn/plugins/planner-workflow'",
  '',
  'const greet = defineTool({',
  "  name: 'greet',",
  "  description: 'Makes a greeting.',",
  "  input: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } as const,",
  "  effect: 'pure',",
  '  execute: (input) => `Hello, ${(input as { name: string }).name}.`,',
  '})',
  '',
  'export default defineConfig(async () => {',
  '  const tools = [greet]',
  "  const file = 'hello.yaml'",
  "  const hello = await loadWorkflow(readFileSync(new URL(file, import.meta.url), 'utf8'), { tools, file })",
  '  return {',
  '    // Runs live in this file and survive the process; several processes may share it.',
  "    store: 'runs.db',",
  '    // Agents go here too: defineAgent({ name, model, tools }).',
  '    agents: [hello],',
  '  }',
  '})',
  '',
].join('\n')

const WORKFLOW = `name: hello
description: Greets somebody, once a person has agreed.
input:
  type: object
  required: [name]
  properties:
    name: { type: string }
tasks:
  agree:
    approval: { question: 'Greet \${{ input.name }}?' }
  greet:
    needs: agree
    if: tasks.agree.output.approved
    tool: greet
    with: { name: '\${{ input.name }}' }
output: '\${{ tasks.greet.output }}'
`

const IGNORED = `runs.db
runs.db-*
node_modules
`

const FILES: Readonly<Record<string, string>> = {
  'opspawn.config.ts': CONFIG,
  'hello.yaml': WORKFLOW,
  '.gitignore': IGNORED,
}
/** Kept as it is when it is there. */
const OPTIONAL = '.gitignore'

/** `opspawn init` */
export const init: CliCommand = {
  name: 'init',
  summary: 'Writes a configuration with a small workflow that runs without any key; overwrites nothing.',
  arguments: [{ name: '[folder]', meaning: 'where to (default: here)' }],
  json: '{ folder: string; files: string[] }',
  async run({ args, output, surroundings: { cwd } }) {
    const folder = resolve(cwd, args[0] ?? '.')
    const there = Object.keys(FILES).filter((name) => existsSync(join(folder, name)))
    const inTheWay = there.filter((name) => name !== OPTIONAL)
    if (inTheWay.length > 0)
      throw usageError(`${folder} has ${inTheWay.join(' and ')} already`, 'name another folder', 'file-exists')
    const files = Object.keys(FILES).filter((name) => !there.includes(name))
    try {
      await mkdir(folder, { recursive: true })
      for (const name of files) await writeFile(join(folder, name), FILES[name] ?? '', { flag: 'wx' })
    } catch (error) {
      throw usageError(`${folder} cannot be written: ${(error as Error).message}`, 'name another folder', 'file-unwritable')
    }
    output.give({ folder, files }, () => `wrote ${files.join(', ')} in ${folder}`)
    if (!output.isJson)
      output.note('next: npx opspawn run hello --set name=Ada --watch; it waits for: npx opspawn approve RUN --by you')
    return 0
  },
}
