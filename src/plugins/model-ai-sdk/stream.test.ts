import { describe, expect, it, vi } from 'vitest'
import type { ModelPart } from '../../core/index.ts'
import { mapStream } from './stream.ts'

const twice = (part: ModelPart): ModelPart[] => [part, { type: `${part.type}!` }]

async function typesOf(stream: ReadableStream<ModelPart>): Promise<string[]> {
  const types: string[] = []
  for await (const part of stream) types.push(part.type)
  return types
}

describe('mapStream', () => {
  it('maps each part to one or more, from a web stream or an async iterable', async () => {
    const parts = [{ type: 'a' }, { type: 'b' }]
    async function* iterate(): AsyncGenerator<ModelPart> {
      yield* parts
    }
    expect(await typesOf(mapStream(ReadableStream.from(parts), twice))).toEqual(['a', 'a!', 'b', 'b!'])
    expect(await typesOf(mapStream(iterate(), twice))).toEqual(['a', 'a!', 'b', 'b!'])
  })

  it('reads no part before it is asked for', async () => {
    const pull = vi.fn<(controller: ReadableStreamDefaultController<ModelPart>) => void>((controller) =>
      controller.enqueue({ type: 'a' }),
    )
    const reader = mapStream(new ReadableStream({ pull }, { highWaterMark: 0 }), (part) => [part]).getReader()
    await Promise.resolve()
    expect(pull).toHaveBeenCalledTimes(0)
    await reader.read()
    expect(pull).toHaveBeenCalledTimes(1)
  })

  it('passes on an error after the parts before it', async () => {
    async function* fail(): AsyncGenerator<ModelPart> {
      yield { type: 'a' }
      throw new Error('torn')
    }
    const reader = mapStream(fail(), (part) => [part]).getReader()
    expect(await reader.read()).toMatchObject({ value: { type: 'a' } })
    await expect(reader.read()).rejects.toThrow('torn')
  })

  it('cancels a web stream at once, also while a read is pending', async () => {
    const cancel = vi.fn<(reason: unknown) => void>()
    const reader = mapStream(new ReadableStream<ModelPart>({ cancel }), (part) => [part]).getReader()
    const pending = reader.read()
    await reader.cancel('enough')
    expect(cancel).toHaveBeenCalledWith('enough')
    expect(await pending).toMatchObject({ done: true })
  })

  it('ends an async iterable when it is cancelled, also one that cannot be ended', async () => {
    const ended = vi.fn<() => void>()
    async function* iterate(): AsyncGenerator<ModelPart> {
      try {
        yield { type: 'a' }
      } finally {
        ended()
      }
    }
    const reader = mapStream(iterate(), (part) => [part]).getReader()
    await reader.read()
    await reader.cancel()
    expect(ended).toHaveBeenCalledOnce()

    const bare: AsyncIterable<ModelPart> = {
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: { type: 'a' } }) }),
    }
    await expect(mapStream(bare, (part) => [part]).cancel()).resolves.toBeUndefined()
  })
})
