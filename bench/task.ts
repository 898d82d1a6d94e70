import { z } from 'zod'

/**
 * The job that every contender does: count to `calls` with a tool that adds one, then say the sum.
 * The scripted models read only the newest message of the prompt, so a model call costs the same
 * whatever the history, and one model serves any number of runs at once. A framework that loses,
 * repeats or garbles a tool result gives a wrong answer or a wrong count, and is refused.
 */
export interface Job {
  readonly calls: number
  /** How many earlier messages precede the question. */
  readonly history: number
  /** More than 0: no tool call, the model answers in so many text deltas. */
  readonly deltas: number
  /** The model's first tool call carries arguments that the schema forbids. */
  readonly invalid: boolean
}

export const job = (change: Partial<Job>): Job => ({ calls: 0, history: 0, deltas: 0, invalid: false, ...change })

export const addInput: z.ZodObject<{ a: z.ZodNumber; b: z.ZodNumber }> = z.object({ a: z.number(), b: z.number() })
export const addName = 'add'
export const addDescription = 'Adds two numbers.'
export const instructions = 'Count with the tool, then say the sum.'
export const question = 'go'

/** How often the tool's body was entered in this process; the harness resets and compares it. */
export const tally = { executed: 0 }

export function add({ a, b }: { a: number; b: number }): { sum: number } {
  tally.executed += 1
  return { sum: a + b }
}

/** What the model does next, given the sum that the newest tool result carries (0: no call was made yet). */
export type Move = { readonly call: string; readonly id: string } | { readonly say: string }

export function nextMove(work: Job, sum: number | undefined): Move {
  if (sum === undefined) return { say: 'The tool failed.' }
  if (work.invalid && sum === 0) return { call: '{"a":"zero","b":1}', id: 'call-1' }
  if (sum < work.calls) return { call: `{"a":${sum},"b":1}`, id: `call-${sum + 1}` }
  return { say: answerOf(work) }
}

export const answerOf = (work: Job): string => `The sum is ${work.calls}.`

/** The sum in a tool result, whether the framework passes it as a value or as JSON text; undefined if it is none. */
export function sumIn(result: unknown): number | undefined {
  let value = result
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value)
    } catch {
      return undefined
    }
  }
  if (typeof value !== 'object' || value === null || !('sum' in value)) return undefined
  return typeof value.sum === 'number' ? value.sum : undefined
}

export const deltaText = 'word '

/** Earlier turns, user and assistant alternating, in each framework's own message form. */
export function earlier<Message>(
  work: Job,
  user: (text: string, index: number) => Message,
  assistant: (text: string, index: number) => Message,
): Message[] {
  return Array.from({ length: work.history }, (_, index) =>
    index % 2 === 0 ? user(`Question ${index}?`, index) : assistant(`Answer ${index}.`, index),
  )
}
