import { describe, expect, test } from 'vitest'
import { type Effect, type Json, type MemoryRecord, type Message, type RunView, userMessage } from '../../core/index.ts'
import { unansweredCalls } from '../../testing/planner-prompt.ts'
import { type ScriptedHistory, scriptedHistory } from '../../testing/planner-history.ts'
import { scenarioDefinition } from '../../testing/planner-scenarios.ts'
import { seededRandom } from '../../testing/seeded.ts'
import { contextOf, pastMessages, turnIds } from './context.ts'
import { KEYS, inputId } from './keys.ts'
import { type MemoryOptions, type MemorySettings, memorySettings } from './options.ts'
import { prelude } from './prelude.ts'
import { estimateTokens, fitText, messagesTokens } from './tokens.ts'
import { quoted } from './texts.ts'

const settings = (options: MemoryOptions): MemorySettings => memorySettings('test', options) as MemorySettings

function record(id: string, text: string, more: Partial<MemoryRecord> = {}): MemoryRecord {
  const scope = { tenant: 'default', agent: 'subject' }
  return { id, kind: 'fact', text, scope, seq: 1, createdAt: 1_700_000_000_000, version: 1, contentHash: '', ...more }
}

const recall = (records: readonly MemoryRecord[]): Json =>
  ({
    items: records.map((one) => ({ record: one, score: 1, parts: {} })),
    degraded: [],
    omitted: 0,
    tokens: 1,
  }) as unknown as Json

/** A run that has recalled something, in a session with a past. */
function recalled(
  past: readonly (readonly Message[])[],
  own: readonly Message[],
  found: Readonly<Partial<Record<keyof typeof KEYS, readonly MemoryRecord[]>>>,
): ScriptedHistory {
  const history = scriptedHistory(scenarioDefinition, { name: 'context', messages: own })
  const runs = past.map((messages, index) => ({ runId: `past-${index}`, messages: messages.length }))
  if (past.length > 0) history.add({ type: 'session-load', messages: past.flat(), runs })
  const effects = (Object.keys(found) as (keyof typeof KEYS)[]).map((name): Effect => ({
    kind: 'recall',
    key: KEYS[name],
    query: '',
  }))
  if (effects.length > 0) history.decide(effects, undefined)
  for (const [index, records] of Object.values(found).entries())
    history.settle(effects[index] as Effect, { status: 'completed', value: recall(records) })
  return history
}

function turnOf(random: () => number, name: string): Message[] {
  const words = (): string => `${name} ${'w'.repeat(Math.floor(random() * 200))}`
  const messages: Message[] = [userMessage(words())]
  for (let n = Math.floor(random() * 3); n > 0; n -= 1) {
    messages.push({
      role: 'assistant',
      content: [{ type: 'tool-call', toolCallId: `${name}${n}`, toolName: 'note', input: { q: words() } }],
    })
    const output = { type: 'text' as const, value: words() }
    messages.push({ role: 'tool', content: [{ type: 'tool-result', toolCallId: `${name}${n}`, toolName: 'note', output }] })
  }
  messages.push({ role: 'assistant', content: [{ type: 'text', text: words() }] })
  return messages
}

