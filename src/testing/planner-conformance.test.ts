import { expect, test } from 'vitest'
import type { Planner } from '../core/index.ts'
import { PLANNER_CASES, plannerConformance } from './planner-conformance.ts'
import { done, playPlanner } from './planner-play.ts'
import type { PlannerScenario } from './planner-scenario.ts'
import { decideSoundly, failed, findings, narrow, planner } from '../../test/fixtures/sound-planner.ts'

plannerConformance({ test, createPlanner: () => planner(decideSoundly), skip: narrow })
plannerConformance({ test, createPlanner: () => planner(async (run) => decideSoundly(run)), skip: narrow })

test('a workflow without a model passes, also a reactive one, with every kind of effect', async () => {
  const effects = [
    { kind: 'tool', key: 'tool', tool: 'note', input: {} },
    { kind: 'run', key: 'run', agent: 'other', input: 1 },
    { kind: 'recall', key: 'recall', query: 'otters', memory: 'notes' },
    {
      kind: 'remember',
      key: 'remember',
      entries: [
        { kind: 'fact', text: 'Otters hold hands.' },
        { id: 'x', kind: 'fact', text: 'They float.' },
      ],
    },
    { kind: 'wait', key: 'time', for: { type: 'time', ms: 5 } },
    { kind: 'wait', key: 'signal', for: { type: 'signal', name: 'go' } },
    { kind: 'wait', key: 'approval', for: { type: 'approval', question: 'May I?' } },
  ] as const
  const workflow = (reactive: boolean): Planner =>
    planner(
      (run) => {
        if (run.decisions === 0) return { type: 'act', effects }
        if (reactive && run.decisions === 1)
          return { type: 'act', effects: [{ kind: 'wait', key: 'early', for: { type: 'time', ms: 1 } }] }
        if (run.open > 0) return { type: 'idle' }
        const bad = run.settled.find((one) => one.outcome !== undefined && one.outcome.status !== 'completed')?.outcome
        return bad === undefined || bad.status === 'completed'
          ? { type: 'finish', output: run.settled.length }
          : { type: 'fail', error: bad.error }
      },
      { reactive },
    )
  const skip = {
    'a conversation before the input, no instructions, no tools': 'the workflow needs its tool',
    'another agent as a tool': 'the workflow needs its tool',
    'another agent that fails': 'the workflow needs its tool',
    'no memory': 'the workflow needs its memory',
    'a handoff': 'the workflow needs its tool',
    'a handoff that fails': 'the workflow needs its tool',
    'a handoff that is denied': 'the workflow needs its tool',
    'an answer that broke off': 'the workflow asks no model',
    'an output that is refused once': 'a workflow cannot mend its output',
    'an output that is always refused': 'a workflow cannot mend its output',
  }
  expect(await findings({ createPlanner: () => workflow(false), skip })).toEqual([])
  expect(await findings({ createPlanner: () => workflow(true), skip })).toEqual([])
})

test.each([
  [{ kind: 'tool', key: 'k', tool: 'hammer', input: {} }, /no tool named "hammer"/],
  [{ kind: 'tool', key: 'k', tool: 'note' }, /no input/],
  [{ kind: 'run', key: 'k', agent: '', input: {} }, /no agent/],
  [{ kind: 'run', key: 'k', agent: 'a' }, /no input/],
  [{ kind: 'recall', key: 'k', query: 'x', memory: 'dreams' }, /no memory "dreams"/],
  [{ kind: 'recall', key: 'k' }, /not a text/],
  [{ kind: 'remember', key: 'k' }, /not a list/],
  [{ kind: 'wait', key: 'k', for: { type: 'time', ms: -1 } }, /waits for something unknown/],
  [{ kind: 'wait', key: 'k' }, /waits for something unknown/],
  [{ kind: 'model', key: 'k', messages: 'hello' }, /messages are a list/],
])('the effect %j is refused', async (effect, text) => {
  const found = await findings({ createPlanner: () => planner(() => ({ type: 'act', effects: [effect as never] })) })
  expect(found[0]).toMatch(text)
})

test('scenarios of the caller are driven, rules and cases can be skipped with a reason', async () => {
  const cases = new Map<string, () => Promise<void>>()
  const own: PlannerScenario = {
    name: 'my own',
    respond: (_effect, turn, dialect) => done(dialect.answer('ok', turn as never) as never),
    ends: 'finish',
  }
  plannerConformance({
    test: (name, run) => cases.set(name, run),
    createPlanner: () => planner((run) => (Date.now() > 0 ? decideSoundly(run) : failed(''))),
    scenarios: [own],
    skip: narrow,
    skipRules: { 'no-ambient': 'it likes the time' },
  })
  expect([...cases.keys()].slice(-2)).toEqual(['my own', 'rule no-ambient (skipped: it likes the time)'])
  expect([...cases.keys()]).toContain('a handoff (skipped: knows none)')
  for (const run of cases.values()) await run()
  expect(() =>
    plannerConformance({ test: () => undefined, createPlanner: () => planner(decideSoundly), skip: { 'no such case': 'x' } }),
  ).toThrow(/no such case/)
  expect(new Set(PLANNER_CASES).size).toBe(PLANNER_CASES.length)
})

test('only planners that decide at once can be played', () => {
  const { next, step } = playPlanner(planner(async (run) => decideSoundly(run)))
  expect(next).toThrow(/decide at once/)
  expect(step).toThrow(/decide at once/)
  expect(playPlanner(planner(() => failed('no'))).step).toThrow(/does not act/)
})

test.each([
  ['a plugin', {}, /a plugin of spec|spec/],
  ['a planner', { spec: 'tool/1', name: 'x', execute: () => undefined }, /'planner\/1'/],
  ['versioned', { version: 2 }, /version/],
  ['reactive', { reactive: 'yes' }, /reactive/],
  ['modest', { requires: ['magic'] }, /magic/],
])('what is not %s is refused', async (name, members, text) => {
  const subject = (name === 'a plugin' ? members : { ...planner(decideSoundly), ...members }) as never
  const cases: (() => Promise<void>)[] = []
  plannerConformance({ test: (_name, run) => cases.push(run), createPlanner: () => subject })
  await expect(cases[0]?.()).rejects.toThrow(text)
})

test('planners of one factory have one version', async () => {
  let made = 0
  const cases: (() => Promise<void>)[] = []
  plannerConformance({
    test: (_name, run) => cases.push(run),
    createPlanner: () => planner(decideSoundly, { version: String((made += 1)) }),
  })
  await expect(cases[0]?.()).rejects.toThrow(/different versions/)
})
