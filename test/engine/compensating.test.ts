/** Runs that make good what a cancelled one did: compensation in a fresh scope (S11). */
import { afterEach, describe, expect, test } from 'vitest'
import {
  type Agent,
  defineAgent,
  type Json,
  OpspawnError,
  type Run,
  type RunOutcome,
  type Store,
  type Tool,
} from '../../src/index.ts'
import { replay } from '../../src/orchestrator/index.ts'
import { loadWorkflow, taskStates, type Workflow } from '../../src/plugins/planner-workflow/index.ts'
import { manualClock } from '../../src/testing/index.ts'
import { fleet } from './support/fleet.ts'
import { call, gate, noting, type NotingTool, planner, untilAborted } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeAt, outcomeOf, settle, until, world, type World } from './support/world.ts'
import { memoryStore, sharedStore } from './support/wrappers.ts'

afterEach(closeAll)

type Tasks = Readonly<Record<string, Readonly<Record<string, Json>>>>

const flow = (tasks: Tasks, tools: readonly Tool[], more: object = {}, options: object = {}): Promise<Workflow> =>
  loadWorkflow({ name: 'flow', tasks, ...more }, { tools, ...options })

/** The id of the run that makes an ended one good. */
function compensationOf(outcome: RunOutcome): string | undefined {
  if (outcome.status === 'completed') return undefined
  return (outcome.error.details as { compensation?: string } | undefined)?.compensation
}

async function made(at: Pick<World, 'ops' | 'clock'>, outcome: RunOutcome): Promise<{ run: Run; outcome: RunOutcome }> {
  const run = await at.ops.run(compensationOf(outcome) ?? 'none')
  return { run, outcome: await outcomeOf(at.clock, run) }
}

const asked = async ({ ops }: Pick<World, 'ops'>, runId: string): Promise<readonly string[]> =>
  ofType(await historyOf(ops, runId), 'decision').flatMap(({ effects }) => effects.map(({ key }) => key))

interface Shop {
  readonly workflow: Workflow
  readonly undone: NotingTool
  readonly slow: NotingTool
}

/** Books and pays, then waits for something that never comes; each can be undone. */
async function shop(more: object = {}, options: object = {}): Promise<Shop> {
  const act = noting('act', ({ what }) => ({ id: `${what as string}-1` }))
  const undone = noting('undo', () => 'undone', { effect: 'idempotent' })
  const slow = noting('slow', untilAborted, { effect: 'idempotent' })
  const workflow = await flow(
    {
      book: { tool: 'act', with: { what: 'room' }, onFailure: 'unbook' },
      pay: { needs: 'book', tool: 'act', with: { what: 'bill' }, onFailure: 'refund' },
      send: { needs: 'pay', tool: 'slow', onFailure: 'recall' },
      rate: { needs: 'send', tool: 'act', with: { what: 'rate' }, onFailure: 'unrate' },
      unbook: { tool: 'undo', with: { what: '${{ tasks.book.output.id }}', of: '${{ run.id }}', for: '${{ input.who }}' } },
      refund: {
        tool: 'undo',
        with: { what: '${{ tasks.pay.output.id }}', code: '${{ failure.code }}', task: '${{ failure.task }}' },
      },
      recall: { tool: 'undo', with: { what: 'letter', was: '${{ tasks.send.status }}' } },
      unrate: { tool: 'undo' },
    },
    [act, undone, slow],
    more,
    options,
  )
  return { workflow, undone, slow }
}

const given = (tool: NotingTool): readonly Json[] => tool.calls.map(({ input }) => input)

/** What the shop undoes, backwards. */
const backwards = (code: string, of: string): readonly Json[] => [
  { what: 'letter', was: 'failed' },
  { what: 'bill-1', code, task: '' },
  { what: 'room-1', of, for: 'ada' },
]

