/** Runs that another store has had, and their children: what a child told its parent there is told again here. */
import { afterEach, expect, test } from 'vitest'
import { type Agent, createOrchestrator, defineAgent, type Orchestrator, type Store } from '../../src/index.ts'
import { type SqliteStore } from '../../src/plugins/store-sqlite/index.ts'
import { child, planner } from '../engine/support/parts.ts'
import { ofType } from '../engine/support/world.ts'
import { wrapStore } from '../engine/support/wrappers.ts'
import { eventually } from './processes.ts'
import { newPath, open } from './stores.ts'

const opened: Orchestrator[] = []
afterEach(async () => {
  for (const ops of opened.splice(0)) await ops.close()
})

async function work(store: Store, agents: readonly Agent[]): Promise<Orchestrator> {
  const ops = await createOrchestrator({ agents, store: wrapStore(store), announce: false })
  opened.push(ops)
  return ops
}

/** Waits once, goes on as new if it is to, and ends. */
const waiter = defineAgent({
  name: 'waiter',
  planner: planner((run) => {
    if (run.input === 'again') return { type: 'finish', output: 'ended as new' }
    if (run.decisions === 0) return { type: 'act', effects: [{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'go' } }] }
    return run.input === 'continue' ? { type: 'continue', input: 'again' } : { type: 'finish', output: 'ended' }
  }),
}) as Agent
const asker = defineAgent({
  name: 'asker',
  agents: [waiter],
  planner: planner((run) => {
    if (run.decisions === 0) return { type: 'act', effects: [child('waiter', run.input, 'c')] }
    const outcome = run.settled[0]?.outcome
    return outcome?.status === 'completed'
      ? { type: 'finish', output: outcome.value }
      : { type: 'fail', error: outcome?.error as never }
  }),
}) as Agent

/** A parent that waits in a file, and a child that ended there when nobody worked on parents. */
async function unread(input: string): Promise<{ readonly store: SqliteStore; readonly id: string }> {
  const path = newPath()
  const both = await work(open({ path }), [asker, waiter])
  const { id } = await both.start('asker', input)
  const waiting = await eventually('the child waits', async () =>
    (await both.list({ agent: 'waiter', status: ['waiting'] }, {})).runs.at(0),
  )
  await eventually('the parent waits', async () => ((await both.record(id)).status === 'waiting' ? true : undefined))
  await both.close()
  const store = open({ path })
  const children = await work(store, [waiter])
  await (await children.run(waiting.runId)).signal('go', null)
  await eventually(
    'the child ended',
    async () => (await children.list({ status: ['completed'] }, {})).runs.length > 0 || undefined,
  )
  await eventually('all of it ended', async () =>
    (await children.list({ agent: 'waiter' }, {})).runs.every(({ outcome }) => outcome !== undefined) ? true : undefined,
  )
  await children.close()
  return { store, id }
}

test.each([
  ['ended', 'plain', 'ended'],
  ['went on as new and ended', 'continue', 'ended as new'],
])('a child that %s before its parent was brought in has told it so', async (_how, input, output) => {
  const { store, id } = await unread(input)
  const here = open()
  for (const record of (await store.list({}, {})).runs) await here.bringIn(record, await store.read(record.runId, 1))
  const ops = await work(here, [asker, waiter])
  const run = await ops.run(id)
  await run.resume()
  await eventually('it ends', async () => ((await ops.record(id)).outcome === undefined ? undefined : true))
  expect((await ops.record(id)).outcome).toEqual({ status: 'completed', output })
  expect(ofType(await here.read(id, 1), 'effect-end')).toHaveLength(1)
  // The child was not started a second time.
  expect((await ops.list({ agent: 'waiter' }, {})).runs).toHaveLength(input === 'plain' ? 1 : 2)
})
