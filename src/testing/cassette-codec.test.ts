import { expect, test } from 'vitest'
import type { JsonObject } from '../core/index.ts'
import { decode, encode, redactDeltas, redactKeys } from './cassette-codec.ts'
import { providerError } from './provider-error.ts'

test('keys are known by their shape, and ordinary words are not', () => {
  expect(
    redactKeys(
      `Bearer ${'x'.repeat(20)}; AIza${'x'.repeat(35)}; ghp_${'x'.repeat(36)}; xoxb-${'1'.repeat(12)}; AKIA${'A'.repeat(16)}`,
    ),
  ).toBe('Bearer REDACTED; AIzaREDACTED; gh_REDACTED; xoxREDACTED; AKIAREDACTED')
  const text = 'task-management-and-more-words, ask-folder-of-documents, bearer of news, sk-short'
  expect(redactKeys(text)).toBe(text)
})

test('values of every kind come back from JSON', () => {
  const same = (text: string): string => text
  const round = (value: unknown): unknown => decode(JSON.parse(JSON.stringify(encode(value, same))) as JsonObject)
  const value = {
    a: [1, 'x', null, true, -0.5],
    bytes: new Uint8Array([0, 255]),
    date: new Date(5),
    url: new URL('http://localhost/x'),
    inf: Infinity,
    $bytes: 'not bytes',
    deep: { $date: 1, $omitted: 2 },
  }
  expect(round(value)).toEqual(value)
  expect(round({ gone: undefined, kept: null })).toEqual({ kept: null })
  const cycle: Record<string, unknown> = { fn: () => 1, big: 1n }
  cycle['self'] = cycle
  expect(round(cycle)).toEqual({ fn: undefined, big: undefined, self: undefined })
  expect(round(providerError('x', { isRetryable: false, statusCode: 400 }))).toMatchObject({
    name: 'AI_APICallError',
    statusCode: 400,
    isRetryable: false,
  })
  expect(round(Object.assign(new Error('x'), { responseHeaders: null }))).toMatchObject({ message: 'x' })
  expect(round(JSON.parse('{"__proto__": 1, "a": 1}'))).toEqual({ a: 1 })
})

test('deltas without secrets stay as they are', () => {
  const parts = [null, { type: 'text-delta', id: '0', delta: 'a' }, { type: 'finish' }]
  expect(redactDeltas(parts, redactKeys)).toBe(parts)
})