describe('a run that is cancelled', () => {
  test('is made good by a run of its own, backwards, with what its tasks gave', async () => {
    const { workflow, undone, slow } = await shop({ outputSchema: { type: 'integer' } })
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start(
      'flow',
      { who: 'ada' },
      { tenant: 'acme', session: 's', priority: 3, metadata: { from: 'test' }, limits: { durationMs: 60_000, decisions: 50 } },
    )
    await until(at.clock, 'it sends', () => slow.calls.length === 1)
    await run.cancel('enough')
    const outcome = await outcomeOf(at.clock, run)
    expect(outcome).toMatchObject({
      status: 'cancelled',
      error: { code: 'RUN_CANCELLED', message: 'the run was cancelled: enough' },
    })
    const { run: second, outcome: end } = await made(at, outcome)
    expect(end).toEqual({
      status: 'completed',
      output: { compensations: ['recall', 'refund', 'unbook'].map((task) => ({ task, status: 'completed' })) },
    })
    expect(given(undone)).toEqual(backwards('RUN_CANCELLED', run.id))
    const record = await at.ops.record(second.id)
    expect(record).toMatchObject({
      compensates: run.id,
      rootId: second.id,
      depth: 0,
      tenant: 'acme',
      session: 's',
      priority: 3,
      metadata: { from: 'test' },
      limits: { durationMs: 86_400_000, decisions: 50 },
    })
    expect(record.parent).toBeUndefined()
    // It is no turn of the conversation.
    expect(record.transcript).toBeUndefined()
    // The record, the event and the handle name it alike; and one after the other, never two at once.
    expect(compensationOf((await at.ops.record(run.id)).outcome as RunOutcome)).toBe(second.id)
    expect(ofType(await historyOf(at.ops, run.id), 'run-end')[0]?.outcome).toEqual(outcome)
    const events = await historyOf(at.ops, second.id)
    expect(ofType(events, 'decision').map(({ effects }) => effects.map(({ key }) => key))).toEqual([
      ['recall'],
      ['refund'],
      ['unbook'],
    ])
    expect(taskStates(workflow, events).map(({ name, status }) => `${name} ${status}`)).toEqual([
      'book completed',
      'pay completed',
      'send failed',
      'rate pending',
      'unbook completed',
      'refund completed',
      'recall completed',
      'unrate pending',
    ])
    for (const id of [run.id, second.id])
      expect(await replay(await historyOf(at.ops, id), workflow)).toMatchObject({ same: true })
    expect(at.faults).toEqual([])
  })

  test('because its time is up is made good too, under a time of its own', async () => {
    const { workflow, undone, slow } = await shop({}, { limits: { durationMs: 1500 } })
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start('flow', { who: 'ada' })
    const outcome = await outcomeOf(at.clock, run)
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMEOUT' } })
    expect(slow.calls).toHaveLength(1)
    expect((await made(at, outcome)).outcome.status).toBe('completed')
    expect(given(undone)).toEqual(backwards('RUN_TIMEOUT', run.id))
  })

  test('twice, and after its end, is made good once; the run that does it is cancelled by its own id', async () => {
    const { workflow, slow } = await shop()
    const held = gate()
    const undo = noting('undo', async (_input, context) => {
      held.open()
      await untilAborted(undefined, context)
    })
    const at = await world({ agents: [await loadWorkflow(workflow.planner.document)], plugins: [undo, ...toolsOf(slow)] })
    const run = await at.ops.start('flow', { who: 'ada' })
    await until(at.clock, 'it sends', () => slow.calls.length === 1)
    await Promise.all([run.cancel('enough'), run.cancel('more')])
    const outcome = await outcomeOf(at.clock, run)
    await held.promise
    await run.cancel('again')
    const second = await at.ops.run(compensationOf(outcome) ?? '')
    expect((await at.ops.record(second.id)).status).toBe('running')
    await second.cancel('leave it')
    const end = await outcomeOf(at.clock, second)
    expect(end).toMatchObject({ status: 'cancelled', error: { message: 'the run was cancelled: leave it' } })
    expect(compensationOf(end)).toBeUndefined()
    expect((await at.ops.list()).runs).toHaveLength(2)
    expect(undo.calls).toHaveLength(1)
  })

  test('with nothing to be made good has not one event more, and no run is there', async () => {
    const act = noting('act')
    const slow = noting('slow', untilAborted)
    const undo = noting('undo')
    const tools = [act, slow, undo]
    const nothing = { a: { tool: 'act' }, b: { needs: 'a', tool: 'slow' } }
    const late = { ...nothing, c: { needs: 'b', tool: 'act', onFailure: 'u' }, u: { tool: 'undo' } }
    const waits = { ...nothing, d: { approval: 'well?', onFailure: 'u' }, u: { tool: 'undo' } }
    for (const tasks of [nothing, late, waits] as Tasks[]) {
      const at = await world({ agents: [await flow(tasks, tools)] })
      const run = await at.ops.start('flow', 'go')
      await until(at.clock, 'it is slow', () => slow.calls.length > 0)
      slow.calls.splice(0)
      await run.cancel()
      const outcome = await outcomeOf(at.clock, run)
      expect(outcome).toEqual({
        status: 'cancelled',
        error: expect.not.objectContaining({ details: expect.anything() }) as never,
      })
      const events = await historyOf(at.ops, run.id)
      expect(events.slice(events.findIndex(({ type }) => type === 'cancel-request')).map(({ type }) => type)).toEqual([
        'cancel-request',
        ...events.filter(({ type, seq }) => type === 'effect-end' && seq > 6).map(() => 'effect-end'),
        'run-end',
      ])
      expect(new Set(events.slice(-2).map(({ at: time }) => time)).size).toBe(1)
      expect((await at.ops.list()).runs).toHaveLength(1)
    }
    // Before anything was begun, the workflow's own compensation has no turn either.
    const at = await world({ agents: [await flow({ a: { tool: 'act' }, u: { tool: 'undo' } }, tools, { onFailure: 'u' })] })
    const run = await at.ops.start('flow', 'go', { dueAt: at.clock.now() + 60_000 })
    await run.cancel()
    expect(compensationOf(await outcomeOf(at.clock, run))).toBeUndefined()
    expect(undo.calls).toHaveLength(0)
  })
})

