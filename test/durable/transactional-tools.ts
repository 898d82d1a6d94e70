// Tools that write through the transaction of their call, and where they are called.
import { type Agent, defineAgent, type Effect, type Store, type ToolContext } from '../../src/index.ts'
import { sqliteTransaction } from '../../src/plugins/store-sqlite/index.ts'
import type { SqliteStore } from '../../src/plugins/store-sqlite/sqlite-store.ts'
import { manualClock, type ManualClock } from '../../src/testing/index.ts'
import { noting, type NotingTool, stepsPlanner } from '../engine/support/parts.ts'
import { world, type World } from '../engine/support/world.ts'
import { open, withNotes } from './stores.ts'

type Body = (tx: ReturnType<typeof sqliteTransaction>, input: Record<string, unknown>, context: ToolContext) => unknown

/** A tool that gets its transaction. */
export function writing(name: string, body: Body, options: Parameters<typeof noting>[2] = {}): NotingTool {
  const execute = (input: Record<string, unknown>, context: ToolContext): unknown =>
    body(sqliteTransaction(context), input, context)
  return noting(name, execute, { effect: 'transactional', ...options })
}

/** Writes its text, and gives which attempt that was. */
export const write: NotingTool = writing('write', async (tx, { text }, { attempt }) => {
  await tx.run('INSERT INTO notes VALUES (?)', String(text))
  return attempt
})

/** An orchestrator over a file of its own. */
export interface Place extends World {
  readonly store: SqliteStore
}

/** Makes one for an agent. */
export async function place(agent: Agent, wrap: (store: SqliteStore) => Store = (store) => store): Promise<Place> {
  const clock: ManualClock = manualClock()
  const store = await withNotes(open({ clock }))
  return { ...(await world({ agents: [agent], store: wrap(store), clock })), store }
}

/** An agent that makes these calls. */
export const agentOf = (tools: readonly NotingTool[], ...steps: readonly (readonly Effect[])[]): Agent =>
  defineAgent({ name: 'clerk', planner: stepsPlanner(...steps), tools }) as Agent
