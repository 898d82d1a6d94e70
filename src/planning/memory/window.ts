import type { Message, RunView } from '../../core/index.ts'
import { type CountTokens, messagesTokens } from './tokens.ts'

/** A part of a conversation that is shown whole or not at all: an earlier run, or a user's message with all that follows from it. */
export interface Segment {
  /** The run of the session that it comes from; absent where the caller passed it. */
  readonly runId?: string
  readonly messages: readonly Message[]
}

/** The conversation before the input. */
export interface Conversation {
  /** System messages in it: shown whatever happens. */
  readonly system: readonly Message[]
  /** Oldest first. */
  readonly segments: readonly Segment[]
}

/** Takes the conversation of a run apart. A tool call and its result always stand in the same segment. */
export function conversationOf(run: RunView): Conversation {
  const system: Message[] = []
  const segments: Segment[] = []
  let from = 0
  for (const { runId, messages } of run.past) {
    segments.push({ runId, messages: spoken(run.messages.slice(from, from + messages), system) })
    from += messages
  }
  let own: Message[] = []
  for (const message of spoken(run.messages.slice(from), system)) {
    if (message.role === 'user' && own.length > 0) {
      segments.push({ messages: own })
      own = []
    }
    own.push(message)
  }
  if (own.length > 0) segments.push({ messages: own })
  return { system, segments }
}

function spoken(messages: readonly Message[], system: Message[]): readonly Message[] {
  system.push(...messages.filter(({ role }) => role === 'system'))
  return messages.filter(({ role }) => role !== 'system')
}

/** The newest segments that are together within a number of tokens, none between them left out; gives the index of the first. */
export function newest(segments: readonly Segment[], tokens: number, count: CountTokens): number {
  let left = tokens
  for (let index = segments.length - 1; index >= 0; index -= 1) {
    left -= messagesTokens(segments[index]?.messages ?? [], count)
    if (left < 0) return index + 1
  }
  return 0
}
