import type { Decision, Planner, RunView } from '../core/index.ts'
import { type MemoryOptions, type MemorySettings, memoryVersion } from './memory/options.ts'
import { withMemory } from './memory/with-memory.ts'

/** The options of every planner that asks a model, as far as they concern what is the same for all of them. */
interface SharedOptions {
  readonly texts?: object | undefined
  readonly memory?: false | MemoryOptions | undefined
}

/**
 * Makes a planner that asks a model and waits while anything is open. Its version tells its options but for the texts:
 * a run that was planned with others must not go on with these.
 */
export function modelPlanner(
  name: string,
  options: SharedOptions,
  memory: MemorySettings | undefined,
  decide: (run: RunView) => Decision,
): Planner {
  const { texts: _texts, ...counted } = options
  const told = options.memory === undefined ? counted : { ...counted, memory: memoryVersion(options.memory) }
  const remembering = withMemory(memory, decide)
  return {
    spec: 'planner/1',
    name,
    version: `1 ${JSON.stringify(told)}`,
    requires: ['model'],
    decide: (run) => (run.open > 0 ? { type: 'idle' } : remembering(run)),
  }
}
