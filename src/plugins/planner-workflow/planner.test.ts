import { describe, expect, test } from 'vitest'
import {
  type Decision,
  type Effect,
  type EffectRecord,
  foldHistory,
  type Json,
  type OfferedTool,
  type Outcome,
  type Planner,
  type RunEvent,
  type RunEventBody,
  type RunView,
} from '../../core/index.ts'
import { plannerConformance } from '../../testing/planner-conformance.ts'
import { type ScriptedHistory, scriptedHistory } from '../../testing/planner-history.ts'
import type { PlannerScenario } from '../../testing/planner-scenario.ts'
import { scenarioDefinition, scriptedFailure } from '../../testing/planner-scenarios.ts'
import { seededRandom } from '../../testing/seeded.ts'
import { loadWorkflow } from './index.ts'

const offered = (name: string, delegate?: OfferedTool['delegate']): OfferedTool => ({
  name,
  alias: name,
  description: name,
  inputSchema: {},
  effect: 'pure',
  labels: [],
  ...(delegate === undefined ? undefined : { delegate }),
})
const definition = {
  ...scenarioDefinition,
  tools: [offered('web.search'), offered('note'), offered('expert', { agent: 'expert', handoff: false, text: true })],
}

async function plannerOf(document: object): Promise<Planner> {
  return (await loadWorkflow({ name: 'w', ...document })).planner
}

const failing: PlannerScenario['respond'] = (effect) =>
  effect.kind === 'wait' ? undefined : scriptedFailure('failed', 'TOOL_FAILED', effect.key)
const scenarios: readonly PlannerScenario[] = [
  { name: 'everything goes well', definition, ends: 'finish' },
  { name: 'everything goes well, settled in reverse', definition, order: 'reverse', ends: 'finish' },
  { name: 'every call fails', definition, respond: failing },
  {
    name: 'one call in two fails',
    definition,
    respond: (effect, turn) => (turn.toolCalls % 2 === 0 ? failing(effect, turn, {} as never) : undefined),
  },
]
const FAILURES_TOLD = {
  'failures-told': 'a document may say that a failure is skipped or continued from; the history tells of it',
}

const DOCUMENTS: Readonly<Record<string, object>> = {
  'a line': {
    tasks: {
      a: { tool: 'web.search' },
      b: { needs: 'a', tool: 'note', with: '${{ tasks.a.output }}' },
      c: { needs: 'b', sleep: '1s' },
    },
  },
  'a diamond with a condition': {
    tasks: {
      a: { tool: 'web.search' },
      left: { needs: 'a', tool: 'note', if: 'tasks.a.output.done == "web.search"' },
      right: { needs: 'a', agent: 'expert', if: 'tasks.a.output.done == "nothing"' },
      both: {
        needs: ['left', 'right'],
        join: 'any',
        tool: 'note',
        with: { left: '${{ tasks.left.status }}' },
      },
      last: { needs: ['right'], tool: 'note' },
    },
  },
  'a fan with retries': {
    tasks: {
      a: { tool: 'note', forEach: [1, 2, 3, 4, 5], concurrency: 2, retry: { attempts: 2, backoff: '10ms' }, failure: 'continue' },
      b: { needs: 'a', approval: 'go on?' },
      c: { needs: 'b', signal: { name: 'go', deadline: '1d' } },
    },
  },
  compensations: {
    tasks: {
      a: { tool: 'web.search', onFailure: ['undoA', 'tellA'] },
      b: { needs: 'a', tool: 'note', failure: 'skip', onFailure: 'undoB', retry: 2 },
      c: { needs: 'b', agent: 'expert' },
      undoA: { tool: 'note', with: '${{ failure.code }}' },
      tellA: { tool: 'note', if: 'failure.task != "z"', failure: 'continue' },
      undoB: { tool: 'note' },
      tell: { tool: 'note', with: { why: '${{ failure.message }}' } },
    },
    onFailure: 'tell',
    output: { a: '${{ tasks.a.output }}', c: '${{ tasks.c.status }}' },
  },
}

for (const [name, document] of Object.entries(DOCUMENTS)) {
  plannerConformance({
    test: (title, run) => test(`${name}: ${title}`, run),
    createPlanner: () => plannerOf(document),
    definition,
    scenarios,
    skipRules: FAILURES_TOLD,
    skip: Object.fromEntries(
      [
        'another agent as a tool',
        'a handoff',
        'another agent that fails',
        'a handoff that fails',
        'a handoff that is denied',
        'a conversation before the input, no instructions, no tools',
        'an output that is refused once',
        'an answer that broke off',
      ].map((one) => [
        one,
        'the scenario offers other tools than the document names, or wants the output mended, which a graph cannot',
      ]),
    ),
  })
}

