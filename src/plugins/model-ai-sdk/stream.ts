import type { ModelPart, ModelStream } from '../../core/index.ts'

/** The part of a stream reader that is used. */
interface Reader {
  read(): Promise<{ done?: boolean | undefined; value?: ModelPart | undefined }>
  cancel(reason?: unknown): Promise<unknown>
}

/**
 * Maps the parts of a stream, one by one and only as they are asked for. Cancelling reaches the source at once, also
 * while a read is pending, so that the connection closes; an error of the source comes after the parts before it.
 *
 * @param map gives at least one part, or the reader would wait for ever
 */
export function mapStream(source: ModelStream, map: (part: ModelPart) => readonly ModelPart[]): ReadableStream<ModelPart> {
  const reader = readerOf(source)
  return new ReadableStream<ModelPart>(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done === true) controller.close()
        else for (const part of map(value as ModelPart)) controller.enqueue(part)
      },
      async cancel(reason) {
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

function readerOf(source: ModelStream): Reader {
  if ('getReader' in source) return source.getReader()
  const iterator = source[Symbol.asyncIterator]()
  return { read: () => iterator.next(), cancel: async () => iterator.return?.() }
}
