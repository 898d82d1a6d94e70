import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Agent, Tool } from '../core/index.ts'
import type { Workflow } from '../plugins/planner-workflow/index.ts'
import { readText } from './read-input.ts'
import { usageError } from './report-error.ts'

/** Whether a target is the path of a workflow document, and not the name of an agent. */
export function isWorkflowFile(target: string): boolean {
  return /\.(ya?ml|json)$/.test(target)
}

/** Loads a workflow document from a file. @throws OpspawnError `OPTIONS_INVALID`, `AGENT_INVALID` with all its problems */
export async function loadWorkflowFile(
  cwd: string,
  file: string,
  parts?: { readonly tools: readonly Tool[]; readonly agents: readonly Agent[] },
): Promise<Workflow> {
  const path = resolve(cwd, file)
  if (!existsSync(path)) throw usageError(`there is no file ${path}`, undefined, 'file-missing')
  const { loadWorkflow } = await import('../plugins/planner-workflow/index.ts')
  return loadWorkflow(await readText(path), { file, ...parts })
}
