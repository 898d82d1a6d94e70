import { type Message, OpspawnError } from '../../core/index.ts'

/** Tells how many tokens a text takes. */
export type CountTokens = (text: string) => number

/** A quarter of the characters, rounded up: OpenAI's rule of thumb for English. Other languages and code take more. */
export const estimateTokens: CountTokens = (text) => Math.ceil(text.length / 4)

/** A counter of somebody else's: never below 0, always whole. What is no number would make a budget without bounds. */
export function checkedCount(count: CountTokens): CountTokens {
  return (text) => {
    const counted: unknown = count(text)
    if (typeof counted === 'number' && Number.isFinite(counted)) return Math.max(0, Math.ceil(counted))
    throw new OpspawnError(
      'OPTIONS_INVALID',
      `memory.countTokens gave ${String(counted)} for a text of ${text.length} characters; it must give a number`,
    )
  }
}

/** Of messages: their texts, and all other parts as JSON. Files count as long as they stand in the message. */
export function messagesTokens(messages: readonly Message[], count: CountTokens): number {
  return messages.reduce((sum, message) => sum + count(contentText(message)), 0)
}

/** What a message says, as one text: other parts than a single text stand as JSON. */
export function contentText({ content }: Message): string {
  if (typeof content === 'string') return content
  const [only] = content
  return content.length === 1 && only?.type === 'text' ? only.text : JSON.stringify(content)
}

/** The beginning of a text that is within a number of tokens; a pair of code units is never torn. */
export function fitText(text: string, tokens: number, count: CountTokens): string {
  let fitting = text
  for (let counted = count(fitting); counted > tokens; counted = count(fitting)) {
    const end = Math.floor(Math.min((fitting.length * tokens) / counted, fitting.length * 0.9))
    if (end < 2) return ''
    const last = fitting.charCodeAt(end - 2)
    fitting = `${fitting.slice(0, last >= 0xd800 && last <= 0xdbff ? end - 2 : end - 1)}…`
  }
  return fitting
}
