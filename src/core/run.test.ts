import { AGENT_TRANSITIONS } from '../orchestrator/agent-board.ts'
import { describe, expect, test } from 'vitest'
import { isFinal, OpspawnError, outputOf, requireTransition, RUN_TRANSITIONS, type RunStatus } from './index.ts'

const STATUSES = Object.keys(RUN_TRANSITIONS) as RunStatus[]
const FINAL = ['completed', 'failed', 'cancelled']

function reachable<S extends string>(table: Readonly<Record<S, readonly S[]>>, from: S): ReadonlySet<S> {
  const found = new Set<S>()
  const look = (status: S): void => {
    for (const next of table[status]) {
      if (found.has(next)) continue
      found.add(next)
      look(next)
    }
  }
  look(from)
  return found
}

describe('the status of a run', () => {
  test('is one of these', () => {
    expect(STATUSES.toSorted()).toEqual(
      ['queued', 'running', 'waiting', 'paused', 'quarantined', 'completed', 'failed', 'cancelled'].toSorted(),
    )
  })
  test.each(STATUSES)('%s leads only to statuses that exist, and not to itself', (status) => {
    for (const next of RUN_TRANSITIONS[status]) expect(STATUSES).toContain(next)
    expect(RUN_TRANSITIONS[status]).not.toContain(status)
    expect(new Set(RUN_TRANSITIONS[status]).size).toBe(RUN_TRANSITIONS[status].length)
  })
  test.each(STATUSES)('%s is final or can end in each final status', (status) => {
    expect(isFinal(status)).toBe(FINAL.includes(status))
    const ends = [...reachable(RUN_TRANSITIONS, status)].filter(isFinal)
    expect(ends.toSorted()).toEqual(isFinal(status) ? [] : FINAL.toSorted())
  })
  test('can always be cancelled before it is final', () => {
    const stuck = STATUSES.filter((status) => !isFinal(status) && !RUN_TRANSITIONS[status].includes('cancelled'))
    expect(stuck).toEqual([])
  })
  test('is completed or failed only by whoever works on the run', () => {
    const before = STATUSES.filter((status) => RUN_TRANSITIONS[status].some((next) => next === 'completed' || next === 'failed'))
    expect(before).toEqual(['running'])
  })
  const pairs = STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const))
  test.each(pairs.filter(([from, to]) => RUN_TRANSITIONS[from].includes(to)))('may go from %s to %s', (from, to) => {
    expect(() => requireTransition(RUN_TRANSITIONS, from, to, 'run r-1')).not.toThrow()
  })
  test.each(pairs.filter(([from, to]) => !RUN_TRANSITIONS[from].includes(to)))('may not go from %s to %s', (from, to) => {
    const move = (): void => requireTransition(RUN_TRANSITIONS, from, to, 'run r-1')
    expect(move).toThrow(OpspawnError)
    expect(move).toThrow(expect.objectContaining({ code: 'STATE_INVALID' }))
    expect(move).toThrow(`run r-1 cannot go from ${from} to ${to}; `)
    expect(move).toThrow(isFinal(from) ? 'it may go to nothing' : `it may go to ${RUN_TRANSITIONS[from].join(', ')}`)
  })
})

describe('the status of an agent', () => {
  test('goes to work and back, and through an error only by way of work', () => {
    expect(AGENT_TRANSITIONS).toEqual({ idle: ['active'], active: ['idle', 'error'], error: ['active'] })
    for (const status of ['idle', 'active', 'error'] as const) expect(reachable(AGENT_TRANSITIONS, status).size).toBe(3)
  })
  test('cannot fail while nothing is done', () => {
    expect(() => requireTransition(AGENT_TRANSITIONS, 'idle', 'error', 'agent "a"')).toThrow('it may go to active')
  })
})

describe('outputOf', () => {
  test.each([[{ a: 1 }], [null], [0], ['']])('gives %j as it is', (output) => {
    expect(outputOf({ status: 'completed', output })).toBe(output)
  })
  test.each(['failed', 'cancelled'] as const)('throws the failure of a run that %s', (status) => {
    const error = { code: 'QUEUE_FULL', message: 'full', retryable: true, details: { queue: 'q' } }
    expect(() => outputOf({ status, error })).toThrow(expect.objectContaining(error))
    expect(() => outputOf({ status, error })).toThrow(OpspawnError)
  })
})

describe('a state that is not known, as a newer store may give', () => {
  test.each(['bogus', 'constructor', '__proto__', '', undefined, null] as never[])(
    '%s is not final, and goes nowhere',
    (status) => {
      expect(isFinal(status)).toBe(false)
      expect(() => requireTransition(RUN_TRANSITIONS, status, 'queued', 'run r-1')).toThrow(
        expect.objectContaining({ code: 'STATE_INVALID', message: expect.stringContaining('it may go to nothing') as string }),
      )
    },
  )
})