/** The tools of the shop beside the one that undoes. */
const toolsOf = (slow: NotingTool): readonly Tool[] => [noting('act', ({ what }) => ({ id: `${what as string}-1` })), slow]

describe('what is made good', () => {
  test('a failing compensation is tried again, and does not stop the others; the run fails with it', async () => {
    const undo = noting('undo', ({ what }) => {
      if (what === 'b') throw new OpspawnError('TOOL_FAILED', 'stuck', { retryable: true })
      return 'undone'
    })
    const tools = [noting('act'), noting('slow', untilAborted), undo]
    const workflow = await flow(
      {
        a: { tool: 'act', onFailure: 'ua' },
        b: { needs: 'a', tool: 'act', onFailure: ['ub', 'never'] },
        c: { needs: 'b', tool: 'slow' },
        ua: { tool: 'undo', with: { what: 'a' } },
        ub: { tool: 'undo', with: { what: 'b' }, retry: { attempts: 3, backoff: '1s' } },
        never: { tool: 'undo', if: 'failure.code == "OTHER"' },
        all: { tool: 'undo', with: { what: 'all', saw: '${{ tasks.b.status }}' } },
      },
      tools,
      { onFailure: 'all' },
    )
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start('flow', 'go')
    await settle(at.clock)
    await run.cancel()
    const { outcome, run: second } = await made(at, await outcomeOf(at.clock, run))
    expect(outcome).toMatchObject({
      status: 'failed',
      error: {
        code: 'TOOL_FAILED',
        message: 'compensation "ub" failed: stuck',
        details: {
          task: 'ub',
          compensations: [
            { task: 'ub', status: 'failed', code: 'TOOL_FAILED', message: 'stuck' },
            { task: 'never', status: 'skipped' },
            { task: 'ua', status: 'completed' },
            { task: 'all', status: 'completed' },
          ],
        },
      },
    })
    expect(given(undo).map((input) => (input as { what: string }).what)).toEqual(['b', 'b', 'b', 'a', 'all'])
    expect(given(undo).at(-1)).toEqual({ what: 'all', saw: 'completed' })
    expect(await replay(await historyOf(at.ops, second.id), workflow)).toMatchObject({ same: true })
    // Begun again, it is still the run that makes the first one good.
    const again = await at.ops.fork(second.id, { afterSeq: 1 })
    await outcomeOf(at.clock, again)
    expect((await at.ops.record(again.id)).compensates).toBe(run.id)
    expect(
      given(undo)
        .slice(5)
        .map((input) => (input as { what: string }).what),
    ).toContain('b')
  })

  test('what may have happened is undone: unknown, or under way and idempotent; not what was never begun', async () => {
    const undo = noting('undo', ({ what }) => what as Json)
    const unsafe = noting('unsafe', untilAborted, { effect: 'unsafe' })
    const idempotent = noting('idempotent', untilAborted, { effect: 'idempotent' })
    const asks = noting('asks', untilAborted, { effect: 'idempotent', approval: true })
    const one = noting('one', untilAborted, { effect: 'unsafe', concurrency: 1 })
    const names = ['unsafe', 'idempotent', 'asks', 'one', 'two', 'nap', 'tries']
    const fails = noting('fails', () => Promise.reject(new OpspawnError('TOOL_FAILED', 'no', { retryable: true })))
    const kinds: Tasks = {
      unsafe: { tool: 'unsafe' },
      idempotent: { tool: 'idempotent' },
      asks: { tool: 'asks' },
      one: { tool: 'one' },
      two: { tool: 'one' },
      nap: { sleep: '1d' },
      tries: { tool: 'fails', retry: { attempts: 2, backoff: '1d', maxBackoff: '1d' } },
    }
    const tasks: Record<string, Record<string, Json>> = {}
    for (const name of names) {
      tasks[name] = { ...kinds[name], onFailure: `u-${name}` }
      tasks[`u-${name}`] = { tool: 'undo', with: { what: name } }
    }
    const at = await world({ agents: [await flow(tasks, [undo, unsafe, idempotent, asks, one, fails])] })
    const run = await at.ops.start('flow', 'go')
    await until(at.clock, 'all are under way', () => one.calls.length + unsafe.calls.length + fails.calls.length === 3)
    await settle(at.clock)
    await run.cancel()
    await made(at, await outcomeOf(at.clock, run))
    expect(outcomeAt(await historyOf(at.ops, run.id), 'two')?.status).toBe('cancelled')
    expect(
      given(undo)
        .map((input) => (input as { what: string }).what)
        .toSorted(),
    ).toEqual(['idempotent', 'one', 'tries', 'unsafe'])
  })

  test('a forEach that was broken off comes first, and its finished items count', async () => {
    const step = noting('step', ({ n }, context) => (n === 3 ? untilAborted(undefined, context) : (n as Json)))
    const undo = noting('undo')
    const at = await world({
      agents: [
        await flow(
          {
            a: { tool: 'step', with: { n: 0 }, onFailure: 'ua' },
            b: {
              needs: 'a',
              tool: 'step',
              forEach: [1, 2, 3, 4],
              with: { n: '${{ item }}' },
              concurrency: 1,
              failure: 'continue',
              onFailure: 'ub',
            },
            ua: { tool: 'undo', with: { what: 'a' } },
            ub: { tool: 'undo', with: { what: 'b' } },
          },
          [step, undo],
        ),
      ],
    })
    const run = await at.ops.start('flow', 'go')
    await until(at.clock, 'the third', () => step.calls.length === 4)
    await run.cancel()
    await made(at, await outcomeOf(at.clock, run))
    expect(given(undo)).toEqual([{ what: 'b' }, { what: 'a' }])
  })

  test('a run cancelled while it made a failure good goes on with what is left, under the same idempotency keys', async () => {
    const keys: string[] = []
    const reached = gate()
    let isFirst = true
    const undo = noting(
      'undo',
      ({ what }, context) => {
        keys.push(`${what as string} ${context.idempotencyKey}`)
        if (what !== 'b' || !isFirst) return 'undone'
        isFirst = false
        reached.open()
        return untilAborted(undefined, context)
      },
      { effect: 'idempotent' },
    )
    const fails = noting('fails', () => Promise.reject(new OpspawnError('TOOL_FAILED', 'no', { retryable: false })))
    const workflow = await flow(
      {
        a: { tool: 'act', onFailure: 'ua' },
        b: { needs: 'a', tool: 'act', onFailure: 'ub' },
        c: { needs: 'b', tool: 'act', onFailure: 'uc' },
        d: { needs: 'c', tool: 'fails' },
        ua: { tool: 'undo', with: { what: 'a' } },
        ub: { tool: 'undo', with: { what: 'b' } },
        uc: { tool: 'undo', with: { what: 'c' } },
      },
      [noting('act'), fails, undo],
    )
    const at = await world({ agents: [workflow] })
    const run = await at.ops.start('flow', 'go')
    await reached.promise
    await run.cancel()
    const { outcome } = await made(at, await outcomeOf(at.clock, run))
    expect(outcome.status).toBe('completed')
    expect(keys.map((key) => key.split(' ')[0])).toEqual(['c', 'b', 'b', 'a'])
    expect(keys[1]).toBe(keys[2])
  })

  test('child workflows make themselves good; a parent that is cancelled does too, and names no more than its own', async () => {
    const { workflow: inner, undone, slow } = await shop()
    const act = noting('outer')
    const outer = await loadWorkflow(
      {
        name: 'outer',
        tasks: {
          first: { tool: 'outer', with: { n: 1 }, onFailure: 'last' },
          sub: { needs: 'first', workflow: 'flow' },
          last: { tool: 'outer', with: { n: 2 } },
        },
      },
      { tools: [act], agents: [inner] },
    )
    const at = await world({ agents: [outer, inner] })
    const run = await at.ops.start('outer', { who: 'ada' })
    await until(at.clock, 'the child sends', () => slow.calls.length === 1)
    await run.cancel('enough')
    const outcome = await outcomeOf(at.clock, run)
    await made(at, outcome)
    const child = (await at.ops.list({ parentId: run.id })).runs[0]
    const ofChild = compensationOf(child?.outcome as RunOutcome)
    expect(ofChild).toBeDefined()
    expect(ofChild).not.toBe(compensationOf(outcome))
    expect((await outcomeOf(at.clock, await at.ops.run(ofChild ?? ''))).status).toBe('completed')
    expect(given(undone)).toEqual(backwards('RUN_CANCELLED', child?.runId ?? ''))
    expect(given(act)).toEqual([{ n: 1 }, { n: 2 }])
    // The parent's history says where its child is made good.
    const end = ofType(await historyOf(at.ops, run.id), 'effect-end').find(({ key }) => key === 'sub')?.outcome
    expect(end).toMatchObject({ status: 'cancelled', error: { details: { compensation: ofChild } } })
  })
})

