import { appendFileSync } from 'node:fs'
import { type Agent, defineAgent, definePlugin, defineTool, type Planner } from '../../../src/index.ts'

/** Tool calls of a run of `walker`. */
export const STEPS = 6

/** An agent of six calls, every third of them unsafe, each noted in a file when it begins. */
export function walker(notes: string): Agent {
  const execute = async (input: unknown, { runId, key }: { runId: string; key: string }): Promise<string> => {
    appendFileSync(notes, `${process.pid} ${runId} ${key}\n`)
    await new Promise((resolve) => void setTimeout(resolve, 3 + Math.random() * 10))
    return `done ${JSON.stringify(input)}`
  }
  const base = { description: 'Takes a step.', input: { type: 'object' } as const, execute }
  const planner = definePlugin<Planner>({
    spec: 'planner/1',
    name: 'steps',
    decide(run) {
      if (run.open > 0) return { type: 'idle' }
      if (run.decisions >= STEPS) return { type: 'finish', output: 'arrived' }
      const n = run.decisions
      return {
        type: 'act',
        effects: [{ kind: 'tool', key: `step-${n}`, tool: n % 3 === 2 ? 'pay' : 'look', input: { n } }],
      }
    },
  })
  return defineAgent({
    name: 'walker',
    planner,
    tools: [defineTool({ ...base, name: 'look', effect: 'pure' }), defineTool({ ...base, name: 'pay', effect: 'unsafe' })],
  }) as Agent
}
