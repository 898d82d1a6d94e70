import { expect, test } from 'vitest'
import { OpspawnError } from '../core/index.ts'
import { assert, assertEqual, assertRejects, assertRejectsWith } from './assert.ts'

test('a condition that fails says what should hold', () => {
  expect(() => assert(true, 'fine')).not.toThrow()
  expect(() => assert(false, 'the sky is blue')).toThrow('the sky is blue')
})

test('values are compared as data, and both are shown', () => {
  expect(() => assertEqual({ a: 1, b: [2] }, { b: [2], a: 1 }, 'x')).not.toThrow()
  expect(() => assertEqual({ a: undefined }, {}, 'x')).not.toThrow()
  expect(() => assertEqual(undefined, null, 'x')).toThrow('x: expected null, found undefined')
  expect(() => assertEqual([1], [2], 'the list')).toThrow('the list: expected [2], found [1]')
})

test('a rejection is checked for its code', async () => {
  const refused = Promise.reject(new OpspawnError('LEASE_LOST', 'gone'))
  expect((await assertRejects(refused, 'LEASE_LOST', 'x')).message).toBe('gone')
  await assertRejects(refused, ['RUN_FINISHED', 'LEASE_LOST'], 'x')
  await expect(assertRejects(refused, 'RUN_FINISHED', 'x')).rejects.toThrow('x: expected RUN_FINISHED, found LEASE_LOST: gone')
  await expect(assertRejects(Promise.reject(new TypeError('odd')), 'RUN_FINISHED', 'x')).rejects.toThrow('found TypeError: odd')
  await expect(assertRejects(Promise.reject('text'), 'RUN_FINISHED', 'x')).rejects.toThrow('found text')
  await expect(assertRejects(Promise.resolve([1]), ['RUN_FINISHED', 'LEASE_LOST'], 'x')).rejects.toThrow(
    'x: expected RUN_FINISHED or LEASE_LOST, but it resolved with [1]',
  )
})

test('a rejection is checked for its very reason', async () => {
  const reason = new Error('stop')
  await assertRejectsWith(Promise.reject(reason), reason, 'x')
  await expect(assertRejectsWith(Promise.reject(new Error('stop')), reason, 'x')).rejects.toThrow(
    "expected the signal's own reason",
  )
  await expect(assertRejectsWith(Promise.resolve(), reason, 'x')).rejects.toThrow('resolved with undefined')
})