/** A document of random shape. */
function randomDocument(random: () => number): object {
  const count = 2 + Math.floor(random() * 9)
  const tasks: Record<string, Record<string, Json>> = {}
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  for (let at = 0; at < count; at += 1) {
    const needs = Array.from({ length: at }, (_, earlier) => `t${earlier}`).filter(() => random() < 0.35)
    const kind = pick<Record<string, Json>>(
      { tool: 'note' },
      { tool: 'web.search' },
      { agent: 'expert' },
      { sleep: '1s' },
      { approval: 'ok?' },
    )
    const isCall = !('sleep' in kind) && !('approval' in kind)
    const condition =
      needs.length > 0 && random() < 0.3 ? { if: `tasks.${needs[0]}.status == "${pick('completed', 'failed')}"` } : {}
    tasks[`t${at}`] = {
      ...kind,
      ...condition,
      ...(needs.length === 0 ? {} : { needs, join: pick('all', 'all', 'any', 'settled') }),
      ...(random() < 0.3
        ? { forEach: Array.from({ length: Math.floor(random() * 6) }, (_, n) => n), concurrency: 1 + Math.floor(random() * 3) }
        : {}),
      ...(isCall && random() < 0.4 ? { retry: { attempts: 2, backoff: pick('0ms', '100ms') } } : {}),
      failure: pick('fail', 'skip', 'continue'),
    }
    if (random() < 0.4) {
      tasks[`undo${at}`] = {
        tool: 'note',
        with: '${{ failure.task }}',
        failure: pick('fail', 'continue'),
        ...(random() < 0.3 ? { if: `tasks.t${at}.status == "failed"` } : {}),
      }
      ;(tasks[`t${at}`] as Record<string, Json>)['onFailure'] = `undo${at}`
    }
  }
  return { name: 'random', tasks }
}

describe('from any prefix of any history', () => {
  test.each(Array.from({ length: 150 }, (_, seed) => seed))('a fresh planner decides alike, seed %i', async (seed) => {
    const random = seededRandom(seed)
    const document = randomDocument(random)
    const planner = await plannerOf(document)
    const history = scriptedHistory(definition, { name: 'random', definition })
    const open: Effect[] = []
    let last: Decision | undefined
    for (let turn = 0; turn < 400; turn += 1) {
      const decision = (await planner.decide(history.view)) as Decision
      for (const other of [await planner.decide(history.refold()), await (await plannerOf(document)).decide(history.refold())]) {
        expect(other, `turn ${turn} of ${JSON.stringify(document)}`).toEqual(decision)
      }
      last = decision
      if (decision.type === 'finish' || decision.type === 'fail') break
      if (decision.type === 'act') {
        history.decide(decision.effects, decision.state)
        open.push(...decision.effects)
      }
      expect(open.length, 'it waits for nothing').toBeGreaterThan(0)
      // Any number of effects settle, in any order, before the planner is asked again.
      const batch = 1 + Math.floor(random() * 3)
      for (let settled = 0; settled < batch && open.length > 0; settled += 1) {
        const [effect] = open.splice(Math.floor(random() * open.length), 1) as [Effect]
        history.settle(effect, outcomeOf(effect, random))
      }
    }
    expect(['finish', 'fail']).toContain(last?.type)
  })
})

function outcomeOf(effect: Effect, random: () => number): Outcome {
  if (effect.kind === 'wait')
    return { status: 'completed', value: effect.for.type === 'approval' ? { approved: true, by: 'test' } : null }
  if (random() < 0.25) return scriptedFailure(random() < 0.8 ? 'failed' : 'denied', 'TOOL_FAILED', effect.key)
  return { status: 'completed', value: { of: effect.key } }
}

type Drawn = { readonly tasks: Readonly<Record<string, Readonly<Record<string, Json>>>> }

