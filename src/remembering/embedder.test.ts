import { describe, expect, test } from 'vitest'
import type { EmbeddingModel } from '../core/index.ts'
import { untilAborted } from './until-aborted.ts'
import { createEmbedder } from './index.ts'

describe('an embedder', () => {
  function model(calls: string[][], maxEmbeddingsPerCall?: EmbeddingModel['maxEmbeddingsPerCall']): EmbeddingModel {
    return {
      provider: 'p',
      modelId: 'm',
      maxEmbeddingsPerCall,
      async doEmbed({ values }) {
        calls.push(values)
        return { embeddings: values.map((value) => [value.length, 1]) }
      },
    }
  }
  test('asks for each text once, in batches of the least limit, and makes vectors of length 1', async () => {
    const calls: string[][] = []
    const embedder = createEmbedder(model(calls, Promise.resolve(2)), { batch: 3 })
    expect([embedder.id, embedder.dims]).toEqual(['p/m', undefined])
    const vectors = await embedder.embed(['a', 'bb', 'a', 'ccc', 'dddd', 'bb'])
    expect(calls).toEqual([
      ['a', 'bb'],
      ['ccc', 'dddd'],
    ])
    expect(vectors[0]).toBe(vectors[2])
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 6)
    await embedder.embed(['ccc', 'new'])
    expect(calls.slice(2)).toEqual([['new']])
    expect(embedder.dims).toBe(2)
  })
  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '2', null, {}])(
    'makes of the limit %s what it can: every text gets its vector',
    async (limit) => {
      const calls: string[][] = []
      const embedder = createEmbedder(model(calls, limit as number), { batch: 3 })
      const texts = ['a', 'bb', 'ccc', 'dddd', 'eeeee']
      const vectors = await embedder.embed(texts)
      expect(calls.flat()).toEqual(texts)
      expect(vectors.map((vector) => Math.round((vector[0] ?? 0) / (vector[1] ?? 1)))).toEqual([1, 2, 3, 4, 5])
    },
  )
  test('wraps a limit that cannot be had, and gives up one that never comes', async () => {
    const cause = new Error('no limit')
    const failing = createEmbedder(model([], Promise.reject(cause)))
    await expect(failing.embed(['a'])).rejects.toMatchObject({ code: 'MEMORY_FAILED', details: { reason: 'vector' }, cause })
    const control = new AbortController()
    const hanging = createEmbedder(model([], new Promise(() => {}))).embed(['a'], { signal: control.signal })
    control.abort(cause)
    await expect(hanging).rejects.toBe(cause)
  })
  test('keeps no more than it was told', async () => {
    const calls: string[][] = []
    const embedder = createEmbedder(model(calls), { cache: 2 })
    await embedder.embed(['a', 'b', 'c'])
    await embedder.embed(['c', 'b'])
    expect(calls).toHaveLength(1)
    await embedder.embed(['a'])
    expect(calls).toHaveLength(2)
  })
  test('refuses numbers that were not told', async () => {
    await expect(createEmbedder(model([]), { dims: 3 }).embed(['a'])).rejects.toMatchObject({
      code: 'MODEL_ANSWER_INVALID',
      details: { index: 0, expected: 3, actual: 2 },
    })
    expect(() => createEmbedder(model([]), { dims: 0 })).toThrow(expect.objectContaining({ code: 'LIMIT_INVALID' }))
  })
  test('wraps what the model throws, once, and an abort not at all', async () => {
    const cause = new Error('down')
    const broken = createEmbedder({ ...model([]), doEmbed: () => Promise.reject(cause) })
    await expect(broken.embed(['a'])).rejects.toMatchObject({
      code: 'MEMORY_FAILED',
      retryable: true,
      details: { reason: 'vector' },
      cause,
    })
    const throwing = createEmbedder({
      ...model([]),
      doEmbed: () => {
        throw cause
      },
    })
    await expect(throwing.embed(['a'])).rejects.toMatchObject({ code: 'MEMORY_FAILED', cause })
    const reason = new Error('enough')
    await expect(broken.embed(['a'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

test('an abort right behind the call asks no model, and leaves no rejection that nobody handles', async () => {
  const others = process.listeners('unhandledRejection')
  const unhandled: unknown[] = []
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', (reason) => unhandled.push(reason))
  try {
    let calls = 0
    const embedder = createEmbedder({
      provider: 'test',
      modelId: 'm',
      async doEmbed({ abortSignal }) {
        calls += 1
        abortSignal?.throwIfAborted()
        return { embeddings: [[1]] }
      },
    })
    const reason = new Error('stop')
    const control = new AbortController()
    const asked = embedder.embed(['a'], { signal: control.signal })
    control.abort(reason)
    await expect(asked).rejects.toBe(reason)
    expect(calls).toBe(0)
    await expect(untilAborted(Promise.reject(new Error('late')), control.signal)).rejects.toBe(reason)
    await new Promise((resolve) => void setImmediate(resolve))
    expect(unhandled).toEqual([])
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
  }
})
