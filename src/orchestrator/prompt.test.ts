import { describe, expect, test } from 'vitest'
import {
  createView,
  type EffectRecord,
  type Message,
  type ModelEffect,
  promptOf,
  type RunView,
  userMessage,
} from '../core/index.ts'
import { createPromptCache } from './prompt.ts'

function runOf(...effects: readonly ModelEffect[]): RunView {
  const origin = { runId: 'r', agent: 'a', definition: 'd', tenant: 't', input: '', rootId: 'r', depth: 0, limits: {} }
  const view = createView({ tools: [], models: [], memories: [] }, origin)
  for (const effect of effects) {
    const value = { content: [{ type: 'text', text: `answer to ${effect.key}` }], finishReason: 'stop', usage: {} }
    const record: EffectRecord = { effect, outcome: { status: 'completed', value }, failures: 0, started: false }
    ;(view.effects as Map<string, EffectRecord>).set(effect.key, record)
  }
  return view
}
const ask = (key: string, continues?: string): ModelEffect => ({
  kind: 'model',
  key,
  messages: [userMessage(`question ${key}`)],
  ...(continues === undefined ? undefined : { continues }),
})

describe('the prompt cache', () => {
  test('gives what is in the history, however it got there', () => {
    const effects = [ask('a'), ask('b', 'a'), ask('c', 'b'), ask('d', 'a'), ask('e'), ask('f', 'c')]
    const run = runOf(...effects)
    const cache = createPromptCache(() => false)
    for (const effect of [...effects, ...effects.toReversed()])
      expect(cache.promptFor(run, effect)).toEqual(promptOf(run, effect))
  })
  test('gives the same prompt to a call that is made again', () => {
    const run = runOf(ask('a'))
    const cache = createPromptCache(() => false)
    cache.promptFor(run, ask('a'))
    const first = cache.promptFor(run, ask('b', 'a'))
    expect(cache.promptFor(run, ask('b', 'a'))).toEqual(first)
  })
  test('gives every call a list of its own', () => {
    const run = runOf(ask('a'), ask('b', 'a'))
    const cache = createPromptCache(() => false)
    const first = cache.promptFor(run, ask('a'))
    const second = cache.promptFor(run, ask('b', 'a'))
    expect(first).toHaveLength(1)
    second.push({ role: 'user', content: 'mine' })
    expect(first).toHaveLength(1)
    expect(promptOf(run, ask('b', 'a'))).toHaveLength(3)
    expect(cache.promptFor(run, ask('c', 'b'))).toEqual(promptOf(run, ask('c', 'b')))
  })
})

describe('a conversation that is shown as it is', () => {
  const told = [userMessage('one'), userMessage('two'), userMessage('three')]
  const origin = {
    runId: 'r',
    agent: 'a',
    definition: 'd',
    tenant: 't',
    input: '',
    rootId: 'r',
    depth: 0,
    limits: {},
    messages: told,
  }
  const run = createView({ tools: [], models: [], memories: [] }, origin)
  const shown = (messages: readonly Message[]) =>
    createPromptCache((list) => list === told).promptFor(run, { kind: 'model', key: 'm', messages })
  test('is left alone, while all else is made unchangeable', () => {
    const before = userMessage('before')
    const prompt = shown([before, ...told])
    expect(Object.isFrozen(before)).toBe(true)
    expect(prompt[2]).toBe(told[1])
    expect(Object.isFrozen(told[1])).toBe(false)
  })
  test('stands in the prompt wherever the planner put it', () => {
    const before = userMessage('before')
    for (const messages of [
      told,
      [before, ...told],
      [...told, before],
      told.slice(1),
      [told[0], told[2], before] as Message[],
      [],
    ]) {
      expect(shown(messages)).toEqual(messages)
    }
  })
})

describe('messages with files', () => {
  const promptFor = (...messages: readonly Message[]) =>
    createPromptCache(() => false).promptFor(runOf(), { kind: 'model', key: 'm', messages })
  const url = { type: 'url', url: 'https://example.com/a.png' } as const
  const file = { type: 'file', mediaType: 'image/png', data: url } as const

  test('have URL objects where the history has texts', () => {
    const message: Message = { role: 'user', content: [{ type: 'text', text: 'look' }, file] }
    const [made] = promptFor(message)
    expect(made?.content).toEqual([
      { type: 'text', text: 'look' },
      { ...file, data: { type: 'url', url: new URL(url.url) } },
    ])
    expect(message.content[1]).toEqual(file)
  })
  test('have them in what tools gave back too', () => {
    const value = [{ type: 'text', text: 'here' } as const, file]
    const output = { type: 'content', value } as const
    const [made] = promptFor({ role: 'tool', content: [{ type: 'tool-result', toolCallId: '1', toolName: 't', output }] })
    expect(made?.content).toMatchObject([{ output: { value: [{ text: 'here' }, { data: { url: new URL(url.url) } }] } }])
  })
  test('are passed on as they are where they hold no address', () => {
    const message: Message = { role: 'user', content: [{ ...file, data: { type: 'data', data: 'AA==' } }] }
    expect(promptFor(message)[0]).toBe(message)
    expect(promptFor({ role: 'system', content: 'x' })).toEqual([{ role: 'system', content: 'x' }])
  })
})
