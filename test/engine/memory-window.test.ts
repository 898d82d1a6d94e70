import { afterEach, describe, expect, test } from 'vitest'
import {
  type Agent,
  defineAgent,
  type Memory,
  type MemoryRecord,
  type Message,
  type Orchestrator,
  OpspawnError,
  type RunEvent,
  userMessage,
} from '../../src/index.ts'
import { inProcessMemory } from '../../src/plugins/memory-in-process/index.ts'
import { type MemoryOptions, toolsPlanner } from '../../src/plugins/planner-tools/index.ts'
import { manualClock, promptText, scriptedModel, type ScriptedModel } from '../../src/testing/index.ts'
import { noting } from './support/parts.ts'
import { closeAll, historyOf, ofType, outcomeAt, outcomeOf, world, type World } from './support/world.ts'

afterEach(closeAll)

const quiet = (): Memory => inProcessMemory({ clock: manualClock() })
const filler = (topic: string): string => `${topic}: ${`${topic} `.repeat(20)}`.trim()

/** An agent that answers with what it was asked, and a model that sums up. */
function cast(memory: Memory, options: MemoryOptions, small?: ScriptedModel): Agent {
  const model = scriptedModel([(call) => `You said ${promptText(call).split('\n').at(-1)}`], { repeat: true })
  const models = { default: model, ...(small === undefined ? undefined : { small }) }
  return defineAgent({ name: 'guide', memory, models, modelTimeoutMs: 5000, planner: toolsPlanner({ memory: options }) })
}

interface Talk {
  readonly ops: Orchestrator
  readonly say: (text: string) => Promise<readonly RunEvent[]>
}

async function talk(agent: Agent, session = 's', plays?: World): Promise<Talk> {
  const { ops, clock } = plays ?? (await world({ agents: [agent] }))
  return {
    ops,
    async say(text) {
      const run = await ops.start(agent.name, text, { session })
      expect(await outcomeOf(clock, run)).toMatchObject({ status: 'completed' })
      return historyOf(ops, run.id)
    },
  }
}

/** The prompt of the last model call that answers. */
function lastPrompt(history: readonly RunEvent[]): readonly Message[] {
  const effects = ofType(history, 'decision').flatMap((event) => event.effects)
  const asked = effects.findLast((effect) => effect.kind === 'model' && effect.key.startsWith('model-'))
  return asked?.kind === 'model' ? (asked.messages ?? []) : []
}

const textOf = (messages: readonly Message[]): string => JSON.stringify(messages)
const keysOf = (history: readonly RunEvent[]): readonly string[] =>
  ofType(history, 'decision').flatMap(({ effects }) => effects.map(({ key }) => key))

async function summaries(memory: Memory, session = 's'): Promise<readonly MemoryRecord[]> {
  const handle = memory.bind({ tenant: 'default', agent: 'guide', session })
  const filter = { op: 'eq', field: 'kind', value: 'summary' } as const
  return (await handle.list({ limit: 200, filter })).records
}

const NARROW: MemoryOptions = { tokens: 400, recall: false, compaction: { tokens: 100 } }
const TOPICS = Array.from({ length: 12 }, (_, index) => `topic${String.fromCodePoint(97 + index)}`)

