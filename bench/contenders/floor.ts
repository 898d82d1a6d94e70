import { add, addInput, addName, deltaText, earlier, instructions, question } from '../task.ts'
import { v4Model, type V4Model } from '../v4-model.ts'
import type { Contender, WorkflowShape } from './contender.ts'

/** A tool may be asynchronous, so even the floor awaits it. */
const execute: (input: { a: number; b: number }) => { sum: number } | Promise<{ sum: number }> = add

type Prompt = Parameters<V4Model['doGenerate']>[0]['prompt']

/** The least that any agent loop does: call the model, parse and validate the arguments, call the tool, keep the messages. */
export const contender: Contender = {
  async prepare(work) {
    const model = v4Model(work)
    const history: Prompt = earlier<Prompt[number]>(
      work,
      (text) => ({ role: 'user', content: [{ type: 'text', text }] }),
      (text) => ({ role: 'assistant', content: [{ type: 'text', text }] }),
    )
    return {
      async run() {
        const prompt: Prompt = [
          { role: 'system', content: instructions },
          ...history,
          { role: 'user', content: [{ type: 'text', text: question }] },
        ]
        for (;;) {
          const { content } = await model.doGenerate({ prompt })
          const part = content[0]
          if (part?.type === 'text') return part.text
          if (part?.type !== 'tool-call') throw new Error('the model answered nothing')
          const input: unknown = JSON.parse(part.input)
          const value = await execute(addInput.parse(input))
          const { toolCallId } = part
          prompt.push(
            { role: 'assistant', content: [{ type: 'tool-call', toolCallId, toolName: addName, input }] },
            {
              role: 'tool',
              content: [{ type: 'tool-result', toolCallId, toolName: addName, output: { type: 'json', value } }],
            },
          )
        }
      },
      async stream(onDelta) {
        for await (const { delta } of deltas(work.deltas)) onDelta(delta)
      },
    }
  },
  workflow: async (shape) => () => steps(shape),
}

/** What any workflow does at least: validate, call, hand on. */
async function steps(shape: WorkflowShape): Promise<number> {
  if (shape === 'linear') {
    let sum = 0
    for (let step = 0; step < 10; step += 1) sum = (await execute(addInput.parse({ a: sum, b: 1 }))).sum
    return sum
  }
  const all = await Promise.all(Array.from({ length: 100 }, async (_, a) => execute(addInput.parse({ a, b: 1 }))))
  return all.reduce((total, { sum }) => total + sum, 0)
}

async function* deltas(count: number): AsyncGenerator<{ type: 'text-delta'; delta: string }> {
  for (let index = 0; index < count; index += 1) yield { type: 'text-delta', delta: deltaText }
}