describe('the run that makes good', () => {
  test('a worker may die at any moment: it is there once, and repeats nothing', { timeout: 120_000 }, async () => {
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

describe('a planner of another kind', () => {
  const act = noting('act')
  const slow = noting('slow', untilAborted, { effect: 'idempotent' })

  function keeper(compensate: (run: never) => unknown): Agent {
    const base = planner((run) => {
      if (run.compensates !== undefined && (run.decisions > 0 || run.input !== 'slowly'))
        return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: { undid: run.input, of: run.compensates } }
      if (run.decisions === 0) return { type: 'act', effects: [call('act', {}, 'a'), call('slow', {}, 's')] }
      return { type: 'idle' }
    })
    return defineAgent({
      name: 'keeper',
      tools: [act, slow],
      input: { type: 'string' } as never,
      planner: { ...base, compensate } as never,
    }) as Agent
  }

  async function cancelled(agent: Agent): Promise<{ at: World; outcome: RunOutcome; id: string }> {
    slow.calls.splice(0)
    const at = await world({ agents: [agent] })
    const run = await at.ops.start('keeper', 'go')
    await until(at.clock, 'it is slow', () => slow.calls.length === 1)
    await run.cancel()
    return { at, outcome: await outcomeOf(at.clock, run), id: run.id }
  }

  test('says what is to be made good; its own input schema does not hold for that', async () => {
    const { at, outcome, id } = await cancelled(keeper((run: { settled: readonly unknown[] }) => ({ n: run.settled.length })))
    expect((await made(at, outcome)).outcome).toEqual({ status: 'completed', output: { undid: { n: 2 }, of: id } })
  })

  test('is not asked about the run that makes good: what is left when that is cancelled stays', async () => {
    const { at, outcome } = await cancelled(keeper(() => 'slowly'))
    await until(at.clock, 'it is undone slowly', () => slow.calls.length === 2)
    const second = await at.ops.run(compensationOf(outcome) ?? '')
    await second.cancel()
    expect(compensationOf(await outcomeOf(at.clock, second))).toBeUndefined()
    expect((await at.ops.list()).runs).toHaveLength(2)
  })

  test('that throws, or gives what is no JSON, fails the run: that nothing was made good is not hidden', async () => {
    const bad = [
      () => {
        throw new Error('lost my list')
      },
      () => ({ at: new Map() }),
      async () => Promise.resolve('x'),
    ]
    for (const compensate of bad) {
      const { at, outcome } = await cancelled(keeper(compensate))
      expect(outcome).toMatchObject({ status: 'failed', error: { code: 'PLANNER_FAILED' } })
      expect((outcome as { error: { message: string } }).error.message).toContain('so nothing is: ')
      expect(at.faults.map(({ failure }) => failure.code)).toEqual(['PLANNER_FAILED'])
      expect((await at.ops.list()).runs).toHaveLength(1)
    }
  })
})
