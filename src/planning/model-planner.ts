import type { Decision, Planner, RunView } from '../core/index.ts'

/**
 * Makes a planner that asks a model and waits while anything is open. Its version tells its options but for the texts:
 * a run that was planned with others must not go on with these.
 */
export function modelPlanner(
  name: string,
  options: { readonly texts?: object | undefined },
  decide: (run: RunView) => Decision,
): Planner {
  const { texts: _texts, ...counted } = options
  return {
    spec: 'planner/1',
    name,
    version: `1 ${JSON.stringify(counted)}`,
    requires: ['model'],
    decide: (run) => (run.open > 0 ? { type: 'idle' } : decide(run)),
  }
}