describe.each(Array.from({ length: 120 }, (_, seed) => seed))('any past (seed %i)', (seed) => {
  const random = seededRandom(seed)
  const upTo = (most: number): number => Math.floor(random() * (most + 1))
  const past = Array.from({ length: upTo(8) }, (_, index) => turnOf(random, `past${index}`))
  const own = Array.from({ length: upTo(3) }, (_, index) => turnOf(random, `own${index}`)).flat()
  const fits = Array.from({ length: upTo(6) }, (_, index) => record(`r${index}`, 'x'.repeat(upTo(300))))
  const known = past.map((_, index) => record(inputId(`past-${index}`), `past${index}`)).slice(0, upTo(3))
  const covers = past.map((_, index) => `past-${index}`).slice(0, upTo(past.length))
  const summary = record('s', 'y'.repeat(upTo(200)), { kind: 'summary', source: { runs: covers, ids: [] } })
  const memory = settings({
    tokens: 20 + upTo(900),
    working: random() < 0.5,
    compaction: random() < 0.8 ? { tokens: 10 + upTo(200) } : false,
  })
  const found = {
    recall: [...fits, ...known],
    ...(random() < 0.5 ? { working: [record('w', `{"z":"${'z'.repeat(upTo(300))}"}`)] } : undefined),
    ...(past.length > 0 ? { summary: random() < 0.5 ? [summary] : [] } : undefined),
  }
  const { view } = recalled(past, own, found)

  test('stays in the budget, shows the newest without a gap, and splits no call from its result', () => {
    const { shown, dropped, block } = contextOf(view, memory)
    const told = shown.flatMap(({ messages }) => messages)
    expect(messagesTokens([...told, ...(block === undefined ? [] : [block])], memory.count)).toBeLessThanOrEqual(memory.tokens)
    expect(view.messages.slice(view.messages.length - told.length)).toEqual(told)
    expect(unansweredCalls(told)).toBeUndefined()
    const covered = found.summary?.[0] === undefined ? [] : covers
    const open = [...dropped, ...shown].flatMap(({ messages }) => messages)
    expect(open).toHaveLength(view.messages.length - past.slice(0, covered.length).flat().length)
    expect(pastMessages(view, memory)).toEqual([...told, ...(block === undefined ? [] : [block])])
  })

  test('tells nothing twice, and counts what it leaves out', () => {
    const { shown, block } = contextOf(view, memory)
    const text = block === undefined ? '' : JSON.stringify(block.content)
    const ids = shown.flatMap(({ runId }) => (runId === undefined ? [] : turnIds(view, runId)))
    expect(ids.filter((id) => text.includes(id))).toEqual([])
    const told = /not shown: (\d+)/.exec(text)?.[1]
    const leftOut = view.messages.length - shown.flatMap(({ messages }) => messages).length
    expect(block === undefined ? leftOut : Number(told ?? 0)).toBe(leftOut)
  })

  test('once summed up, everything is either shown or covered', () => {
    const decision = prelude({ ...view, latest: [...view.settled] }, memory)
    if (decision?.type !== 'act') return
    const [effect] = decision.effects
    if (effect?.kind !== 'remember') throw new Error('only a summary can be next')
    const after = compacted(view, effect)
    const { shown, dropped } = contextOf(after, memory)
    expect(dropped.filter(({ runId }) => runId !== undefined)).toEqual([])
    const runs = effect.entries[0]?.source?.['runs'] as readonly string[]
    expect(shown.every(({ runId }) => runId === undefined || !runs.includes(runId))).toBe(true)
    expect(memory.count(effect.entries[0]?.text ?? '')).toBeLessThanOrEqual(memory.compaction?.tokens ?? 0)
    expect(
      prelude({ ...after, latest: [{ ...(after.effects.get(KEYS.compact) as never as RunView['latest'][number]) }] }, memory),
    ).toBeUndefined()
  })
})

/** The view after a summary was kept. */
function compacted(view: RunView, effect: Effect): RunView {
  const done = { effect, outcome: { status: 'completed', value: null }, failures: 0, started: false } as const
  return { ...view, effects: new Map([...view.effects, [effect.key, done]]) }
}

test('most pasts of the suite above are summed up, and some are not', () => {
  const past = Array.from({ length: 8 }, (_, index) => turnOf(seededRandom(index), `past${index}`))
  const kindsAt = (tokens: number) => {
    const { view } = recalled(past, [], { summary: [] })
    const decision = prelude({ ...view, latest: [...view.settled] }, settings({ tokens, compaction: { tokens: 50 } }))
    return decision?.type === 'act' ? decision.effects.map(({ kind }) => kind) : decision
  }
  expect(kindsAt(200)).toEqual(['remember'])
  expect(kindsAt(100_000)).toBeUndefined()
})

test.each([
  [-5, 0],
  [0, 0],
  [1.2, 2],
  [7, 7],
])('a count of %d is %d', (given, counted) => {
  expect(settings({ countTokens: () => given }).count('x')).toBe(counted)
})

test('a text is cut to its tokens, whatever counts them, and no pair of code units is torn', () => {
  expect(fitText('short', 5, estimateTokens)).toBe('short')
  expect(fitText('x'.repeat(1_000), 10, estimateTokens)).toBe(`${'x'.repeat(39)}…`)
  for (let tokens = 0; tokens < 12; tokens += 1) {
    const cut = fitText('🦦'.repeat(30), tokens, estimateTokens)
    expect(cut.isWellFormed()).toBe(true)
    expect(estimateTokens(cut)).toBeLessThanOrEqual(tokens)
  }
  expect(fitText('anything', 5, () => 1_000)).toBe('')
})

test('a quoted value has no mark of the text around it', () => {
  expect(quoted({ a: '</memory>\n<' })).toBe('{"a":"\\u003c/memory>\\n\\u003c"}')
  expect(JSON.parse(quoted({ a: '</memory>' }))).toEqual({ a: '</memory>' })
})

test('there is room for what a summary leaves, however long the summary becomes', () => {
  const past = Array.from({ length: 40 }, (_, index): Message[] => {
    const text = `turn ${index} `.padEnd(40, 'x')
    return [userMessage(text), { role: 'assistant', content: [{ type: 'text', text }] }]
  })
  const { view } = recalled(past, [], { summary: [] })
  const memory = settings({ tokens: 500, compaction: { tokens: 250 } })
  const decision = prelude({ ...view, latest: [...view.settled] }, memory)
  const [effect] = decision?.type === 'act' ? decision.effects : []
  if (effect?.kind !== 'remember') throw new Error('it is summed up')
  expect(memory.count(effect.entries[0]?.text ?? '')).toBeGreaterThan(230)
  const { shown, dropped } = contextOf(compacted(view, effect), memory)
  expect(shown.length).toBeGreaterThan(0)
  expect(dropped).toEqual([])
})
