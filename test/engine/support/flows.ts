import type { Json, RunEvent, Tool } from '../../../src/index.ts'
import { loadWorkflow, type Workflow, type WorkflowNote } from '../../../src/plugins/planner-workflow/index.ts'
import { ofType } from './world.ts'

/** Tasks as a document has them. */
export type Tasks = Readonly<Record<string, Readonly<Record<string, Json>>>>

/** A workflow of these tasks, in which every agent and workflow that a task names is known. */
export async function flow(
  tasks: Tasks,
  tools: readonly Tool[] = [],
  more: object = {},
  options: object = {},
): Promise<Workflow> {
  const named = Object.values(tasks)
    .flatMap(({ agent, workflow }) => [agent, workflow])
    .filter((name) => typeof name === 'string')
  return loadWorkflow({ name: 'flow', tasks, ...more }, { tools, agents: named, ...options })
}

/** What the workflow noted beside its effects. */
export function notesOf(history: readonly RunEvent[]): readonly WorkflowNote[] {
  return ofType(history, 'decision').flatMap(({ state }) =>
    state === undefined ? [] : (state as unknown as { notes: WorkflowNote[] }).notes,
  )
}
