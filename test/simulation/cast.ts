import { type Agent, defineAgent, type Gate, type ToolContext } from '../../src/index.ts'
import { scriptedModel } from '../../src/testing/index.ts'
import { call, child, never, noting, planner, stepsPlanner } from '../engine/support/parts.ts'
import type { Life } from './life.ts'

/** One entry into the body of a tool. */
export interface Body {
  readonly runId: string
  readonly key: string
  readonly tool: string
  readonly worker: string
  readonly idempotencyKey: string
}

/** What a worker works with. */
export interface Stage {
  readonly life: Life
  readonly random: () => number
  /** Every entry into a body, of all workers. */
  readonly bodies: Body[]
  /** A fault planted in the definitions: the tools that the judge knows as unsafe do not say so. */
  readonly hidesUnsafe?: boolean
  /** The body of `slow` never returns. */
  readonly hangs?: boolean
}

/** Tools whose bodies may be entered once for each call, whatever happens. */
export const UNSAFE: readonly string[] = ['pay', 'send']

/** Names of the agents that are started from outside. */
export const STARTERS = ['tree', 'flow', 'asker', 'reader', 'sprinter'] as const

/** Runs at once of agents that have a gate. */
export const AT_ONCE: Readonly<Record<string, number>> = { reader: 2, asker: 1 }

/** How long `flow` waits before it asks `asker`, in milliseconds. */
export const FLOW_WAIT_MS = 3_000

/** Agents that between them use every kind of effect that the engine performs. */
export function cast({ life, random, bodies, hidesUnsafe = false, hangs = false }: Stage): Agent[] {
  /** Notes the entry; a dead worker enters none. */
  const body =
    (tool: string, work: (input: Record<string, unknown>) => unknown) =>
    (input: Record<string, unknown>, { runId, key, idempotencyKey }: ToolContext): unknown => {
      if (life.isDead) return never()
      bodies.push({ runId, key, tool, worker: life.name, idempotencyKey })
      return work(input)
    }
  const careful = hidesUnsafe ? ('idempotent' as const) : ('unsafe' as const)
  const pay = noting(
    'pay',
    body('pay', ({ id }) => later(`paid ${id as number}`)),
    { effect: careful },
  )
  const ship = noting(
    'ship',
    body('ship', () => 'shipped'),
    {
      effect: 'unsafe',
      verify: () => ({ happened: true, output: 'shipped' }),
    },
  )
  const look = noting(
    'look',
    body('look', () => {
      if (random() < 0.2) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      return 'seen'
    }),
  )
  const slow = noting(
    'slow',
    body('slow', () => (hangs ? never() : later('slow'))),
    { effect: 'idempotent', concurrency: 2 },
  )
  const send = noting(
    'send',
    body('send', () => 'sent'),
    { effect: careful, approval: true },
  )
  const answering = scriptedModel(
    [
      ({ prompt }) => {
        if (random() < 0.1) return { fault: 'server-error' }
        const turns = prompt.filter(({ role }) => role === 'tool').length
        if (turns === 0) return { toolCalls: [{ name: 'look' }, { name: 'slow' }] }
        if (turns === 1) return { toolCalls: [{ name: 'pay', input: { id: 1 } }, { name: 'ship' }] }
        return 'done'
      },
    ],
    { repeat: true, record: false },
  )
  // Steps that may be repeated, one after the other, so that it goes ahead of what it writes, and one that may not.
  const count = noting(
    'count',
    body('count', () => 'counted'),
  )
  const sprinting = scriptedModel(
    [
      ({ prompt }) => {
        const turns = prompt.filter(({ role }) => role === 'tool').length
        if (turns === 10) return 'done'
        return { toolCalls: turns === 6 ? [{ name: 'pay', input: { id: 2 } }] : [{ name: 'count' }] }
      },
    ],
    { repeat: true, record: false },
  )
  const sprinter = defineAgent({ name: 'sprinter', model: sprinting, tools: [count, pay] })
  const reader = defineAgent({
    name: 'reader',
    model: answering,
    tools: [look, slow, pay, ship],
    concurrency: 2,
    gates: gateOf('reader'),
  })
  const tree = defineAgent({
    name: 'tree',
    agents: [reader],
    tools: [slow],
    concurrency: 2,
    planner: stepsPlanner([child('reader', 'a', 'a'), child('reader', 'b', 'b'), call('slow')], [child('reader', 'c', 'c')]),
  })
  const asker = defineAgent({
    name: 'asker',
    gates: gateOf('asker'),
    tools: [send, look],
    planner: stepsPlanner([call('send', { to: 1 }, 's1'), call('look'), call('send', { to: 2 }, 's2')], [call('look', {}, 'l2')]),
  })
  const flow = defineAgent({ name: 'flow', tools: [slow], agents: [asker], planner: flowing, gates: [RATE] })
  return [reader, tree, asker, flow, sprinter] as unknown as Agent[]
}

const RATE: Gate = { by: 'tenant', rate: { runs: 1, perMs: 2_000 } }

function gateOf(agent: string): readonly Gate[] {
  return [{ by: 'agent', concurrency: AT_ONCE[agent] as number }]
}

/** A body that takes a turn of the event loop, so that its worker can die or freeze in the middle of it. */
function later<T>(value: T): Promise<T> {
  return new Promise((resolve) => setImmediate(() => resolve(value)))
}

/** Waits for a time and for a signal, and asks a child when the time has come. */
const flowing = planner(
  (run) => {
    if (run.decisions === 0) {
      return {
        type: 'act',
        effects: [
          { kind: 'wait', key: 'time', for: { type: 'time', ms: FLOW_WAIT_MS } },
          { kind: 'wait', key: 'signal', for: { type: 'signal', name: 'go', deadlineMs: 40_000 } },
          { kind: 'wait', key: 'second', for: { type: 'signal', name: 'go', deadlineMs: 20_000 } },
          call('slow'),
        ],
      }
    }
    const time = run.effects.get('time')?.outcome
    if (time !== undefined && !run.effects.has('asker')) return { type: 'act', effects: [child('asker')] }
    return run.open > 0 ? { type: 'idle' } : { type: 'finish', output: run.settled.length }
  },
  { reactive: true },
)
