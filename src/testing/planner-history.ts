import {
  type Effect,
  type Failure,
  type Json,
  type Outcome,
  type RunDefinition,
  type RunEvent,
  type RunEventBody,
  type RunView,
  applyEvent,
  foldHistory,
  toJson,
} from '../core/index.ts'
import type { PlannerScenario } from './planner-scenario.ts'

/** A history in the making: the events and the view that is folded from them as they come. */
export interface ScriptedHistory {
  readonly definition: RunDefinition
  readonly view: RunView
  add(event: RunEventBody): void
  decide(effects: readonly Effect[], state: unknown): void
  settle(effect: Effect, outcome: Outcome): void
  /** The view folded anew, from events that went through JSON text as they do in a store. */
  refold(): RunView
  /** The same of a run that is cancelled now: what is open has been broken off. */
  cancelled(): RunView
}

const CANCELLED: Failure = { code: 'RUN_CANCELLED', message: 'the run was cancelled: enough', retryable: false }

/** Begins a history. Everything in it is frozen, so that a planner which changes what it reads is found out. */
export function scriptedHistory(
  base: RunDefinition,
  scenario: PlannerScenario,
  compensates?: { readonly compensates: string; readonly input: Json },
): ScriptedHistory {
  const definition = freeze(structuredClone({ ...base, ...scenario.definition }))
  const events: RunEvent[] = []
  const number = (body: RunEventBody, seq: number = events.length + 1): RunEvent => {
    // Recorded time: any fixed instant, so that nothing depends on when the suite runs.
    return freeze(structuredClone({ ...body, version: 1 as const, seq, at: 1_700_000_000_000 + seq * 1_000 }) as RunEvent)
  }
  events.push(
    number({
      type: 'run-start',
      origin: {
        runId: 'run-1',
        agent: 'subject',
        definition: 'hash',
        tenant: 'default',
        input: scenario.input ?? 'What is known about otters?',
        ...(scenario.messages === undefined ? undefined : { messages: scenario.messages }),
        rootId: 'run-1',
        depth: 0,
        limits: {},
        ...compensates,
      },
    }),
  )
  const view = foldHistory(definition, events)
  const add = (body: RunEventBody): void => {
    const event = number(body)
    events.push(event)
    applyEvent(view, event)
  }
  add({ type: 'run-claim', epoch: 1, worker: 'conformance' })
  return {
    definition,
    view,
    add,
    decide(effects, state) {
      const recorded = toJson(effects) as unknown as readonly Effect[]
      add({ type: 'decision', effects: recorded, ...(state === undefined ? undefined : { state: toJson(state) }) })
    },
    settle(effect, outcome) {
      if (effect.kind === 'tool') add({ type: 'effect-start', key: effect.key, attempt: 1 })
      add({ type: 'effect-end', key: effect.key, outcome: toJson(outcome) as unknown as Outcome, durationMs: 1 })
    },
    refold: () => fold(events),
    cancelled() {
      const open = [...view.effects.values()].filter(({ outcome }) => outcome === undefined)
      const bodies: RunEventBody[] = [{ type: 'cancel-request', reason: 'enough' }]
      for (const { effect } of open)
        bodies.push({ type: 'effect-end', key: effect.key, outcome: { status: 'cancelled', error: CANCELLED }, durationMs: 1 })
      return fold([...events, ...bodies.map((body, index) => number(body, events.length + 1 + index))])
    },
  }

  function fold(all: readonly RunEvent[]): RunView {
    return foldHistory(freeze(structuredClone(definition)), (JSON.parse(JSON.stringify(all)) as RunEvent[]).map(freeze))
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) freeze(member)
  }
  return value
}
