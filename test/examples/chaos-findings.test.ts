import { expect, test } from 'vitest'
import type { RunEvent, RunRecord } from '../../src/index.ts'
import { examine, type Story } from '../../examples/chaos/findings.ts'

function story(runId: string, bodies: readonly object[], outcome: RunRecord['outcome']): Story {
  const events = bodies.map((body, index) => ({ version: 1, seq: index + 1, at: 1_000 + index, ...body }) as unknown as RunEvent)
  return { record: { runId, outcome } as unknown as RunRecord, events }
}

const done = { status: 'completed', output: 1 } as const
const end = (key: string, status = 'completed'): object => ({ type: 'effect-end', key, outcome: { status }, durationMs: 1 })
const claim = (worker: string, at: number): object => ({ type: 'run-claim', epoch: 1, worker, at })

test('the examination finds what it is there to find', () => {
  const stories = [
    story('open', [], undefined),
    story('double', [end('a'), end('a')], done),
    story('gap', [end('a'), { ...end('b'), seq: 5 }], done),
    story('taken', [claim('w1', 1_000), claim('w2', 1_450), end('a', 'unknown')], done),
  ]
  const found = examine(stories, ['taken pay', 'taken pay', 'double pay'], new Map([['w1', 1_200]]))
  expect(found).toEqual({
    lost: ['open', 'gap (gap in its history)'],
    repeated: ['taken pay', 'double a (result)'],
    unknown: 1,
    steps: 5,
    recoveries: [250],
  })
})
