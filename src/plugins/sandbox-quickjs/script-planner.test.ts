import { afterAll, describe, expect, test } from 'vitest'
import type { Decision, Effect, Json, Outcome, Planner, RunView } from '../../core/index.ts'
import { plannerConformance } from '../../testing/planner-conformance.ts'
import { scriptedHistory } from '../../testing/planner-history.ts'
import { scenarioDefinition, scriptedFailure } from '../../testing/planner-scenarios.ts'
import { seededRandom } from '../../testing/seeded.ts'
import { type CodePlay, notForCode, playCode } from '../../../test/fixtures/code-play.ts'
import { quickjsSandbox, type Sandbox, scriptPlanner, type SandboxSession } from './index.ts'

const sandbox = quickjsSandbox({ threads: 4 })
afterAll(() => sandbox[Symbol.asyncDispose]())

const twoAndOne = `
  const found = await tools.web_search({ q: 'otters' })
  const [left, right] = await Promise.all([
    tools.note({ n: 1 }),
    tools.note({ n: 2 }).catch((error) => ({ code: error.code, message: error.message })),
  ])
  console.log('done', left)
  return { found, left, right, chance: Math.random(), at: Date.now() }`

const loops = `
  let sum = 0
  for (let turn = 0; turn < 5; turn += 1) {
    try {
      sum += (await tools.note({ turn })).n ?? 1
    } catch {
      sum += 100
    }
    for (let tick = 0; tick < 50; tick += 1) await Promise.resolve()
  }
  return sum`

/** The suite's runs are started with a text: a planner whose runs all have one script, over the same views. */
function ofScript(code: string, used: Sandbox = sandbox): Planner {
  const planner = scriptPlanner(used)
  const views = new WeakMap<RunView, RunView>()
  return {
    ...planner,
    decide(view) {
      const seen = views.get(view) ?? (Object.create(view, { input: { value: { code } } }) as RunView)
      views.set(view, seen)
      return planner.decide(seen)
    },
  }
}

for (const [name, code] of Object.entries({ twoAndOne, loops })) {
  plannerConformance({
    test: (title, body) => test(`${name}: ${title}`, body),
    createPlanner: () => ofScript(code),
    skipRules: {
      'no-ambient': 'the script runs in a thread, which is waited for, and ended by a timer when it does not come to rest',
      'failures-told': 'the script may catch a failure; the history tells of it',
    },
    skip: notForCode('script'),
  })
}

type History = ReturnType<typeof scriptedHistory>
const done = (value: Json): Outcome => ({ status: 'completed', value })
const failed = scriptedFailure('failed', 'TOOL_FAILED', 'x')

const begin = (code: string, used: Sandbox = sandbox): CodePlay => playCode(ofScript(code, used), 'script', 'x')

/** A sandbox whose code can be taken away between decisions. */
function forgetful(): { readonly used: Sandbox; readonly forget: () => number } {
  const open: SandboxSession[] = []
  const used: Sandbox = {
    ...sandbox,
    async open(task, options) {
      const session = await sandbox.open(task, options)
      open.push(session)
      return session
    },
  }
  return { used, forget: () => open.splice(0).map((session) => session[Symbol.dispose]()).length }
}

test('calls are effects, named by what they call and how often', async () => {
  const { act, history, next } = begin(twoAndOne)
  const [search] = await act()
  expect(search).toEqual({ kind: 'tool', key: 'web.search', tool: 'web.search', input: { q: 'otters' } })
  history.settle(search as Effect, done('found'))
  const notes = await act()
  expect(notes).toEqual([
    { kind: 'tool', key: 'note', tool: 'note', input: { n: 1 } },
    { kind: 'tool', key: 'note#2', tool: 'note', input: { n: 2 } },
  ])
  history.settle(notes[1] as Effect, failed)
  expect(await next()).toEqual({ type: 'idle' })
  history.settle(notes[0] as Effect, done(7))
  expect(await next()).toMatchObject({
    type: 'finish',
    output: {
      result: {
        found: 'found',
        left: 7,
        right: { code: 'TOOL_FAILED', message: 'scripted trouble at x' },
        chance: expect.any(Number) as number,
      },
      console: ['done 7'],
    },
  })
})

test('time is that of the first decision, whenever it is read', async () => {
  const { act, history, next } = begin('const before = Date.now(); await tools.note({ before }); return [before, Date.now()]')
  const [note] = await act()
  const { before } = (note as unknown as { input: { before: number } }).input
  expect(history.view.state).toEqual({ now: before })
  history.settle(note as Effect, done(null))
  expect(history.view.now).toBeGreaterThan(before)
  expect(await next()).toEqual({ type: 'finish', output: { result: [before, before] } })
  expect(
    await ofScript('const before = Date.now(); await tools.note({ before }); return [before, Date.now()]').decide(
      history.refold(),
    ),
  ).toEqual({
    type: 'finish',
    output: { result: [before, before] },
  })
})

