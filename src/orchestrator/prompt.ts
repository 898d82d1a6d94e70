import {
  addedMessages,
  type FileData,
  type Message,
  type ModelEffect,
  type ModelMessage,
  promptOf,
  type RunView,
  type ToolResultOutput,
} from '../core/index.ts'
import { frozen } from './frozen.ts'

const NONE: readonly Message[] = []

/** What a model is shown cannot be changed by it: most of it is the history itself. What was shown before is not walked again. */
function shown(message: Message): ModelMessage {
  const made = toModelMessage(message)
  if (made !== (message as unknown)) frozen(message)
  return frozen(made)
}

/** A recorded message in the model's own form: URL texts become URL objects. Messages without files are passed on as they are. */
function toModelMessage(message: Message): ModelMessage {
  const { content } = message
  if (typeof content === 'string' || (content.length === 1 && content[0]?.type === 'text'))
    return message as unknown as ModelMessage
  let copy: object[] | undefined
  for (let index = 0; index < content.length; index += 1) {
    const part = content[index] as { type: string; data?: FileData; output?: ToolResultOutput }
    const converted = convertPart(part)
    if (converted !== part) {
      copy ??= [...content]
      copy[index] = converted
    }
  }
  return (copy === undefined ? message : { ...message, content: copy }) as unknown as ModelMessage
}

function convertPart(part: { type: string; data?: FileData; output?: ToolResultOutput }): object {
  if (part.data?.type === 'url') return { ...part, data: { type: 'url', url: new URL(part.data.url) } }
  if (part.output?.type === 'content') {
    const value = part.output.value.map((item) => convertPart(item as { type: string; data?: FileData }))
    return { ...part, output: { ...part.output, value } }
  }
  return part
}

/**
 * Remembers the prompt of a run's last model call, so that the next one, which nearly always continues it, is made by
 * adding to it instead of being put together from the whole history again.
 */
export interface PromptCache {
  promptFor(run: RunView, effect: ModelEffect): ModelMessage[]
}

/**
 * What a model is shown of these messages. The run's conversation, which may be most of them, is not looked at again where
 * it is shown as it is.
 */
function shownAll(messages: readonly Message[], conversation: readonly Message[]): ModelMessage[] {
  const { length } = conversation
  const from = length === 0 ? 0 : Math.max(0, messages.indexOf(conversation[0] as Message))
  // Counted apart: a look before the beginning of a list takes as long as a hundred within it.
  let same = 0
  while (same < length && messages[from + same] === conversation[same]) same += 1
  const prompt = messages.slice() as unknown as ModelMessage[]
  for (let index = 0; index < from; index += 1) prompt[index] = shown(messages[index] as Message)
  for (let index = from + same; index < messages.length; index += 1) prompt[index] = shown(messages[index] as Message)
  return prompt
}

/**
 * Makes an empty {@link PromptCache}.
 *
 * @param isPlain whether a run's conversation holds nothing but unchangeable texts
 */
export function createPromptCache(isPlain: (messages: readonly Message[]) => boolean): PromptCache {
  let key: string | undefined
  /** What was begun, and what calls that go on from it have added. */
  let prompt: ModelMessage[] = []
  return {
    promptFor(run, effect) {
      const added = key !== undefined && effect.continues === key ? addedMessages(run, effect) : undefined
      if (added === undefined) prompt = shownAll(promptOf(run, effect), isPlain(run.messages) ? run.messages : NONE)
      else for (const message of added) prompt.push(shown(message))
      key = effect.key
      // The model gets a list of its own: it may change it, and whoever keeps it must not see later calls grow it.
      return prompt.slice()
    },
  }
}
