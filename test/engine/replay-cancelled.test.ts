/** What a cancelled run left to be made good is compared too, not only what it decided (0039). */
import { afterEach, expect, test } from 'vitest'
import { type Agent, defineAgent, type Planner, type RunEvent } from '../../src/index.ts'
import { replay } from '../../src/orchestrator/index.ts'
import { planner } from './support/parts.ts'
import { closeAll, historyOf, outcomeOf, settle, world } from './support/world.ts'

afterEach(closeAll)

/** Waits for ever, and may be made good. */
function waits(compensate?: Planner['compensate'], durationMs: number = 1e6): Agent {
  const decide = planner((run) => {
    if (run.compensates !== undefined) return { type: 'finish', output: run.input }
    if (run.open > 0) return { type: 'idle' }
    return { type: 'act', effects: [{ kind: 'wait', key: 'w', for: { type: 'signal', name: 'never' } }] }
  })
  const whole = compensate === undefined ? decide : { ...decide, compensate }
  return defineAgent({ name: 'waits', planner: whole, limits: { durationMs } }) as Agent
}

async function ended(agent: Agent, how: 'cancelled' | 'late'): Promise<readonly RunEvent[]> {
  const { ops, clock } = await world({ agents: [agent] })
  const run = await ops.start('waits', 'go')
  await settle(clock)
  if (how === 'cancelled') await run.cancel('enough')
  await outcomeOf(clock, run)
  return historyOf(ops, run.id)
}

const broken: Planner['compensate'] = () => {
  throw new Error('no idea')
}

test.each([
  ['cancelled', 1e6],
  ['late', 5_000],
] as const)('a run that was %s', async (how, durationMs) => {
  const good = await ended(
    waits(() => 'undo', durationMs),
    how,
  )
  expect(
    await replay(
      good,
      waits(() => 'undo'),
    ),
  ).toEqual({ same: true, decisions: 2 })
  const seq = good.length
  expect(await replay(good, waits())).toEqual({
    same: false,
    seq,
    path: '/type',
    recorded: { type: 'compensate' },
    present: { type: 'nothing' },
  })
  expect(await replay(good, waits(broken))).toMatchObject({ same: false, seq, present: { type: 'fail' } })
  const plain = await ended(waits(undefined, durationMs), how)
  expect(await replay(plain, waits())).toEqual({ same: true, decisions: 1 })
  expect(
    await replay(
      plain,
      waits(() => undefined),
    ),
  ).toEqual({ same: true, decisions: 1 })
  expect(
    await replay(
      plain,
      waits(() => 'undo'),
    ),
  ).toMatchObject({ same: false, present: { type: 'compensate' } })
})

test('a run whose planner could not say what is to be made good', async () => {
  const history = await ended(waits(broken), 'cancelled')
  expect(history.at(-1)).toMatchObject({ outcome: { status: 'failed', error: { code: 'PLANNER_FAILED' } } })
  expect(await replay(history, waits(broken))).toEqual({ same: true, decisions: 2 })
  expect(
    await replay(
      history,
      waits(() => 'undo'),
    ),
  ).toMatchObject({ same: false, recorded: { type: 'fail' } })
})