test('a script that throws fails the run with place and console, and what it claims is told as a claim', async () => {
  const decision = await begin('console.log("so far")\nthrow Object.assign(new Error("no"), { code: "POLICY_DENIED" })').next()
  expect(decision).toMatchObject({
    type: 'fail',
    error: {
      code: 'TOOL_FAILED',
      message: expect.stringMatching(/^Error: no \(line 2, column \d+\)$/) as string,
      details: { reason: 'thrown', line: 2, thrownCode: 'POLICY_DENIED', console: ['so far'] },
    },
  })
})

test('a history that the script did not make fails with both sides shown', async () => {
  const { act, history } = begin('await tools.note({ n: 1 }); await tools.note({ n: 2 })')
  const [note] = await act()
  history.settle(note as Effect, done(1))
  await act()
  expect(await ofScript('await tools.note({ n: 9 })').decide(history.refold())).toMatchObject({
    type: 'fail',
    error: { code: 'PLANNER_FAILED', message: expect.stringMatching(/recorded .*"n":1.*asked for .*"n":9/) as string },
  })
  expect(await ofScript('await tools.web_search({})').decide(history.refold())).toMatchObject({
    type: 'fail',
    error: { code: 'PLANNER_FAILED', message: expect.stringContaining('did not ask for it') as string },
  })
})

test('a script that waits is gone on with over its own history alone, not over another of the same run', async () => {
  const [first, other] = [1, 2].map(() => scriptedHistory(scenarioDefinition, { name: 'script', input: 'x' })) as [
    History,
    History,
  ]
  const planner = ofScript('return [await tools.note({ n: 1 }), await tools.note({ n: 2 })]')
  const step = async (one: History, outcome: number): Promise<void> => {
    const decision = await planner.decide(one.view)
    if (decision.type !== 'act') throw new Error(`it decided ${JSON.stringify(decision)}`)
    one.decide(decision.effects, decision.state)
    one.settle(decision.effects[0] as Effect, done(outcome))
  }
  expect(first.view.id).toBe(other.view.id)
  await step(first, 1)
  await step(other, 5)
  await step(first, 2)
  await step(other, 6)
  expect(await planner.decide(first.view)).toEqual({ type: 'finish', output: { result: [1, 2] } })
  expect(await planner.decide(other.view)).toEqual({ type: 'finish', output: { result: [5, 6] } })
})

test('input that is no script fails', async () => {
  const history = scriptedHistory(scenarioDefinition, { name: 'script', input: 'text' })
  expect(await scriptPlanner(sandbox).decide(history.view)).toMatchObject({ type: 'fail', error: { code: 'INPUT_INVALID' } })
})

describe('from any prefix of any history', () => {
  const random = `
    const jobs = [1, 2, 3].map(async (n) => {
      let sum = 0
      for (let turn = 0; turn < n; turn += 1) {
        if (Math.random() < 0.5) await tools.web_search({ n })
        for (let tick = 0; tick < n * 7; tick += 1) await Promise.resolve()
        sum += await tools.note({ n, turn }).catch(() => 0)
      }
      return sum
    })
    const first = await Promise.race(jobs)
    await tools.web_search({ first, at: Date.now() % 1000 })
    return Promise.all(jobs)`

  test.each(Array.from({ length: 12 }, (_, seed) => seed))('a fresh run of the script decides alike, seed %i', async (seed) => {
    const chance = seededRandom(seed)
    const { used, forget } = forgetful()
    const { history, next } = begin(random)
    const dropped = ofScript(random, used)
    let forgotten = 0
    const open: Effect[] = []
    let last: Decision | undefined
    for (let turn = 0; turn < 100; turn += 1) {
      const decision = await next()
      expect(await ofScript(random).decide(history.refold())).toEqual(decision)
      expect(await dropped.decide(history.view)).toEqual(decision)
      forgotten += forget()
      last = decision
      if (decision.type === 'act') {
        history.decide(decision.effects, decision.state)
        open.push(...decision.effects)
      } else if (decision.type !== 'idle') break
      for (let batch = 1 + Math.floor(chance() * 3); batch > 0 && open.length > 0; batch -= 1) {
        const [effect] = open.splice(Math.floor(chance() * open.length), 1) as [Effect]
        history.settle(effect, chance() < 0.2 ? failed : done(Math.floor(chance() * 10)))
      }
    }
    expect(['finish', 'fail']).toContain(last?.type)
    expect(forgotten).toBeGreaterThan(2)
  })
})
