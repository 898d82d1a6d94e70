import { appendFileSync, existsSync } from 'node:fs'
import {
  defineAgent,
  defineConfig,
  defineExtension,
  definePlugin,
  defineTool,
  type Decision,
  type Effect,
  type Json,
  type LocalOptions,
  type Planner,
} from '../../../src/index.ts'
import { scriptedModel } from '../../../src/testing/index.ts'

const anything = { type: 'object' } as const

function planner(name: string, decide: (decisions: number, last: string) => Decision): Planner {
  return definePlugin<Planner>({
    spec: 'planner/1',
    name,
    decide(run) {
      if (run.open > 0) return { type: 'idle' }
      return decide(run.decisions, run.settled.at(-1)?.outcome?.status ?? 'none')
    },
  })
}

/** Asks for one effect, again if it did not succeed, and answers with what came of it. */
function once(name: string, effect: Effect, answer: (value: Json) => Json): Planner {
  return definePlugin<Planner>({
    spec: 'planner/1',
    name,
    decide(run) {
      if (run.open > 0) return { type: 'idle' }
      const outcome = run.settled[0]?.outcome
      return outcome?.status === 'completed'
        ? { type: 'finish', output: answer(outcome.value) }
        : { type: 'act', effects: [effect] }
    },
  })
}

const note = (text: string): void => {
  const file = process.env['NOTES']
  if (file !== undefined) appendFileSync(file, `${text}\n`)
}

const pay = defineTool({
  name: 'pay',
  description: 'Pays an amount.',
  input: anything,
  approval: true,
  labels: ['outbound'],
  execute: () => {
    note('paid')
    return { paid: true }
  },
})
const hang = defineTool({
  name: 'hang',
  description: 'Waits until it is told to stop.',
  input: anything,
  effect: 'pure',
  execute: (_, { signal }) =>
    new Promise((_resolve, reject) => {
      note('hanging')
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    }),
})
const lookup = defineTool({
  name: 'lookup',
  description: 'Looks something up.',
  input: anything,
  effect: 'pure',
  execute: () => 'found \u001b[31mred\u001b[0m',
})

const fetch = defineTool({
  name: 'fetch',
  description: 'Fetches something, once.',
  input: anything,
  execute: () => {
    note('fetched')
    return 'something'
  },
})
const wire = defineTool({
  name: 'wire',
  description: 'Sends money, once.',
  input: anything,
  onUnknown: 'ask',
  execute: () => {
    note('wired')
    return process.env['HANG'] === undefined ? { sent: true } : new Promise(() => {})
  },
})
const flaky = defineTool({
  name: 'flaky',
  description: 'Works unless there is a file called "broken".',
  input: anything,
  effect: 'pure',
  retry: { attempts: 1 },
  execute: () => {
    note('tried')
    if (existsSync('broken')) throw new Error('the file says no')
    return 'mended'
  },
})

const config: () => LocalOptions = defineConfig(() => ({
  store: 'runs.db',
  prices: { scripted: { input: 1, output: 2 } },
  plugins: [
    lookup,
    defineExtension({
      name: 'more-tools',
      setup(host) {
        host.add(defineTool({ name: 'extra', description: 'Comes with an extension.', input: anything, execute: () => null }))
        return () => note('undone')
      },
    }),
  ],
  agents: [
    defineAgent({
      name: 'parrot',
      description: 'Says hello.',
      model: scriptedModel(['Hello from the parrot.'], { repeat: true }),
    }),
    defineAgent({ name: 'echo', planner: planner('echo', () => ({ type: 'finish', output: 'echo' })), input: {}, output: {} }),
    defineAgent({
      name: 'mirror',
      input: {},
      output: {},
      planner: definePlugin<Planner>({
        spec: 'planner/1',
        name: 'mirror',
        decide: ({ input }) => ({ type: 'finish', output: { heard: input } }),
      }),
    }),
    defineAgent({
      name: 'cashier',
      planner: planner('cashier', (decisions, last) =>
        decisions === 0
          ? { type: 'act', effects: [{ kind: 'tool', key: 'pay-1', tool: 'pay', input: { amount: 3 } }] }
          : { type: 'finish', output: { payment: last } },
      ),
      tools: [pay],
      output: {},
    }),
    defineAgent({
      name: 'boss',
      agents: ['cashier'],
      planner: planner('boss', (decisions, last) =>
        decisions === 0
          ? { type: 'act', effects: [{ kind: 'run', key: 'ask', agent: 'cashier', input: 'pay' }] }
          : { type: 'finish', output: last },
      ),
    }),
    defineAgent({
      name: 'sleeper',
      planner: planner('sleeper', (decisions, last) =>
        decisions === 0
          ? { type: 'act', effects: [{ kind: 'tool', key: 'hang-1', tool: 'hang', input: {} }] }
          : { type: 'finish', output: last },
      ),
      tools: [hang],
    }),
    defineAgent({
      name: 'listener',
      planner: once('listener', { kind: 'wait', key: 'news', for: { type: 'signal', name: 'news' } }, (heard) => ({ heard })),
      output: {},
    }),
    defineAgent({
      name: 'sender',
      planner: once('sender', { kind: 'tool', key: 'wire-1', tool: 'wire', input: { amount: 7 } }, (wired) => wired),
      tools: [wire],
      output: {},
    }),
    defineAgent({
      name: 'reader',
      planner: definePlugin<Planner>({
        spec: 'planner/1',
        name: 'reader',
        decide(run) {
          if (run.open > 0) return { type: 'idle' }
          const last = run.settled.at(-1)?.outcome
          if (last !== undefined && last.status !== 'completed') return { type: 'fail', error: last.error }
          if (run.decisions === 2) return { type: 'finish', output: last?.value ?? null }
          const tool = run.decisions === 0 ? 'fetch' : 'flaky'
          return { type: 'act', effects: [{ kind: 'tool', key: `${tool}-1`, tool, input: {} }] }
        },
      }),
      tools: [fetch, flaky],
      output: {},
    }),
    defineAgent({
      name: 'finder',
      model: scriptedModel([{ toolCalls: [{ name: 'lookup', input: { q: 1 } }] }, 'Found it.'], { repeat: true }),
      tools: ['lookup'],
    }),
    defineAgent({
      name: 'failing',
      planner: planner('failing', () => ({
        type: 'fail',
        error: { code: 'TOOL_FAILED', message: 'it broke \u001b[2J', retryable: false },
      })),
    }),
  ],
}))

/** What the tests of the command line run. */
export default config
