import { afterEach, describe, expect, test } from 'vitest'
import { defineAgent, type Effect, type Memory, type MemoryScope } from '../../src/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import { stepsPlanner } from './support/parts.ts'
import { closeAll, historyOf, outcomeAt, outcomeOf, world } from './support/world.ts'

afterEach(closeAll)

interface WatchedMemory extends Memory {
  /** What it was bound to, in order. */
  readonly scopes: readonly MemoryScope[]
  /** The next append fails, before or after it did its work. */
  fail: 'before' | 'after' | undefined
  /** Texts of what runs without tenant and session have kept. */
  kept(): Promise<readonly string[]>
}

/** A memory that tells what it is bound to, and fails once when it is told to. */
function watchedMemory(name = 'notes'): WatchedMemory {
  const inner = inProcessMemory({ name })
  const scopes: MemoryScope[] = []
  const memory: WatchedMemory = {
    ...inner,
    scopes,
    fail: undefined,
    bind(scope, options) {
      scopes.push(scope)
      const handle = inner.bind(scope, options)
      return {
        ...handle,
        async append(...given) {
          const { fail } = memory
          memory.fail = undefined
          if (fail === 'before') throw new Error('the disk is full')
          const written = await handle.append(...given)
          if (fail === 'after') throw new Error('the connection broke')
          return written
        },
      }
    },
    async kept() {
      const { records } = await inner.bind({ tenant: 'default', agent: 'thinker' }).list({ limit: 200 })
      return records.map(({ text }) => text)
    },
  }
  return memory
}

function remember(text: string, key = 'remember'): Effect {
  return { kind: 'remember', key, entries: [{ kind: 'fact', text }] }
}
function recall(query: string, more: Partial<Effect & { kind: 'recall' }> = {}): Effect {
  return { kind: 'recall', key: 'recall', query, ...more }
}

describe('calls of a memory', () => {
  test('what was remembered is recalled, as data in the history', async () => {
    const memory = watchedMemory()
    const agent = defineAgent({
      name: 'thinker',
      memory,
      planner: stepsPlanner([remember('it rains in Bergen')], [recall('Bergen')]),
    })
    const { ops } = await world({ agents: [agent] })
    const run = await ops.start(agent, 'go')
    expect(await run.result).toMatchObject({
      output: [{ items: [{ record: { text: 'it rains in Bergen' } }], degraded: [], omitted: 0 }],
    })
    expect(outcomeAt(await historyOf(ops, run.id), 'remember')).toMatchObject({ value: { outcomes: [{ status: 'inserted' }] } })
  })

  test('a memory is bound to tenant, agent and session of the run', async () => {
    const memory = watchedMemory()
    const agent = defineAgent({ name: 'thinker', memory, planner: stepsPlanner([recall('x')]) })
    const { ops } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go', { tenant: 'acme', session: 's' })
    ).result
    await (
      await ops.start(agent, 'go')
    ).result
    expect(memory.scopes).toEqual([
      { tenant: 'acme', agent: 'thinker', session: 's' },
      { tenant: 'default', agent: 'thinker' },
    ])
  })

  test('a budget is passed on, and a memory is chosen by name', async () => {
    const one = watchedMemory('one')
    const two = watchedMemory('two')
    const fill: Effect = {
      kind: 'remember',
      key: 'fill',
      memory: 'two',
      entries: ['lamp one', 'lamp two', 'lamp three'].map((text) => ({ kind: 'fact', text })),
    }
    const agent = defineAgent({
      name: 'thinker',
      memory: [one, two],
      planner: stepsPlanner([fill], [recall('lamp', { memory: 'two', budget: { items: 2 } })]),
    })
    const { ops } = await world({ agents: [agent] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({ output: [{ omitted: 1 }] })
    expect(one.scopes).toEqual([])
  })

  test('a memory that is not there is MEMORY_UNKNOWN', async () => {
    const agent = defineAgent({
      name: 'thinker',
      planner: stepsPlanner([recall('x'), recall('x', { key: 'other', memory: 'none' })]),
    })
    const { ops } = await world({ agents: [agent] })
    expect(await (await ops.start(agent, 'go')).result).toMatchObject({
      output: ['failed: MEMORY_UNKNOWN', 'failed: MEMORY_UNKNOWN'],
    })
  })

  test('a memory that fails once is asked again', async () => {
    const memory = watchedMemory()
    memory.fail = 'before'
    const agent = defineAgent({ name: 'thinker', memory, planner: stepsPlanner([remember('x')]) })
    const { ops, clock } = await world({ agents: [agent] })
    expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toMatchObject({
      output: [{ outcomes: [{ status: 'inserted' }] }],
    })
    expect(await memory.kept()).toEqual(['x'])
  })

  test('an entry that was written before the failure is not written twice', async () => {
    const memory = watchedMemory()
    memory.fail = 'after'
    const agent = defineAgent({ name: 'thinker', memory, planner: stepsPlanner([remember('x')]) })
    const { ops, clock } = await world({ agents: [agent] })
    await outcomeOf(clock, await ops.start(agent, 'go'))
    expect(await memory.kept()).toEqual(['x'])
  })

  test('a memory that always fails is MEMORY_FAILED as data', async () => {
    const memory = {
      ...watchedMemory(),
      bind: () => ({ recall: () => Promise.reject(new Error('down')) }),
    } as unknown as Memory
    const agent = defineAgent({ name: 'thinker', memory, planner: stepsPlanner([recall('x')]) })
    const { ops, clock } = await world({ agents: [agent] })
    expect(await outcomeOf(clock, await ops.start(agent, 'go'))).toMatchObject({ output: ['failed: MEMORY_FAILED'] })
  })
})
