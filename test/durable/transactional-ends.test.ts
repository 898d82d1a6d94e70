/** How transactions of tools end: with a store that fails, too late, many at once, and in a run that is cancelled. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Agent, defineAgent, OpspawnError, type Store } from '../../src/index.ts'
import { loadWorkflow } from '../../src/plugins/planner-workflow/index.ts'
import type { SqliteStore } from '../../src/plugins/store-sqlite/sqlite-store.ts'
import { manualClock } from '../../src/testing/index.ts'
import { call, gate, planner } from '../engine/support/parts.ts'
import { closeAll, historyOf, ofType, outcomeAt, outcomeOf, until, world } from '../engine/support/world.ts'
import { wrapStore } from '../engine/support/wrappers.ts'
import { notesIn, open, openThreaded, withNotes } from './stores.ts'
import { agentOf, place, write, writing } from './transactional-tools.ts'

afterEach(closeAll)

describe('a store that fails around a commit', () => {
  const fault = new OpspawnError('STORE_FAILED', 'the line is cut')

  test.each([
    ['was committed, and the answer was lost', true, [1]],
    ['was not committed', false, [2]],
  ])('a transaction that %s: the call counts once', async (_what, isCommitted, output) => {
    let cuts = 0
    const wrap = (store: SqliteStore): Store =>
      wrapStore(store, {
        async transaction(fence, work) {
          if (cuts > 0) return store.transaction(fence, work)
          cuts += 1
          if (isCommitted) await store.transaction(fence, work)
          else
            await store
              .transaction(fence, async (tx) => {
                await work(tx)
                throw fault
              })
              .catch(() => {})
          throw fault
        },
      })
    const { ops, clock, store } = await place(agentOf([write], [call('write', { text: 'a' })]), wrap)
    const run = await ops.start('clerk', 'go')
    expect(await outcomeOf(clock, run)).toEqual({ status: 'completed', output })
    expect(cuts).toBe(1)
    expect(notesIn(store.path)).toEqual(['a'])
    const events = await historyOf(ops, run.id)
    expect(ofType(events, 'effect-end')).toHaveLength(1)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  })
})

test('one that is open for too long fails its call with TOOL_TIMEOUT, although its body came to an end', async () => {
  const patient = writing(
    'patient',
    async (tx) => {
      await tx.run('INSERT INTO notes VALUES (?)', 'patient')
      for (;;) {
        const found = await tx.get('SELECT 1').catch((error: unknown) => error)
        if (found instanceof Error) return 'never mind'
        await new Promise((resolve) => void setTimeout(resolve, 1))
      }
    },
    { retry: { attempts: 1 } },
  )
  const clock = manualClock()
  const store = await withNotes(open({ clock, transactionMs: 30 }))
  const { ops } = await world({ agents: [agentOf([patient], [call('patient')])], store, clock })
  const run = await ops.start('clerk', 'go')
  await until(clock, 'the run has ended', async () => {
    await new Promise((resolve) => void setTimeout(resolve, 5))
    return (await ops.record(run.id)).outcome !== undefined
  })
  expect(outcomeAt(await historyOf(ops, run.id), 'patient')).toMatchObject({ status: 'failed', code: 'TOOL_TIMEOUT' })
  expect(notesIn(store.path)).toEqual([])
})

test('in threads: many runs write at once, and their counter is right', async () => {
  const store = await withNotes(openThreaded())
  const count = writing('count', async (tx, _input, { runId, key }) => {
    const row = await tx.get<{ n: number }>('SELECT count(*) AS n FROM notes')
    await tx.run('INSERT INTO notes VALUES (?)', `${runId} ${key}`)
    return row?.n
  })
  const agent = defineAgent({
    name: 'clerk',
    tools: [count],
    planner: planner((run) => {
      if (run.decisions < 3)
        return { type: 'act', effects: [call('count', {}, `a${run.decisions}`), call('count', {}, `b${run.decisions}`)] }
      return {
        type: 'finish',
        output: run.settled.map(({ outcome }) => (outcome?.status === 'completed' ? outcome.value : null)),
      }
    }),
  }) as Agent
  const { createOrchestrator } = await import('../../src/index.ts')
  const ops = await createOrchestrator({ agents: [agent], store, announce: false })
  const runs = await Promise.all(Array.from({ length: 10 }, () => ops.start('clerk', 'go')))
  const outputs = await Promise.all(runs.map(async (run) => ((await run.result) as unknown as { output: number[] }).output))
  expect(outputs.flat().toSorted((left, right) => left - right)).toEqual(Array.from({ length: 60 }, (_, n) => n))
  expect(notesIn(store.path)).toHaveLength(60)
  await ops.close()
})

test('a cancelled run undoes what was committed; a transaction that was cut off has left nothing to be undone (S3, S11)', async () => {
  const entered = gate()
  const held = writing('held', async (tx, { text }, { signal }) => {
    await tx.run('INSERT INTO notes VALUES (?)', String(text))
    entered.open()
    return new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
    )
  })
  const workflow = await loadWorkflow(
    {
      name: 'clerk',
      tasks: {
        a: { tool: 'write', with: { text: 'a' }, onFailure: 'ua' },
        b: { needs: 'a', tool: 'held', with: { text: 'b' }, onFailure: 'ub' },
        ua: { tool: 'write', with: { text: 'not a' } },
        ub: { tool: 'write', with: { text: 'not b' } },
      },
    },
    { tools: [write, held] },
  )
  const { ops, clock, store } = await place(workflow)
  const run = await ops.start('clerk', 'go')
  await entered.promise
  await run.cancel()
  const outcome = await outcomeOf(clock, run)
  const { compensation } = (outcome as unknown as { error: { details: { compensation: string } } }).error.details
  expect((await outcomeOf(clock, await ops.run(compensation))).status).toBe('completed')
  expect(outcomeAt(await historyOf(ops, run.id), 'b')?.status).toBe('cancelled')
  expect(notesIn(store.path)).toEqual(['a', 'not a'])
})
