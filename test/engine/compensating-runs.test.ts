/** The run that makes another one good: its limits, its own cancellation, and crashes on the way (S11). */
import { afterEach, describe, expect, test } from 'vitest'
import { OpspawnError, type RunOutcome, type Store } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { fleet } from './support/fleet.ts'
import { type NotingTool } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeOf, settle, until, world, type World } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'
import { shop, made, compensationOf } from './support/undoing.ts'

afterEach(closeAll)

const asked = async ({ ops }: Pick<World, 'ops'>, runId: string): Promise<readonly string[]> =>
  ofType(await historyOf(ops, runId), 'decision').flatMap(({ effects }) => effects.map(({ key }) => key))

describe('the run that makes good', () => {
  test('a worker may die at any moment: it is there once, and repeats nothing', async () => {
    const drive = async (at: Awaited<ReturnType<typeof fleet>>, slow: NotingTool): Promise<void> => {
      const run = await at.first.ops.start('flow', { who: 'ada' }, { runId: 'run' })
      for (let round = 0; round < 50 && slow.calls.length === 0 && !at.isDead(); round += 1) await at.clock.advance(0)
      if (at.isDead()) return
      await run.cancel('enough')
      await settle(at.clock, 12)
    }
    const cast = await shop()
    const reference = await fleet([cast.workflow])
    await drive(reference, cast.slow)
    const outcome = (await reference.first.ops.record('run')).outcome as RunOutcome
    const id = compensationOf(outcome) ?? 'none'
    expect((await reference.first.ops.record(id)).status).toBe('completed')
    const count = reference.appends()
    expect(count).toBeGreaterThan(7)
    let afterwards = 0
    for (let dieAt = 0; dieAt < count; dieAt += 1) {
      for (const moment of ['before', 'after'] as const) {
        const { workflow, undone, slow } = await shop()
        const at = await fleet([workflow], { dieAt, moment })
        await drive(at, slow)
        expect(at.isDead()).toBe(true)
        const second = await at.second()
        const run = await second.ops.run('run')
        // Dead before it was cancelled: cancelled now.
        await at.clock.advance(20_000)
        await until(
          at.clock,
          'it sends',
          async () => slow.calls.length > 0 || (await second.ops.record('run')).outcome !== undefined,
        )
        if ((await second.ops.record('run')).outcome === undefined) await run.cancel('enough')
        const ended = await outcomeOf(at.clock, run)
        expect(ended).toMatchObject({ status: 'cancelled', error: { details: { compensation: id } } })
        expect((await outcomeOf(at.clock, await second.ops.run(id))).status).toBe('completed')
        expect((await at.store.list({}, {})).runs.map(({ runId }) => runId).toSorted()).toEqual(['run', id].toSorted())
        expect(await asked(second, id)).toEqual(['recall', 'refund', 'unbook'])
        const ends = ofType(await at.store.read(id, 1), 'effect-end').map(({ key }) => key)
        expect(ends).toEqual(['recall', 'refund', 'unbook'])
        // Executed again is only what was under way at the death, under the same key.
        expect(new Set(undone.calls.map(({ context }) => context.idempotencyKey)).size).toBe(3)
        afterwards += Number(undone.calls.length > 3)
        await closeAll()
      }
    }
    expect(afterwards).toBeGreaterThan(0)
  })

  test('is accepted before the run ends, and after what its effects came to is on record', async () => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const { workflow, slow } = await shop()
    const atCreation: string[][] = []
    const store: Store = sharedStore(inner, {
      async create(run, options) {
        if (run.origin.compensates !== undefined)
          atCreation.push((await inner.read(run.origin.compensates, 1)).map(({ type }) => type))
        return inner.create(run, options)
      },
    })
    const at = await world({ agents: [workflow], store, clock })
    const run = await at.ops.start('flow', { who: 'ada' })
    await until(clock, 'it sends', () => slow.calls.length === 1)
    await run.cancel()
    await outcomeOf(clock, run)
    expect(atCreation.map((types) => types.slice(-2))).toEqual([['cancel-request', 'effect-end']])
  })

  test('a queue that is full and a store that fails are tried again', async () => {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const refusals = [new OpspawnError('QUEUE_FULL', 'full'), new OpspawnError('STORE_FAILED', 'away')]
    const store = sharedStore(inner, {
      async create(run, options) {
        const refusal = run.origin.compensates === undefined ? undefined : refusals.shift()
        if (refusal !== undefined) throw refusal
        return inner.create(run, options)
      },
    })
    const { workflow, slow } = await shop()
    const at = await world({ agents: [workflow], store, clock })
    const run = await at.ops.start('flow', { who: 'ada' })
    await until(clock, 'it sends', () => slow.calls.length === 1)
    await run.cancel()
    const { outcome } = await made(at, await outcomeOf(clock, run))
    expect(outcome.status).toBe('completed')
    expect(refusals).toEqual([])
    expect(at.faults.map(({ failure, context }) => [failure.code, context.where])).toEqual([
      ['QUEUE_FULL', 'compensate'],
      ['STORE_FAILED', 'compensate'],
    ])
  })

  test('is not forked from by mistake: the cancelled run is begun anew, or taken along on purpose', async () => {
    const { workflow, slow } = await shop()
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start('flow', { who: 'ada' })
    await until(at.clock, 'it sends', () => slow.calls.length === 1)
    await run.cancel()
    const outcome = await outcomeOf(at.clock, run)
    const { run: second } = await made(at, outcome)
    const refused = await at.ops.fork(run.id).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'OPTIONS_INVALID' })
    expect((refused as Error).message).toContain(second.id)
    expect((refused as Error).message).toContain('afterSeq: 1')
    const anew = await at.ops.fork(run.id, { afterSeq: 1 })
    await until(at.clock, 'it sends again', () => slow.calls.length === 2)
    expect(await at.ops.record(anew.id)).not.toHaveProperty('compensates')
    await anew.cancel()
    // With another input a fork of the run that makes good is an ordinary run.
    const other = await at.ops.fork(second.id, { input: { who: 'bob' } })
    expect((await at.ops.record(other.id)).compensates).toBeUndefined()
    await until(at.clock, 'it sends once more', () => slow.calls.length === 3)
  })
})
