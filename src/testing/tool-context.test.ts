import { expect, test } from 'vitest'
import type { ToolContext } from '../core/index.ts'
import { toolContext } from './tool-context.ts'

test('a context is whole, and keeps what it is told', () => {
  const context = toolContext({ runId: 'r', tenant: 'acme', attempt: 3 })
  context.progress({ done: 1 })
  context.log('line')
  context.log('line', [1])
  expect(context).toMatchObject({
    runId: 'r',
    key: 'call-1',
    idempotencyKey: 'r/call-1',
    tenant: 'acme',
    attempt: 3,
    epoch: 1,
    agent: 'agent',
  })
  expect([context.deadline, context.session, context.tx]).toEqual([undefined, undefined, undefined])
  expect(context.progressed).toEqual([{ done: 1 }])
  expect(context.logged).toEqual([
    { message: 'line', data: undefined },
    { message: 'line', data: [1] },
  ])
  expect(() => context.progress(new Map() as never)).toThrow('a value of type Map')
  context.abort(new Error('enough'))
  expect(context.signal.reason).toEqual(new Error('enough'))
  const own: ToolContext = toolContext({ idempotencyKey: 'mine', key: 'k' })
  expect(own).toMatchObject({ idempotencyKey: 'mine', key: 'k', runId: 'run-1' })
})
