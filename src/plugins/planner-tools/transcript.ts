import { type Json, type Message, type ModelEffect, type RunView, promptOf } from '../../core/index.ts'

/** Everything that was said in this run: its prompt without the system message and without what was said before it. */
export function runTranscript(run: RunView, last: ModelEffect): Message[] {
  const before = (run.instructions === undefined ? 0 : 1) + run.messages.length
  return promptOf(run, last).slice(before)
}

/** An output as a message of the assistant. */
export function outputMessage(output: Json): Message {
  return { role: 'assistant', content: [{ type: 'text', text: typeof output === 'string' ? output : JSON.stringify(output) }] }
}
