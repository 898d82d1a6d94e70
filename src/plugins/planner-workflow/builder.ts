import type { Agent, Json, JsonObject, Tool } from '../../core/index.ts'
import type { CapableAgent, TaskDocument, WorkflowDocument } from './document.ts'
import { type LoadWorkflowOptions, loadWorkflow, type Workflow } from './parse.ts'

/** A task for the builder: as in a document, with tools and agents by value or name, and the names of earlier tasks checked. */
export interface BuilderTask<Names extends string> extends Omit<
  TaskDocument,
  'tool' | 'agent' | 'workflow' | 'needs' | 'onFailure'
> {
  /** Calls a tool. */
  readonly tool?: string | Tool
  /** Runs an agent as a child run: by value, by name, or the first one that has a capability. */
  readonly agent?: string | Agent | CapableAgent
  /** Runs another workflow as a child run. */
  readonly workflow?: string | Agent
  /** Tasks that were added before. */
  readonly needs?: Names | readonly Names[]
  /** Compensation tasks that were added before. */
  readonly onFailure?: Names | readonly Names[]
}

/** Builds the same document as a file holds, with types for names. Each call gives a new builder. */
export interface WorkflowBuilder<Names extends string = never> {
  /** The document so far. */
  readonly document: WorkflowDocument
  /** Says what it is for. */
  describe(description: string): WorkflowBuilder<Names>
  /** JSON Schema of the input. */
  input(schema: JsonObject): WorkflowBuilder<Names>
  /** Adds a task. A name that is taken, or one that it needs and that was not added, is a type error. */
  task<Name extends string>(name: Name extends Names ? never : Name, task: BuilderTask<Names>): WorkflowBuilder<Names | Name>
  /** What the run gives, and the JSON Schema of it. */
  output(value: Json, schema?: JsonObject): WorkflowBuilder<Names>
  /** Compensation tasks of the workflow itself. */
  onFailure(...tasks: readonly Names[]): WorkflowBuilder<Names>
  /**
   * Checks the document and makes the workflow. Tools and agents that were given by value are known to it.
   *
   * @throws OpspawnError as `loadWorkflow`
   */
  load<Input = unknown, Output = unknown>(options?: LoadWorkflowOptions): Promise<Workflow<Input, Output>>
}

/** Begins a workflow in code: the same graph as in a file, as data. */
export function workflow(name: string): WorkflowBuilder {
  return build({ name, tasks: {} }, [], [])
}

type Parts<T> = readonly (T | string)[]

function build<Names extends string>(
  document: WorkflowDocument,
  tools: Parts<Tool>,
  agents: Parts<Agent>,
): WorkflowBuilder<Names> {
  const change = (more: Partial<WorkflowDocument>): WorkflowBuilder<Names> => build({ ...document, ...more }, tools, agents)
  return {
    document,
    describe: (description) => change({ description }),
    input: (input) => change({ input }),
    output: (output, outputSchema) => change({ output, ...(outputSchema === undefined ? undefined : { outputSchema }) }),
    onFailure: (...tasks) => change({ onFailure: tasks }),
    task(name, task) {
      const { tool, agent, workflow: other, ...rest } = task as BuilderTask<string>
      const made: TaskDocument = {
        ...rest,
        ...(tool === undefined ? undefined : { tool: nameOf(tool) }),
        ...(agent === undefined
          ? undefined
          : { agent: typeof agent === 'object' && 'capability' in agent ? agent : nameOf(agent) }),
        ...(other === undefined ? undefined : { workflow: nameOf(other) }),
      }
      const newAgents = [agent, other].filter((part) => part !== undefined && !(typeof part === 'object' && 'capability' in part))
      return build(
        { ...document, tasks: { ...document.tasks, [name]: made } },
        tool === undefined ? tools : [...tools, tool as Tool | string],
        [...agents, ...(newAgents as Parts<Agent>)],
      )
    },
    load: (options = {}) =>
      loadWorkflow(document, {
        ...options,
        tools: distinct([...tools, ...(options.tools ?? [])]),
        agents: distinct([...agents, ...(options.agents ?? [])]),
      }),
  }
}

function nameOf(part: string | { readonly name: string }): string {
  return typeof part === 'string' ? part : part.name
}

/** One of each name, by value where there is one. */
function distinct<T extends { readonly name: string }>(parts: Parts<T>): Parts<T> {
  const byName = new Map<string, T | string>()
  for (const part of parts) {
    const name = nameOf(part)
    if (typeof part !== 'string' || !byName.has(name)) byName.set(name, part)
  }
  return [...byName.values()]
}
