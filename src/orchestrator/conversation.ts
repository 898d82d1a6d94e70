import { type Message, OpspawnError, toJson } from '../core/index.ts'
import { frozen } from './frozen.ts'

const ROLES: readonly unknown[] = ['system', 'user', 'assistant', 'tool']

/** The conversations that runs of this orchestrator began with. */
export interface Conversations {
  /**
   * Copies the conversation that a run begins with, for good: nobody can change the copies. It is passed anew with every
   * run, mostly the same objects: what still says the same is not copied again, and a list that is frozen with all that it
   * holds, if that is texts, is not looked at again either. The size is that of all messages together.
   *
   * @throws OpspawnError `OPTIONS_INVALID`, `PAYLOAD_TOO_LARGE`
   */
  copy(messages: readonly Message[], maxSize: number): readonly Message[]
  /** Whether these are copies of texts alone: models are shown them as they are. */
  isPlain(copies: readonly Message[]): boolean
}

/**
 * What a caller passed, each message's recorded form, its role, its text where it has no more than that, and the size of all
 * up to it. Lists of their own, so that a thousand messages are compared without a look at each copy and each text.
 */
interface Conversation {
  readonly messages: readonly Message[]
  readonly copies: readonly Message[]
  readonly roles: readonly string[]
  readonly texts: readonly (string | undefined)[]
  readonly sizes: readonly number[]
}

const NOTHING: Conversation = { messages: [], copies: [], roles: [], texts: [], sizes: [] }

/** Makes an empty {@link Conversations}. */
export function createConversations(): Conversations {
  const known = new WeakMap<object, Conversation>()
  const plain = new WeakSet<readonly Message[]>()
  /** Lists that nobody can change. */
  const settled = new WeakMap<readonly Message[], Conversation>()
  const lastWith = (first: unknown): Conversation =>
    (typeof first === 'object' && first !== null ? known.get(first) : undefined) ?? NOTHING
  return {
    copy(messages, maxSize) {
      const before = settled.get(messages)
      if (before !== undefined && (before.sizes.at(-1) ?? 0) <= maxSize) return before.copies
      const last = lastWith(messages[0])
      const same = countSame(last, messages)
      if ((last.sizes[same - 1] ?? 0) > maxSize) throw tooLarge(maxSize)
      if (isWhole(last, messages, same)) {
        if (isFrozenThrough(messages)) settled.set(messages, last)
        return last.copies
      }
      const made = continued(last, messages, same, maxSize)
      if (same < messages.length) known.set(messages[0] as Message, made)
      if (!made.texts.includes(undefined)) plain.add(made.copies)
      return made.copies
    },
    isPlain: (copies) => plain.has(copies),
  }
}

/** Whether what was passed is what is known, no more and no less. */
function isWhole(known: Conversation, messages: readonly Message[], same: number): boolean {
  return known !== NOTHING && same === messages.length && same === known.copies.length
}

/** Whether nothing can be changed of a list of messages that are texts and no more. */
function isFrozenThrough(messages: readonly Message[]): boolean {
  return Object.isFrozen(messages) && messages.every(isFrozenText)
}

function isFrozenText(message: Message): boolean {
  const { content } = message
  if (!Object.isFrozen(message)) return false
  return typeof content === 'string' || (Object.isFrozen(content) && Object.isFrozen(content[0]))
}

/** How many messages from the first on still say what they said. */
function countSame({ messages: before, roles, texts }: Conversation, messages: readonly Message[]): number {
  let same = 0
  for (; same < messages.length && before[same] === messages[same]; same += 1) {
    const text = texts[same]
    const message = messages[same] as Message
    // Only texts, which are nearly all, are compared; another is copied again, and what follows with it.
    if (text === undefined || text !== plainText(message) || message.role !== roles[same]) break
  }
  return same
}

/** What is known of the first messages of a conversation. */
function firstOf({ messages, copies, roles, texts, sizes }: Conversation, length: number) {
  return {
    messages: messages.slice(0, length),
    copies: copies.slice(0, length),
    roles: roles.slice(0, length),
    texts: texts.slice(0, length),
    sizes: sizes.slice(0, length),
  }
}

/** The first copies as they are, and copies of the rest. */
function continued(known: Conversation, given: readonly Message[], same: number, maxSize: number): Conversation {
  const made = firstOf(known, same)
  const { messages, copies, roles, texts, sizes } = made
  let size = sizes.at(-1) ?? 0
  for (let index = same; index < given.length; index += 1) {
    const message = given[index] as Message
    const copy = frozen(copyMessage(message, index))
    const text = plainText(copy)
    size += text?.length ?? JSON.stringify(copy.content).length
    if (size > maxSize) throw tooLarge(maxSize)
    messages.push(message)
    copies.push(copy)
    roles.push(copy.role)
    texts.push(text)
    sizes.push(size)
  }
  return made
}

function tooLarge(maxSize: number): OpspawnError {
  const text = `start: messages are larger than ${maxSize} characters; pass less, or raise limits.payload`
  return new OpspawnError('PAYLOAD_TOO_LARGE', text, { details: { limit: maxSize } })
}

/** By index: taking a list apart by its iterator would make two objects for each of a thousand messages. */
function plainText({ role, content, providerOptions }: Message): string | undefined {
  if (providerOptions !== undefined) return undefined
  if (typeof content === 'string') return role === 'system' ? content : undefined
  const part = content[0]
  return content.length === 1 && part?.type === 'text' && part.providerOptions === undefined ? part.text : undefined
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
  if (providerOptions !== undefined) return toJson(message) as unknown as Message
  if (role === 'system') return { role, content: content as string }
  const parts = content as readonly Readonly<Record<string, unknown>>[]
  const text = parts.length === 1 ? onlyText(parts[0]) : undefined
  if (text !== undefined) return { role, content: [{ type: 'text', text }] } as Message
  const odd = parts.findIndex((item) => typeof item?.['type'] !== 'string')
  if (odd >= 0) throw new OpspawnError('OPTIONS_INVALID', `start: messages[${index}].content[${odd}] is no part: it has no type`)
  return toJson(message) as unknown as Message
}

/** The text of a part that is nothing else. */
function onlyText(part: Readonly<Record<string, unknown>> | undefined | null): string | undefined {
  return part?.['type'] === 'text' && typeof part['text'] === 'string' && part['providerOptions'] === undefined
    ? part['text']
    : undefined
}
