/** What one run costs the file, in numbers that no noise moves: commits, syncs, statements, messages between threads. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createOrchestrator, defineAgent } from '../../src/index.ts'
import { checkOptions } from '../../src/plugins/store-sqlite/options.ts'
import { FileStore, type StartThreads } from '../../src/plugins/store-sqlite/sqlite-store.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { noting } from '../engine/support/parts.ts'
import { faultySqlite } from '../simulation/faulty-sqlite.ts'
import { threadsOver } from './inline-threads.ts'
import { newFolder } from './processes.ts'

/** Tool calls of the run; each of them, and each of the model calls around them, is one step. */
const CALLS = 5
const STEPS = 2 * CALLS + 1

interface Counts {
  commits: number
  /** Commits that wait for the disk. */
  synced: number
  /** Calls to the writing and to the other thread, by name; calls of one turn of the event loop travel together. */
  calls: string[]
  messages: number
}

/** The same threads, with what is sent to them counted. */
function counted(counts: Counts, inner: StartThreads): StartThreads {
  return (name, data) =>
    (...events) => {
      const thread = inner(name, data)(...events)
      return {
        ...thread,
        post(requests) {
          counts.messages += 1
          counts.calls.push(...requests.map(([, call]) => call))
          thread.post(requests)
        },
      }
    }
}

test('a run of 11 steps alone is at most 14 commits, 13 of them synced, and 14 messages (S2)', async () => {
  const counts: Counts = { commits: 0, synced: 0, calls: [], messages: 0 }
  let isSyncing = true
  const { sqlite } = faultySqlite((sql, moment) => {
    if (moment === 'before') return undefined
    const mode = /PRAGMA synchronous = (\w+)/.exec(sql)?.[1]
    // Each of the threads sets it when it opens the file; from then on only the writer does.
    if (mode !== undefined) isSyncing = mode === 'FULL'
    if (sql !== 'COMMIT') return undefined
    counts.commits += 1
    if (isSyncing) counts.synced += 1
    return undefined
  })
  const store = new FileStore(checkOptions({ path: join(newFolder(), 'runs.db') }), counted(counts, threadsOver(sqlite)))
  const model = scriptedModel(
    [
      ({ prompt }) => {
        const told = prompt.filter(({ role }) => role === 'tool').length
        return told < CALLS ? { toolCalls: [{ name: 'add', input: { n: told } }] } : 'done'
      },
    ],
    { repeat: true, record: false },
  )
  const agent = defineAgent({ name: 'counter', model, tools: [noting('add')] })
  await using ops = await createOrchestrator({ agents: [agent], store, announce: false })
  // The first run opens the file, and has the writer sync or not as it last did.
  await (
    await ops.start(agent, 'warm')
  ).result
  isSyncing = true
  Object.assign(counts, { commits: 0, synced: 0, calls: [], messages: 0 })
  const run = await ops.start(agent, 'go')
  expect(await run.result).toMatchObject({ status: 'completed' })

  const made: Record<string, number> = {}
  for (const call of counts.calls) made[call] = (made[call] ?? 0) + 1
  // What goes by timers may fall into it.
  const { sweep = 0, heartbeat = 0, listDocuments = 0, ...own } = made
  // Nobody looks for a run that was accepted just now, its history comes along with the claim, and each step is one append.
  expect(own).toEqual({ create: 1, claim: 1, append: STEPS + 1 })
  expect(counts.messages - sweep - heartbeat - listDocuments).toBe(STEPS + 3)
  expect(counts.commits - sweep - heartbeat).toBe(STEPS + 3)
  // The claim waits for no disk.
  expect(counts.synced - sweep - heartbeat).toBeLessThanOrEqual(STEPS + 2)
})