describe('of a run that was cancelled at any point', () => {
  test.each(Array.from({ length: 150 }, (_, seed) => seed))(
    'what it did is undone, and alike by any planner, seed %i',
    async (seed) => {
      const random = seededRandom(10_000 + seed)
      const document = randomDocument(random) as Drawn
      const planner = await plannerOf(document)
      const history = await cutOff(planner, random)
      const input = planner.compensate?.(history.view)
      for (const other of [planner, await plannerOf(document)]) expect(other.compensate?.(history.refold())).toEqual(input)
      const compensations = (input as { readonly compensations?: readonly string[] } | undefined)?.compensations ?? []
      expect(new Set(compensations).size).toBe(compensations.length)
      expect(wrongly(document, history.view, compensations)).toEqual([])
      const asked = input === undefined ? [] : await undoAll(document, input, random)
      const isAlways = (name: string): boolean => document.tasks[name]?.['if'] === undefined
      expect(asked.filter(isAlways)).toEqual(compensations.filter(isAlways))
    },
  )
})

/** A run that goes on for a while and is cancelled; what was under way may still come to its end. */
async function cutOff(planner: Planner, random: () => number): Promise<ScriptedHistory> {
  const history = scriptedHistory(definition, { name: 'random', definition })
  const open: Effect[] = []
  for (let turns = 1 + Math.floor(random() * 12); turns > 0; turns -= 1) {
    const decision = (await planner.decide(history.view)) as Decision
    if (decision.type === 'act') {
      history.decide(decision.effects, decision.state)
      open.push(...decision.effects)
    }
    if (decision.type === 'finish' || decision.type === 'fail' || open.length === 0) break
    const [effect] = open.splice(Math.floor(random() * open.length), 1) as [Effect]
    history.settle(effect, outcomeOf(effect, random))
  }
  history.add({ type: 'cancel-request', reason: 'enough' })
  for (const effect of open)
    history.settle(effect, random() < 0.3 ? outcomeOf(effect, random) : scriptedFailure('cancelled', 'RUN_CANCELLED', 'enough'))
  return history
}

/** Compensations that are to run although they ran, or nothing of their task was begun; and those that are missing. */
function wrongly({ tasks }: Drawn, { effects }: RunView, compensations: readonly string[]): readonly string[] {
  const ofTask = (name: string): readonly EffectRecord[] =>
    [...effects.values()].filter(({ effect }) => effect.key.startsWith(name))
  return Object.entries(tasks).flatMap(([name, { onFailure }]) => {
    const undo = typeof onFailure === 'string' ? onFailure : ''
    const records = ofTask(name).filter(({ effect }) => !effect.key.includes('~'))
    const isUndone = ofTask(undo).some(({ outcome }) => outcome?.status !== 'cancelled')
    if (undo === '') return []
    if (compensations.includes(undo)) return isUndone || records.length === 0 ? [`${undo} too much`] : []
    const isDue = tasks[undo]?.['if'] === undefined && records.some(({ outcome }) => outcome?.status === 'completed')
    return isDue && !isUndone ? [`${undo} is missing`] : []
  })
}

/** Drives the run that undoes to its end; gives what was asked for, one after the other. */
async function undoAll(document: Drawn, input: Json, random: () => number): Promise<readonly string[]> {
  const planner = await plannerOf(document)
  const origin = { runId: 'run-2', agent: 'w', definition: 'h', tenant: 't', input, rootId: 'run-2', depth: 0, limits: {} }
  const events: RunEvent[] = []
  const add = (body: RunEventBody): void =>
    void events.push({ ...body, version: 1, seq: events.length + 1, at: events.length } as RunEvent)
  const refold = (): RunView => foldHistory(definition, JSON.parse(JSON.stringify(events)) as RunEvent[])
  add({ type: 'run-start', origin: { ...origin, compensates: 'run-1' } })
  const asked: string[] = []
  for (let turn = 0; turn < 100; turn += 1) {
    const decision = (await planner.decide(refold())) as Decision
    expect(await (await plannerOf(document)).decide(refold())).toEqual(decision)
    if (decision.type === 'finish' || decision.type === 'fail') return asked
    // One after the other: nothing is open, so there is something to do, and one thing only.
    expect(decision).toMatchObject({ type: 'act', effects: [expect.anything()] })
    const { effects, state } = decision as Decision & { type: 'act' }
    const [effect] = effects as readonly [Effect]
    asked.push(effect.key)
    add({ type: 'decision', effects: [effect], ...(state === undefined ? undefined : { state }) })
    add({ type: 'effect-end', key: effect.key, outcome: outcomeOf(effect, random), durationMs: 0 })
  }
  throw new Error('it does not end')
}
