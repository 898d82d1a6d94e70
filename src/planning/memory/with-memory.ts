import type { Decision, RunView } from '../../core/index.ts'
import { fail } from '../decision.ts'
import { isMemoryStep, isTurn } from './keys.ts'
import type { MemorySettings } from './options.ts'
import { prelude } from './prelude.ts'
import { beforeTurn, rememberTurn } from './turn.ts'

/**
 * Puts the use of a memory around a planner: it asks the memory before the first model call, and keeps what was said when the
 * planner finishes. The planner in the middle is shown a run in which none of that happened. Agents without a memory are
 * planned for as if there were no such thing.
 */
export function withMemory(memory: MemorySettings | undefined, decide: (run: RunView) => Decision): (run: RunView) => Decision {
  if (memory === undefined) return decide
  return (run) => (run.memories.length === 0 ? decide(run) : decideWith(run, memory, decide))
}

function decideWith(run: RunView, memory: MemorySettings, decide: (run: RunView) => Decision): Decision {
  const last = run.latest[0]
  if (last !== undefined && isTurn(last)) return decide(beforeTurn(run))
  if (last === undefined || isMemoryStep(last)) {
    return missing(run, memory) ?? prelude(run, memory) ?? decide(last === undefined ? run : { ...run, latest: [] })
  }
  const decision = decide(run)
  if (decision.type !== 'finish' || !memory.remember) return decision
  return rememberTurn(run, memory, decision.output) ?? decision
}

/** A memory or model of another name would be a fault of every run: better one that is seen at once. */
function missing({ agent, memories, models }: RunView, { name, compaction }: MemorySettings): Decision | undefined {
  if (name !== undefined && !memories.includes(name))
    return fail('MEMORY_UNKNOWN', `agent "${agent}" has no memory "${name}"; it has ${memories.join(', ')}`)
  if (compaction?.model !== undefined && !models.includes(compaction.model))
    return fail(
      'MODEL_UNKNOWN',
      `agent "${agent}" has no model "${compaction.model}" to sum up with; it has ${models.join(', ')}`,
    )
  return undefined
}
