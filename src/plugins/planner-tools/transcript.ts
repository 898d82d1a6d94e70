import { type Json, type Message, type ModelEffect, type RunView, promptOf } from '../../core/index.ts'
import { type MemorySettings, pastMessages } from '../../planning/index.ts'

/** Everything that was said in this run: its prompt without the system message, what was said before, and what was recalled. */
export function runTranscript(run: RunView, memory: MemorySettings | undefined, last: ModelEffect): Message[] {
  const before = (run.instructions === undefined ? 0 : 1) + pastMessages(run, memory).length
  return promptOf(run, last).slice(before)
}

/** An output as a message of the assistant. */
export function outputMessage(output: Json): Message {
  return { role: 'assistant', content: [{ type: 'text', text: typeof output === 'string' ? output : JSON.stringify(output) }] }
}