describe('a session that outgrows the budget', () => {
  test('is summed up without a model: the summary names all that it covers, and the raw records stay', async () => {
    const memory = quiet()
    const { say } = await talk(cast(memory, NARROW))
    const histories: (readonly RunEvent[])[] = []
    for (const topic of TOPICS) histories.push(await say(filler(topic)))
    const all = await summaries(memory)
    const holding = all.filter(({ supersededBy }) => supersededBy === undefined)
    expect(holding).toHaveLength(1)
    const ids = holding[0]?.source?.['ids'] as readonly string[]
    const first = histories[0]?.[0]?.type === 'run-start' ? histories[0][0].origin.runId : ''
    expect(ids).toContain(`${first}.user`)
    expect(ids).toContain(`${first}.assistant`)
    const prompt = textOf(lastPrompt(histories.at(-1) ?? []))
    expect(prompt).not.toContain(filler('topica'))
    expect(prompt).toContain(filler('topick'))
    expect(prompt).toContain('Summary of the conversation so far')
    expect(holding[0]?.text.length).toBeLessThanOrEqual(400)
    // The record is whole: every message of every run, in the memory and in the history.
    const handle = memory.bind({ tenant: 'default', agent: 'guide', session: 's' })
    const kept = await handle.list({ limit: 200, filter: { op: 'eq', field: 'kind', value: 'message' } })
    expect(kept.records).toHaveLength(2 * TOPICS.length)
    const load = ofType(histories.at(-1) ?? [], 'session-load')[0]
    expect(load?.messages).toHaveLength(2 * (TOPICS.length - 1))
    expect(load?.runs).toHaveLength(TOPICS.length - 1)
    // Once for several runs, not in each of them.
    const compacting = histories.filter((history) => keysOf(history).includes('memory-compact')).length
    expect(compacting).toBeGreaterThan(1)
    expect(compacting).toBeLessThan(TOPICS.length / 2)
  })

  test('is summed up by a model where one is named, in a model effect, each summary made from the one before', async () => {
    const memory = quiet()
    let calls = 0
    const small = scriptedModel([() => `SUMMARY ${(calls += 1)}`], { repeat: true })
    const { say } = await talk(cast(memory, { ...NARROW, compaction: { model: 'small', tokens: 100 } }, small))
    const histories: (readonly RunEvent[])[] = []
    for (const topic of TOPICS) histories.push(await say(filler(topic)))
    const compacted = histories.filter((history) => keysOf(history).includes('memory-summarize'))
    expect(compacted.length).toBe(small.calls.length)
    const [first = []] = compacted
    expect(outcomeAt(first, 'memory-summarize')).toMatchObject({ status: 'completed' })
    expect(textOf(lastPrompt(first))).toContain('SUMMARY 1')
    const [one = '', two = ''] = small.calls.map(({ options }) => promptText(options))
    expect(one).toContain(filler('topica'))
    expect(two).toContain('{"summary":"SUMMARY 1"}')
    expect(two).not.toContain(filler('topica'))
    const all = await summaries(memory)
    const [before, last] = all.slice(-2)
    expect(last?.supersedes).toBe(before?.id)
    expect(last?.source?.['ids']).toEqual(expect.arrayContaining([before?.id ?? '']))
  })

  test.each([
    ['fails', () => Promise.reject(new OpspawnError('MODEL_FAILED', 'no credit'))],
    ['says nothing', () => ' '],
    ['never answers', () => new Promise(() => {})],
    ['throws what is no error', () => Promise.reject('no')],
  ])('a summarizer that %s changes nothing: no summary, no lost record, and the history says so', async (_what, step) => {
    const memory = quiet()
    const small = scriptedModel([step as never], { repeat: true })
    const { say } = await talk(cast(memory, { ...NARROW, compaction: { model: 'small', tokens: 100 } }, small))
    const histories: (readonly RunEvent[])[] = []
    for (const topic of TOPICS.slice(0, 6)) histories.push(await say(filler(topic)))
    expect(await summaries(memory)).toEqual([])
    const last = histories.at(-1) ?? []
    expect(keysOf(last)).toContain('memory-summarize')
    expect(keysOf(last)).not.toContain('memory-compact')
    expect(textOf(lastPrompt(last))).toContain('Earlier messages of this conversation that are not shown: ')
    const handle = memory.bind({ tenant: 'default', agent: 'guide', session: 's' })
    expect((await handle.list({ limit: 200 })).records).toHaveLength(12)
  })

  test('what cannot be looked up is not summed up again', async () => {
    const memory = quiet()
    const blind: Memory = {
      ...memory,
      bind: (...given) => ({
        ...memory.bind(...given),
        recall: () => Promise.reject(new OpspawnError('MEMORY_FAILED', 'down', { retryable: false })),
      }),
    }
    const { say } = await talk(cast(blind, NARROW))
    let last: readonly RunEvent[] = []
    for (const topic of TOPICS.slice(0, 8)) last = await say(filler(topic))
    expect(keysOf(last)).toEqual(['memory-summary', 'model-1', 'memory-turn-0'])
    expect(await summaries(memory)).toEqual([])
  })

  test('forgetting what was said forgets the summary of it', async () => {
    const memory = quiet()
    const { say } = await talk(cast(memory, NARROW))
    let first = ''
    for (const topic of TOPICS) {
      const [start] = await say(filler(topic))
      if (first === '' && start?.type === 'run-start') first = start.origin.runId
    }
    expect((await summaries(memory)).length).toBeGreaterThan(1)
    const handle = memory.bind({ tenant: 'default', agent: 'guide', session: 's' })
    await handle.forget({ ids: [`${first}.user`] }, 'erase')
    expect(await summaries(memory)).toEqual([])
  })

  test('without compaction what does not fit is left out and counted', async () => {
    const memory = quiet()
    const { say } = await talk(cast(memory, { ...NARROW, compaction: false }))
    let last: readonly RunEvent[] = []
    for (const topic of TOPICS.slice(0, 8)) last = await say(filler(topic))
    expect(textOf(lastPrompt(last))).toMatch(/not shown: \d+/)
    expect(await summaries(memory)).toEqual([])
  })

  test('two runs of one session that sum up at the same time leave one summary that holds, and both end', async () => {
    const memory = quiet()
    const agent = cast(memory, NARROW)
    const plays = await world({ agents: [agent] })
    const { say } = await talk(agent, 's', plays)
    for (const topic of TOPICS.slice(0, 7)) await say(filler(topic))
    const runs = await Promise.all(TOPICS.slice(7, 11).map((topic) => plays.ops.start('guide', filler(topic), { session: 's' })))
    for (const run of runs) expect(await outcomeOf(plays.clock, run)).toMatchObject({ status: 'completed' })
    await say('and now?')
    const holding = (await summaries(memory)).filter(({ supersededBy }) => supersededBy === undefined)
    expect(holding).toHaveLength(1)
  })

  test('the summary stands in the budget of the run: its call is reserved and counted as a step', async () => {
    const memory = quiet()
    const small = scriptedModel(['short'], { repeat: true })
    const agent = cast(memory, { ...NARROW, compaction: { model: 'small', tokens: 100 } }, small)
    const { ops, say } = await talk({ ...agent, limits: { tokens: 50_000 } })
    const histories: (readonly RunEvent[])[] = []
    for (const topic of TOPICS.slice(0, 6)) histories.push(await say(filler(topic)))
    const compacted = histories.find((history) => keysOf(history).includes('memory-summarize')) ?? []
    const reserved = ofType(compacted, 'decision').flatMap((event) => event.reserved ?? [])
    expect(reserved.map(({ key }) => key)).toEqual(['memory-summarize', expect.stringMatching(/^model-/)])
    const runId = compacted[0]?.type === 'run-start' ? compacted[0].origin.runId : ''
    expect((await ops.record(runId)).spending.used.steps).toBe(2)
  })
})

