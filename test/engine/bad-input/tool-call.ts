import type { Tool } from '../../../src/index.ts'
import { agent, callTool, once, play, type Played } from '../harness.ts'

/** Runs one call of a tool, under the key `a`. */
export function call(subject: Tool, input: unknown = {}, given: Parameters<typeof play>[1] = {}): Promise<Played> {
  return play(agent('subject', once(callTool('a', subject.name, input as never)), { tools: [subject] }), given)
}
