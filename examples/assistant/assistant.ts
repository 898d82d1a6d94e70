import { defineAgent, type Agent, type Memory } from 'opspawn'
import { toolsPlanner } from 'opspawn/plugins/planner-tools'
import { memoryTools } from 'opspawn/plugins/tool-memory'
import { lastToolResults, lastUserText, promptText, scriptedModel } from 'opspawn/testing'
import { meaningsOf } from './meanings.ts'

type Call = Parameters<typeof promptText>[0]
type Told = { readonly id: string; readonly text: string }

/**
 * An agent that is shown what its memory finds for each input, and has tools to keep, correct and forget. The memory keeps
 * what the agent keeps: with `remember: false` the planner does not also keep what was said, which would have to be forgotten too.
 */
export function assistantWith(memory: Memory): Agent {
  return defineAgent({
    name: 'assistant',
    instructions: 'Keep what you are asked to keep. Answer from what you remember, or say that you do not know.',
    memory,
    tools: memoryTools(memory, { forget: 'erase' }),
    planner: toolsPlanner({ memory: { remember: false } }),
    // In place of a real model, which would go into this line and needs nothing else to change.
    model: scriptedModel([answer], { repeat: true }),
  })
}

/** What a model would do that does as it is told. */
function answer(call: Call) {
  const [result] = lastToolResults(call)
  if (result !== undefined) return afterwards(result.toolName, result.value)
  const input = lastUserText(call) ?? ''
  const about = remembered(call).find(({ text }) => meaningsOf(text).some((meaning) => meaningsOf(input).includes(meaning)))
  const [, what = '', text = ''] = /^(\w+)(?:: (.*))?/.exec(input) ?? []
  if (what === 'Remember') return use('remember', { text })
  if (about === undefined) return 'I do not know.'
  if (what === 'Correction') return use('update', { id: about.id, text })
  if (what === 'Forget') return use('forget', { ids: [about.id] })
  return `You said: ${about.text}`
}

function use(tool: string, input: object) {
  return { toolCalls: [{ name: `memory_${tool}`, input }] }
}

function afterwards(tool: string, value: unknown): string {
  if (tool !== 'memory_forget') return tool === 'memory_update' ? 'I have corrected that.' : 'I keep that in mind.'
  const { count, verified } = value as { readonly count: number; readonly verified: boolean }
  return `I have forgotten ${count} records${verified ? '; nothing of them is left on disk' : ''}.`
}

/** The records in the memory block of a prompt: one of JSON to a line, the best first. */
function remembered(call: Call): readonly Told[] {
  const lines = promptText(call).split('\n')
  return lines.flatMap((line) => (line.startsWith('{"id":') ? [JSON.parse(line) as Told] : []))
}
