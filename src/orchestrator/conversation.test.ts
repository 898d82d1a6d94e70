import { describe, expect, test } from 'vitest'
import { type Message, userMessage } from '../core/index.ts'
import { createConversations } from './conversation.ts'

const texts = (...all: readonly string[]): Message[] => all.map((text) => userMessage(text))
const file: Message = {
  role: 'user',
  content: [{ type: 'file', mediaType: 'image/png', data: { type: 'url', url: 'https://example.org/a.png' } }],
}

const freezeList = (messages: readonly Message[]): void => void Object.freeze(messages)
const freezeMessages = (messages: readonly Message[]): void => {
  for (const message of messages) Object.freeze(message)
  freezeList(messages)
}
const freezeContents = (messages: readonly Message[]): void => {
  for (const { content } of messages) Object.freeze(content)
  freezeMessages(messages)
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
  test('are copied anew from a list that is frozen without what it holds', () => {
    for (const freeze of [freezeList, freezeMessages, freezeContents]) {
      const conversations = createConversations()
      const messages = texts('one', 'two')
      freeze(messages)
      for (let times = 0; times < 3; times += 1) expect(conversations.copy(messages, 100)).toEqual(texts('one', 'two'))
      const second = messages[1] as unknown as { content: unknown[] }
      if (freeze === freezeList) second.content = [{ type: 'text', text: 'new' }]
      else if (freeze === freezeMessages) second.content[0] = { type: 'text', text: 'new' }
      else Object.assign(second.content[0] as object, { text: 'new' })
      expect(conversations.copy(messages, 100)).toEqual(texts('one', 'new'))
    }
  })
  test('are not looked at again where nothing of their list can be changed', () => {
    const conversations = createConversations()
    const messages = texts('12345', '67890')
    let looks = 0
    const first = new Proxy(messages[0] as Message, {
      get(target, key) {
        looks += 1
        return Reflect.get(target, key) as unknown
      },
    })
    const list = [first, messages[1] as Message]
    for (const message of messages) Object.freeze(message.content[0])
    freezeContents(list)
    const copies = conversations.copy(list, 10)
    expect(conversations.copy(list, 10)).toBe(copies)
    const before = looks
    expect(conversations.copy(list, 10)).toBe(copies)
    expect(looks).toBe(before)
    expect(() => conversations.copy(list, 9)).toThrow('larger than 9 characters')
    expect(conversations.copy([...list, userMessage('1')], 11)).toHaveLength(3)
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
