import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Agent } from '../../core/index.ts'
import type { Workflow } from '../../plugins/planner-workflow/index.ts'
import type { Call } from '../calling/command.ts'
import type { LoadedConfig } from './config-file.ts'
import { type Parts, withParts } from './parts.ts'
import { readText } from './read-input.ts'
import { usageError } from '../calling/report-error.ts'

/** Whether a target is the path of a workflow document, and not the name of an agent. */
export function isWorkflowFile(target: string): boolean {
  return /\.(ya?ml|json)$/.test(target)
}

/**
 * Loads a workflow document from a file. What the configuration registers is left to be found by name: its extensions are
 * set up anew by the orchestrator that runs the workflow.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `AGENT_INVALID` with all its problems
 */
export async function loadWorkflowFile(cwd: string, file: string, parts?: Parts): Promise<Workflow> {
  const path = resolve(cwd, file)
  if (!existsSync(path)) throw usageError(`there is no file ${path}`, undefined, 'file-missing')
  const { loadWorkflow } = await import('../../plugins/planner-workflow/index.ts')
  const named = parts === undefined ? {} : { tools: parts.tools, agents: parts.agents }
  const workflow = await loadWorkflow(await readText(path), { file, ...named })
  const tools = workflow.tools.map((tool) =>
    typeof tool !== 'string' && parts?.registered.has(tool.name) === true ? tool.name : tool,
  )
  return { ...workflow, tools }
}

/** The workflow documents of `--workflow`. @throws OpspawnError as {@link loadWorkflowFile} */
export async function loadWorkflowFiles(call: Call, config: LoadedConfig | undefined): Promise<readonly Agent[]> {
  const files = call.options.list('workflow')
  const { cwd } = call.surroundings
  const load = (parts?: Parts): Promise<readonly Agent[]> => Promise.all(files.map((file) => loadWorkflowFile(cwd, file, parts)))
  return config === undefined || files.length === 0 ? load() : withParts(config.options, load)
}
