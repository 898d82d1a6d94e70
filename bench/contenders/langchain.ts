import type { BaseLanguageModelInput } from '@langchain/core/language_models/base'
import { BaseChatModel, type BaseChatModelCallOptions, type BindToolsInput } from '@langchain/core/language_models/chat_models'
import { AIMessage, AIMessageChunk, HumanMessage, type BaseMessage } from '@langchain/core/messages'
import { ChatGenerationChunk, type ChatResult } from '@langchain/core/outputs'
import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager'
import type { Runnable } from '@langchain/core/runnables'
import { convertToOpenAITool } from '@langchain/core/utils/function_calling'
import { Annotation, type BaseCheckpointSaver, END, Send, START, StateGraph } from '@langchain/langgraph'
import { createAgent, tool } from 'langchain'
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

interface CallOptions extends BaseChatModelCallOptions {
  tools?: unknown[]
}

class ScriptedChatModel extends BaseChatModel<CallOptions> {
  readonly #work: Job

  constructor(work: Job) {
    super({})
    this.#work = work
  }

  override _llmType(): string {
    return 'scripted'
  }

  /** As the published chat models do it: tools become JSON Schema and travel as call options. */
  override bindTools(tools: BindToolsInput[]): Runnable<BaseLanguageModelInput, AIMessageChunk, CallOptions> {
    return this.withConfig({ tools: tools.map((one) => convertToOpenAITool(one as never)) })
  }

  override async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const message = turn(this.#work, messages)
    return { generations: [{ text: message.text, message }] }
  }

  override async *_streamResponseChunks(
    _messages: BaseMessage[],
    _options: CallOptions,
    manager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    for (let index = 0; index < this.#work.deltas; index += 1) {
      const chunk = new ChatGenerationChunk({ text: deltaText, message: new AIMessageChunk({ content: deltaText }) })
      yield chunk
      await manager?.handleLLMNewToken(deltaText, undefined, undefined, undefined, undefined, { chunk })
    }
  }
}

function turn(work: Job, messages: BaseMessage[]): AIMessage {
  const newest = messages.at(-1)
  const move = nextMove(work, newest?.type === 'tool' ? sumIn(newest.content) : 0)
  if ('say' in move) return new AIMessage({ content: move.say })
  return new AIMessage({
    content: '',
    tool_calls: [{ type: 'tool_call', id: move.id, name: addName, args: JSON.parse(move.call) }],
  })
}

function makeAgent(work: Job, checkpointer?: BaseCheckpointSaver) {
  return createAgent({
    model: new ScriptedChatModel(work),
    tools: [
      tool(async (input: { a: number; b: number }) => add(input), {
        name: addName,
        description: addDescription,
        schema: addInput,
      }),
    ],
    systemPrompt: instructions,
    ...(checkpointer !== undefined && { checkpointer }),
  })
}

/** The agent with a checkpoint behind each step, written before the next one begins; asked once for each thread. */
export function durableAgent(work: Job, checkpointer: BaseCheckpointSaver): (thread: string) => Promise<string> {
  const agent = makeAgent(work, checkpointer)
  return async (thread) => {
    const options = { recursionLimit: 10_000, configurable: { thread_id: thread }, durability: 'sync' } as const
    const state = await agent.invoke({ messages: [new HumanMessage(question)] }, options)
    return state.messages.at(-1)?.text ?? ''
  }
}

export const contender: Contender = {
  async prepare(work) {
    const agent = makeAgent(work)
    const history = earlier<BaseMessage>(
      work,
      (content, index) => new HumanMessage({ content, id: `message-${index}` }),
      (content, index) => new AIMessage({ content, id: `message-${index}` }),
    )
    const messages = (): BaseMessage[] => [...history, new HumanMessage(question)]
    return {
      async run() {
        const state = await agent.invoke({ messages: messages() }, { recursionLimit: 10_000 })
        return state.messages.at(-1)?.text ?? ''
      },
      async stream(onDelta) {
        const stream = await agent.stream({ messages: messages() }, { streamMode: 'messages' })
        for await (const [chunk] of stream) onDelta(chunk.text)
      },
    }
  },
  async workflow(shape) {
    if (shape === 'fan') {
      const State = Annotation.Root({
        sums: Annotation<number[]>({ reducer: (left, right) => [...left, ...right], default: () => [] }),
      })
      const fan = new StateGraph(State)
        .addNode('call', async (input: { a: number; b: number }) => ({ sums: [add(addInput.parse(input)).sum] }) as never)
        .addConditionalEdges(START, () => Array.from({ length: 100 }, (_, a) => new Send('call', { a, b: 1 })))
        .addEdge('call', END)
        .compile()
      return async () => {
        const { sums } = await fan.invoke({ sums: [] })
        return sums.reduce((total, sum) => total + sum, 0)
      }
    }
    const State = Annotation.Root({ sum: Annotation<number>() })
    const graph = new StateGraph(State) as StateGraph<typeof State.spec, { sum: number }, { sum?: number }, string>
    for (let step = 0; step < 10; step += 1) {
      graph.addNode(`t${step}`, async ({ sum }) => add(addInput.parse({ a: sum, b: 1 })))
      graph.addEdge((step === 0 ? START : `t${step - 1}`) as '__start__', `t${step}`)
    }
    graph.addEdge('t9', END as never)
    const linear = graph.compile()
    return async () => ((await linear.invoke({ sum: 0 })) as { sum: number }).sum
  },
}
