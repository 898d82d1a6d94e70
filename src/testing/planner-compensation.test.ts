import { expect, test } from 'vitest'
import type { Decision, Json, Planner, RunView } from '../core/index.ts'
import { decideSoundly, findings, narrow, planner } from '../../test/fixtures/sound-planner.ts'
import { plannerConformance } from './planner-conformance.ts'

const left = (run: RunView): Json | undefined => {
  const keys = run.settled.map(({ effect }) => effect.key)
  return keys.length === 0 ? undefined : keys
}

/** Waits once for each key that it was given, in the compensating run. */
function undo(run: RunView): Decision {
  if (run.open > 0) return { type: 'idle' }
  if (run.decisions > 0) return { type: 'finish', output: 'undone' }
  const effects = (run.input as readonly string[]).map((key) => ({
    kind: 'wait' as const,
    key: `undo-${key}`,
    for: { type: 'time' as const, ms: 1 },
  }))
  return { type: 'act', effects }
}

type Compensate = NonNullable<Planner['compensate']>

const undoing = (compensate: Compensate, compensating: (run: RunView) => Decision = undo): Planner =>
  planner((run) => (run.compensates === undefined ? decideSoundly(run) : compensating(run)), { compensate })

plannerConformance({ test, createPlanner: () => undoing(left), skip: narrow })

let count = 0
const mutants: readonly (readonly [string, string, RegExp, Compensate])[] = [
  ['reads the clock', 'no-ambient', /compensate touched Date\.now/, (run) => (Date.now() > 0 ? left(run) : null)],
  ['counts outside the history', 'same-decision', /compensate gave something else/, () => (count += 1)],
  ['gives what is no JSON', 'valid-decision', /compensate gave no JSON/, () => (() => 1) as never],
  ['throws', 'valid-decision', /or threw: .*no idea/, () => expectNoIdea()],
  ['changes what it reads', 'view-unchanged', /compensate changed the view/, (run) => (run.settled as unknown[]).push(1)],
  ['gives a promise', 'valid-decision', /compensate gave no JSON/, (run) => Promise.resolve(left(run)) as never],
]

function expectNoIdea(): never {
  throw new Error('no idea')
}

test.each(mutants)('a planner whose compensate %s is found out', async (_name, rule, text, compensate) => {
  const found = await findings({ createPlanner: () => undoing(compensate), skip: narrow })
  expect(found.filter((message) => message.startsWith(`[${rule}]`) && text.test(message))).not.toEqual([])
})

test('a planner whose compensating run never ends is found out', async () => {
  const endless = undoing(left, (run) => ({
    type: 'act',
    effects: [{ kind: 'wait', key: `w${run.decisions}`, for: { type: 'time', ms: 1 } }],
  }))
  const found = await findings({ createPlanner: () => endless, skip: narrow })
  expect(found.filter((message) => message.startsWith('[ends]') && message.includes('made good'))).not.toEqual([])
})
