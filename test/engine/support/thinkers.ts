import { type Agent, defineAgent, type Effect, type Memory, type RunEvent } from '../../../src/index.ts'
import { stepsPlanner } from './parts.ts'
import { outcomeAt } from './world.ts'

type Recalled = Effect & { readonly kind: 'recall' }

/** Keeps a fact. */
export const remember = (text: string, key = 'remember', more: object = {}): Effect => ({
  kind: 'remember',
  key,
  entries: [{ kind: 'fact', text, ...more }],
})
/** Asks for what fits. */
export const recall = (query: string, more: Partial<Recalled> = {}): Effect => ({ kind: 'recall', key: 'recall', query, ...more })

/** An agent with a memory that asks for these effects, one decision after the other. */
export function thinker(memory: Memory, ...steps: readonly (readonly Effect[])[]): Agent<string, string> {
  return defineAgent({ name: 'thinker', memory, planner: stepsPlanner(...steps) })
}

/** Texts that a recall of the history found. */
export function textsAt(events: readonly RunEvent[], key = 'recall'): readonly string[] {
  const found = outcomeAt(events, key)?.value as unknown as { items: { record: { text: string } }[] } | undefined
  return found?.items.map(({ record }) => record.text) ?? []
}
