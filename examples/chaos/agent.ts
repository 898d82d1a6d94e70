import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type Agent, type Decision, defineAgent, defineTool, type Effect, jsonSchema, type Planner, type RunView } from 'opspawn'

const STEPS = 6
const input = jsonSchema<{ step: number }>({ type: 'object', properties: { step: { type: 'integer' } }, required: ['step'] })

/** Six steps, one after the other: every third one has an effect that must not happen twice. */
const inTurn: Planner = {
  spec: 'planner/1',
  name: 'in-turn',
  decide(run: RunView): Decision {
    if (run.open > 0) return { type: 'idle' }
    const step = run.decisions
    if (step === STEPS) return { type: 'finish', output: run.settled.map(({ outcome }) => outcome?.status ?? 'open') }
    const effect: Effect = { kind: 'tool', key: `step-${step}`, tool: step % 3 === 2 ? 'pay' : 'look', input: { step } }
    return { type: 'act', effects: [effect] }
  },
}

/** The agent that all workers share. What its unsafe tool does is written to a file, once for each time that it is done. */
export function chaosAgent(journal: string): Agent {
  const look = defineTool({
    name: 'look',
    description: 'Takes a moment.',
    input,
    effect: 'pure',
    async execute({ step }, { signal }) {
      await pause(150, undefined, { signal })
      return `seen ${step}`
    },
  })
  const pay = defineTool({
    name: 'pay',
    description: 'Pays, which must never happen twice.',
    input,
    effect: 'unsafe',
    async execute(_input, { runId, key, signal }) {
      appendFileSync(journal, `${runId} ${key}\n`)
      await pause(80, undefined, { signal })
      return 'paid'
    },
  })
  return defineAgent({ name: 'walker', tools: [look, pay], planner: inTurn }) as unknown as Agent
}
