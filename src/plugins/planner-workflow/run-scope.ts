import type { Json, RunView } from '../../core/index.ts'
import type { Graph } from './graph.ts'
import type { TaskState } from './task-state.ts'
import type { Undo } from './undo-input.ts'
import type { Scope, TaskResult } from './value-path.ts'

/** What the expressions of a run read. One for each run: the item and the failure are set before they are used. */
export class RunScope implements Scope {
  readonly #view: RunView
  readonly #graph: Graph
  readonly #states: readonly TaskState[]
  item: Json | undefined
  index: number | undefined
  failure: Json | undefined

  constructor(view: RunView, graph: Graph, states: readonly TaskState[]) {
    this.#view = view
    this.#graph = graph
    this.#states = states
  }

  read(root: string): Json | undefined {
    switch (root) {
      case 'input':
        // Expressions read the run that is made good, not the one that does it.
        return this.#view.compensates === undefined ? this.#view.input : (this.#view.input as unknown as Undo).input
      case 'item':
        return this.item
      case 'index':
        return this.index
      case 'failure':
        return this.failure
      case 'run': {
        const { id, compensates = id, agent, tenant, session = null } = this.#view
        return { id: compensates, workflow: agent, tenant, session }
      }
      default:
        return undefined
    }
  }

  task(name: string): TaskResult | undefined {
    const task = this.#graph.byName.get(name)
    return task === undefined ? undefined : this.#states[task.index]?.result
  }
}
