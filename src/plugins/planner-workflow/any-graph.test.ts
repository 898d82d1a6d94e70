/** What holds of every sound document, of any shape. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRecorded, type Json, type RunEvent } from '../../core/index.ts'
import { createOrchestrator } from '../../index.ts'
import { loadWorkflow, taskStates } from './index.ts'
import { calls, work } from '../../../test/fixtures/drawn-documents.ts'

type Task = Record<string, Json>

const oneTask = fc.record({
  kind: fc.constantFrom('tool', 'tool', 'tool', 'sleep', 'signal'),
  fails: fc.integer({ min: 0, max: 3 }).map((drawn) => drawn === 0),
  needs: fc.array(fc.nat({ max: 11 }), { maxLength: 3 }),
  join: fc.constantFrom('all', 'all', 'any', 'settled'),
  failure: fc.constantFrom('fail', 'skip', 'continue'),
  fan: fc.option(fc.nat({ max: 5 }), { freq: 4 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  retry: fc.option(fc.integer({ min: 1, max: 3 }), { freq: 3 }),
  condition: fc.option(fc.constantFrom('completed', 'failed', 'skipped'), { freq: 4 }),
  undo: fc.option(fc.boolean(), { freq: 3 }),
})
type Drawn = typeof oneTask extends fc.Arbitrary<infer T> ? T : never

/** A sound document: tasks need only earlier ones. */
const soundDocument = fc.array(oneTask, { minLength: 1, maxLength: 12 }).map((drawn) => {
  const tasks: Record<string, Task> = {}
  for (const [at, one] of drawn.entries()) Object.assign(tasks, tasksOf(one, at))
  return { name: 'drawn', tasks }
})

function tasksOf(drawn: Drawn, at: number): Record<string, Task> {
  const { kind, fails, join, failure, fan, concurrency, retry, condition, undo } = drawn
  const needs = [...new Set(drawn.needs.filter((need) => need < at))].map((need) => `t${need}`)
  const isCall = kind === 'tool'
  const what: Task =
    kind === 'tool'
      ? { tool: 'work', with: { fails } }
      : kind === 'sleep'
        ? { sleep: '1ms' }
        : { signal: { name: `s${at}`, deadline: '2ms' } }
  const made: Record<string, Task> = {
    [`t${at}`]: {
      ...what,
      failure,
      ...(needs.length === 0 ? undefined : { needs, join }),
      ...(fan === null ? undefined : { forEach: Array.from({ length: fan }, (_, item) => item), concurrency }),
      ...(retry === null || !isCall ? undefined : { retry: { attempts: retry, backoff: '0ms' } }),
      ...(condition === null || needs[0] === undefined ? undefined : { if: `tasks.${needs[0]}.status == "${condition}"` }),
      ...(undo === null ? undefined : { onFailure: `u${at}` }),
    },
  }
  if (undo !== null) made[`u${at}`] = { tool: 'work', with: { fails: undo } }
  return made
}

describe('a graph of any shape', () => {
  test('is sound, and runs to its end with every task settled and every effect settled once', async () => {
    await fc.assert(
      fc.asyncProperty(soundDocument, async (document) => {
        calls.clear()
        const workflow = await loadWorkflow(document, { tools: [work] })
        const ops = await createOrchestrator({ agents: [workflow], announce: false })
        try {
          const run = await ops.start(workflow, null)
          const { status } = await run.result
          const events: RunEvent[] = []
          for await (const event of run.events()) if (isRecorded(event)) events.push(event)
          expect(['completed', 'failed']).toContain(status)
          requireSettledOnce(events)
          for (const count of calls.values()) expect(count).toBe(1)
          // What has no turn: compensations of a run that went well, and tasks behind one that failed the run.
          const over = ['completed', 'failed', 'skipped', ...(status === 'completed' ? [] : ['cancelled', 'pending'])]
          const left = taskStates(workflow, events).filter(({ name, status: stands }) => {
            if (name.startsWith('t')) return !over.includes(stands)
            return !['completed', 'failed', 'skipped', 'pending'].includes(stands)
          })
          expect(left).toEqual([])
        } finally {
          await ops.close()
        }
      }),
      { numRuns: 150 },
    )
  })
})

function requireSettledOnce(events: readonly RunEvent[]): void {
  const asked = events.flatMap((event) => (event.type === 'decision' ? event.effects.map(({ key }) => key) : []))
  const ended = events.flatMap((event) => (event.type === 'effect-end' ? [event.key] : []))
  expect(new Set(asked).size).toBe(asked.length)
  expect(ended.toSorted()).toEqual(asked.toSorted())
}