describe('a conversation that the caller passed', () => {
  const turn = (n: number): Message[] => [
    userMessage(filler(`ask${n}`)),
    { role: 'assistant', content: [{ type: 'tool-call', toolCallId: `c${n}`, toolName: 'look', input: {} }] },
    {
      role: 'tool',
      content: [
        { type: 'tool-result', toolCallId: `c${n}`, toolName: 'look', output: { type: 'text', value: filler(`seen${n}`) } },
      ],
    },
    { role: 'assistant', content: [{ type: 'text', text: filler(`say${n}`) }] },
  ]
  const messages: Message[] = [
    { role: 'system', content: 'House rules.' },
    ...Array.from({ length: 8 }, (_, n) => turn(n)).flat(),
  ]

  test('is cut between turns, the newest stay, system messages too, also for an agent without a memory', async () => {
    const model = scriptedModel(['ok'])
    const agent = defineAgent({
      name: 'guide',
      model,
      tools: [noting('look')],
      planner: toolsPlanner({ memory: { tokens: 600 } }),
    })
    const { ops } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go on', { messages })
    ).result
    const prompt = model.calls[0]?.options.prompt ?? []
    expect(prompt[0]).toEqual({ role: 'system', content: 'House rules.' })
    expect(prompt[1]?.role).toBe('user')
    expect(textOf(prompt as never)).toContain(filler('say7'))
    expect(textOf(prompt as never)).not.toContain('ask0')
    const partsOf = (wanted: string) =>
      prompt.flatMap(({ role, content }) =>
        role === wanted && typeof content !== 'string' ? [...(content as { type: string }[])] : [],
      )
    const asked = partsOf('assistant').filter(({ type }) => type === 'tool-call')
    const told = partsOf('tool')
    expect(asked.length).toBeGreaterThan(0)
    expect(told.length).toBe(asked.length)
    expect(promptText({ prompt })).toMatch(/not shown: \d+/)
  })

  test('is whole where nobody bounded it', async () => {
    const model = scriptedModel(['ok'])
    const agent = defineAgent({ name: 'guide', model, planner: toolsPlanner() })
    const { ops } = await world({ agents: [agent] })
    await (
      await ops.start(agent, 'go on', { messages })
    ).result
    expect(model.calls[0]?.options.prompt).toHaveLength(messages.length + 1)
  })

  test('a counter of somebody else counts; one that gives no number fails the run', async () => {
    const play = async (countTokens: (text: string) => number) => {
      const model = scriptedModel(['ok'])
      const agent = defineAgent({ name: 'guide', model, planner: toolsPlanner({ memory: { tokens: 100, countTokens } }) })
      const { ops } = await world({ agents: [agent] })
      return {
        outcome: await (await ops.start(agent, 'go on', { messages })).result,
        shown: model.calls[0]?.options.prompt.length,
      }
    }
    expect(await play(() => -5)).toMatchObject({ outcome: { status: 'completed' }, shown: messages.length + 1 })
    expect(await play((text) => text.length * 100)).toMatchObject({ outcome: { status: 'completed' }, shown: 2 })
    expect(await play(() => Number.NaN)).toMatchObject({
      outcome: { status: 'failed', error: { code: 'PLANNER_FAILED', message: expect.stringContaining('countTokens gave NaN') } },
    })
  })
})
