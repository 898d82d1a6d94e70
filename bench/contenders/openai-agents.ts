import {
  Agent,
  run,
  setTracingDisabled,
  tool,
  Usage,
  type AgentInputItem,
  type Model,
  type ModelRequest,
  type ModelResponse,
} from '@openai/agents'
import {
  add,
  addDescription,
  addInput,
  addName,
  deltaText,
  earlier,
  instructions,
  nextMove,
  question,
  sumIn,
  type Job,
} from '../task.ts'
import type { Contender } from './contender.ts'

setTracingDisabled(true)

const usage = { inputTokens: 10, outputTokens: 5, totalTokens: 15 }

function scripted(work: Job): Model {
  return {
    async getResponse(request) {
      return { usage: new Usage(usage), output: [turn(work, request)] }
    },
    async *getStreamedResponse() {
      yield { type: 'response_started' }
      for (let index = 0; index < work.deltas; index += 1) yield { type: 'output_text_delta', delta: deltaText }
      const output = [said(deltaText.repeat(work.deltas))]
      yield { type: 'response_done', response: { id: 'response', usage, output } }
    },
  }
}

function turn(work: Job, request: ModelRequest): ModelResponse['output'][number] {
  const move = nextMove(work, newestSum(request.input))
  return 'say' in move
    ? said(move.say)
    : { type: 'function_call', callId: move.id, name: addName, arguments: move.call, status: 'completed' }
}

function newestSum(input: ModelRequest['input']): number | undefined {
  const item = typeof input === 'string' ? undefined : input.at(-1)
  if (item?.type !== 'function_call_result') return 0
  const { output } = item
  return sumIn(typeof output === 'object' && 'text' in output ? output.text : output)
}

const said = (text: string) => ({
  type: 'message' as const,
  role: 'assistant' as const,
  status: 'completed' as const,
  content: [{ type: 'output_text' as const, text }],
})

export const contender: Contender = {
  async prepare(work) {
    const agent = new Agent({
      name: 'bench',
      instructions,
      model: scripted(work),
      tools: [tool({ name: addName, description: addDescription, parameters: addInput, execute: async (input) => add(input) })],
    })
    const history = earlier<AgentInputItem>(work, (content) => ({ type: 'message', role: 'user', content }), said)
    const input = (): AgentInputItem[] => [...history, { type: 'message', role: 'user', content: question }]
    return {
      run: async () => (await run(agent, input(), { maxTurns: 1_000 })).finalOutput ?? '',
      async stream(onDelta) {
        const result = await run(agent, input(), { stream: true, maxTurns: 1_000 })
        for await (const event of result) {
          if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') onDelta(event.data.delta)
        }
        await result.completed
      },
    }
  },
}
