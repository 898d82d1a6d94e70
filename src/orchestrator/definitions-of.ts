import type { Agent } from '../core/index.ts'
import { composeAgents } from './composition.ts'
import type { ReplayOptions } from './replay.ts'

/**
 * What the agents of today are defined as, by name: the hash that their runs are pinned to. A run whose record has another
 * `definition` is taken up by no worker that has these agents alone.
 *
 * @throws OpspawnError what `createOrchestrator` throws about an agent
 */
export async function definitionsOf(
  agents: readonly Agent[],
  options: Omit<ReplayOptions, 'agents'> = {},
): Promise<ReadonlyMap<string, string>> {
  const ready = await composeAgents({ ...options, agents })
  return new Map([...ready].map(([name, { hash }]) => [name, hash]))
}
