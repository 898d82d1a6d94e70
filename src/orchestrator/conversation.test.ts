import { describe, expect, test } from 'vitest'
import { type Message, userMessage } from '../core/index.ts'
import { createConversations } from './conversation.ts'

const texts = (...all: readonly string[]): Message[] => all.map((text) => userMessage(text))
const file: Message = {
  role: 'user',
  content: [{ type: 'file', mediaType: 'image/png', data: { type: 'url', url: 'https://example.org/a.png' } }],
}

describe('conversations that runs begin with', () => {
  test('are copied once, and given again while they say the same', () => {
    const conversations = createConversations()
    const messages = texts('one', 'two')
    const copies = conversations.copy(messages, 100)
    expect(copies).toEqual(messages)
    expect(copies[0]).not.toBe(messages[0])
    expect(conversations.copy(messages, 100)).toBe(copies)
    expect(conversations.copy([...messages], 100)).toBe(copies)
  })
  test('share the copies of what was passed before when they have grown, and when they are shorter', () => {
    const conversations = createConversations()
    const messages = texts('one', 'two')
    const before = conversations.copy(messages, 100)
    const grown = conversations.copy([...messages, userMessage('three')], 100)
    expect(grown).toEqual(texts('one', 'two', 'three'))
    expect(grown[1]).toBe(before[1])
    expect(before).toHaveLength(2)
    expect(conversations.copy(messages.slice(0, 1), 100)).toEqual(texts('one'))
  })
  test('are copied anew from the message on that says something else, or says it as another', () => {
    const conversations = createConversations()
    const messages = texts('one', 'two', 'three')
    const before = conversations.copy(messages, 100)
    ;(messages[1] as { content: unknown }).content = [{ type: 'text', text: 'changed' }]
    const after = conversations.copy(messages, 100)
    expect(after).toEqual(texts('one', 'changed', 'three'))
    expect(after[0]).toBe(before[0])
    expect(before).toEqual(texts('one', 'two', 'three'))
    ;(messages[0] as { role: string }).role = 'assistant'
    expect(conversations.copy(messages, 100)[0]?.role).toBe('assistant')
  })
  test('cannot be changed by who gets them', () => {
    const [copy] = createConversations().copy(texts('one'), 100)
    expect(() => Object.assign(copy as object, { role: 'system' })).toThrow(TypeError)
    expect(() => ((copy as Message).content as unknown[]).push('more')).toThrow(TypeError)
  })
  test('are plain where they hold texts alone', () => {
    const conversations = createConversations()
    expect(conversations.isPlain(conversations.copy(texts('one'), 100))).toBe(true)
    expect(conversations.isPlain(conversations.copy([...texts('one'), file], 1000))).toBe(false)
    expect(conversations.isPlain(texts('one'))).toBe(false)
  })
  test('are held against the limit with all that they say, whether known or new', () => {
    const conversations = createConversations()
    const messages = texts('12345', '67890')
    expect(() => conversations.copy(messages, 9)).toThrow('larger than 9 characters')
    conversations.copy(messages, 10)
    expect(() => conversations.copy(messages, 9)).toThrow('larger than 9 characters')
    expect(() => conversations.copy([...messages, userMessage('1')], 10)).toThrow('larger than 10 characters')
  })
})
