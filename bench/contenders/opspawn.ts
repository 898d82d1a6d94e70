import { createOrchestrator, defineAgent, defineTool, type Message } from 'opspawn'
import { toolsPlanner } from 'opspawn/plugins/planner-tools'
import type { TaskDocument } from 'opspawn/plugins/planner-workflow'
import { add, addDescription, addInput, addName, earlier, instructions, question } from '../task.ts'
import { v4Model } from '../v4-model.ts'
import type { Contender, WorkflowShape } from './contender.ts'

export const contender: Contender = {
  async prepare(work) {
    const tool = defineTool({
      name: addName,
      description: addDescription,
      input: addInput,
      effect: 'pure',
      execute: (input) => add(input),
    })
    const agent = defineAgent({
      name: 'bench',
      instructions,
      model: v4Model(work),
      planner: toolsPlanner(),
      tools: [tool],
      limits: { steps: 1_000 },
    })
    // Lives as long as the child process: each child measures one job or a few.
    const store = process.env['OPSPAWN_BENCH_STORE']
    const ops = await createOrchestrator({ agents: [agent], ...(store !== undefined && { store }) })
    const messages = earlier<Message>(
      work,
      (text) => ({ role: 'user', content: [{ type: 'text', text }] }),
      (text) => ({ role: 'assistant', content: [{ type: 'text', text }] }),
    )
    // Passed with every run: frozen, it is not looked at again.
    for (const message of messages) {
      for (const part of message.content) Object.freeze(part)
      Object.freeze(message.content)
      Object.freeze(message)
    }
    Object.freeze(messages)
    const start = () => (work.history > 0 ? ops.start('bench', question, { messages }) : ops.start('bench', question))
    return {
      async run() {
        const handle = await start()
        const outcome = await handle.result
        if (outcome.status !== 'completed') throw new Error(`the run ended as ${outcome.status}: ${JSON.stringify(outcome)}`)
        return typeof outcome.output === 'string' ? outcome.output : JSON.stringify(outcome.output)
      },
      async stream(onDelta) {
        const handle = await start()
        for await (const event of handle) if (event.type === 'text-delta') onDelta(event.delta)
        const outcome = await handle.result
        if (outcome.status !== 'completed') throw new Error(`the run ended as ${outcome.status}: ${JSON.stringify(outcome)}`)
      },
    }
  },
  async workflow(shape) {
    // Only here: agents do without.
    const { loadWorkflow } = await import('opspawn/plugins/planner-workflow')
    const tool = defineTool({
      name: addName,
      description: addDescription,
      input: addInput,
      effect: 'pure',
      execute: (input) => add(input),
    })
    const workflow = await loadWorkflow({ name: 'bench', ...documents[shape]() }, { tools: [tool] })
    const ops = await createOrchestrator({ agents: [workflow], announce: false })
    const numbers = Array.from({ length: 100 }, (_, index) => index)
    return async () => {
      const run = await ops.start(workflow, { numbers })
      const outcome = await run.result
      if (outcome.status !== 'completed') throw new Error(`the run ended as ${outcome.status}: ${JSON.stringify(outcome)}`)
      const outputs = outcome.output as readonly { readonly sum: number }[]
      return outputs.reduce((total, { sum }) => total + sum, 0)
    }
  },
}

type Document = { readonly tasks: Record<string, TaskDocument>; readonly output: string | readonly string[] }

const documents: Readonly<Record<WorkflowShape, () => Document>> = {
  linear() {
    const tasks: Record<string, TaskDocument> = { t0: { tool: addName, with: { a: 0, b: 1 } } }
    for (let step = 1; step < 10; step += 1) {
      const needs = `t${step - 1}`
      tasks[`t${step}`] = { needs, tool: addName, with: { a: `\${{ tasks.${needs}.output.sum }}`, b: 1 } }
    }
    return { tasks, output: ['${{ tasks.t9.output }}'] }
  },
  fan: () => ({
    tasks: { each: { tool: addName, forEach: '${{ input.numbers }}', with: { a: '${{ item }}', b: 1 } } },
    output: '${{ tasks.each.output }}',
  }),
}
