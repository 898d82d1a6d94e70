import { type Message, OpspawnError, toJson } from '../core/index.ts'
import type { Engine } from './engine.ts'

const ROLES: readonly unknown[] = ['system', 'user', 'assistant', 'tool']

/**
 * Copies the conversation that a run begins with. It is passed anew with every run, mostly the same objects: what still
 * says the same is not copied again. The size is that of all messages together.
 *
 * @throws OpspawnError `OPTIONS_INVALID`, `PAYLOAD_TOO_LARGE`
 */
export function copyConversation(
  messages: readonly Message[],
  conversations: Engine['conversations'],
  maxSize: number,
): readonly Message[] {
  const [first] = messages
  const known = typeof first === 'object' && first !== null ? conversations.get(first) : undefined
  let size = 0
  let same = 0
  for (; known !== undefined && same < messages.length && known.messages[same] === messages[same]; same += 1) {
    const text = sameText(known.copies[same] as Message, messages[same] as Message)
    if (text === undefined) break
    size += text.length
    requireSize(size, maxSize)
  }
  const copies = known?.copies.slice(0, same) ?? []
  if (same === messages.length) return copies
  for (let index = same; index < messages.length; index += 1) {
    const copy = copyMessage(messages[index] as Message, index)
    size += lengthOf(copy)
    requireSize(size, maxSize)
    copies.push(copy)
  }
  conversations.set(first as Message, { messages: messages.slice(), copies })
  return copies
}

function requireSize(size: number, maxSize: number): void {
  if (size <= maxSize) return
  const text = `start: messages are larger than ${maxSize} characters; pass less, or raise limits.payload`
  throw new OpspawnError('PAYLOAD_TOO_LARGE', text, { details: { limit: maxSize } })
}

/** The text of a message that still says what it said: only plain text messages, which are nearly all. */
function sameText(copy: Message, message: Message): string | undefined {
  const text = plainText(copy)
  return text === plainText(message) && copy.role === message.role ? text : undefined
}

function plainText({ role, content, providerOptions }: Message): string | undefined {
  if (providerOptions !== undefined) return undefined
  if (typeof content === 'string') return role === 'system' ? content : undefined
  const [part] = content
  return content.length === 1 && part?.type === 'text' && part.providerOptions === undefined ? part.text : undefined
}

function lengthOf(message: Message): number {
  return plainText(message)?.length ?? JSON.stringify(message.content).length
}

/** Copies one message; the plain text ones, which are nearly all, without looking at every member. */
function copyMessage(message: Message, index: number): Message {
  const { role, content, providerOptions } = (message ?? {}) as { role?: unknown; content?: unknown; providerOptions?: unknown }
  const isText = role === 'system' ? typeof content === 'string' : Array.isArray(content)
  if (!ROLES.includes(role) || !isText) {
    throw new OpspawnError(
      'OPTIONS_INVALID',
      `start: messages[${index}] must have a role (${ROLES.join(', ')}) and content: a text for system, else a list of parts`,
    )
  }
  if (providerOptions === undefined) {
    if (role === 'system') return { role, content: content as string }
    const parts = content as readonly { type?: unknown; text?: unknown; providerOptions?: unknown }[]
    const [part] = parts
    if (parts.length === 1 && part?.type === 'text' && typeof part.text === 'string' && part.providerOptions === undefined) {
      return { role, content: [{ type: 'text', text: part.text }] } as Message
    }
    const odd = parts.findIndex((item) => typeof item?.type !== 'string')
    if (odd >= 0)
      throw new OpspawnError('OPTIONS_INVALID', `start: messages[${index}].content[${odd}] is no part: it has no type`)
  }
  return toJson(message) as unknown as Message
}
