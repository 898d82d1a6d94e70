import type { RecallCall } from './calls.ts'
import type { Embedder } from './embedder.ts'
import { memoryFailed } from './faults.ts'

/** Vectors for some texts, in order; none where there is no embedder, nothing to embed, or the embedder is down. */
export interface Embedded {
  readonly vectors: readonly Float32Array[]
  /** The embedder is down: the vectors are to be made later. */
  readonly failed: boolean
}

/**
 * Asks for vectors, and goes on without them where the embedder is down: what is stored is found by its words meanwhile.
 *
 * @param onFailure is told when the embedder is down.
 * @throws OpspawnError `MODEL_ANSWER_INVALID` for vectors that cannot be used. On abort it rejects with the signal's reason.
 */
export async function tryEmbed(
  embedder: Embedder | undefined,
  texts: readonly string[],
  signal: AbortSignal | undefined,
  onFailure: () => void,
): Promise<Embedded> {
  if (embedder === undefined || texts.length === 0) return { vectors: [], failed: false }
  try {
    return { vectors: await embedder.embed(texts, { signal }), failed: false }
  } catch (error) {
    if (!isOutage(error)) throw error
    onFailure()
    return { vectors: [], failed: true }
  }
}

function isOutage(error: unknown): boolean {
  return (error as { readonly details?: { readonly reason?: unknown } | null } | null)?.details?.reason === 'vector'
}

/** The vector of a recall's query, and the legs that cannot be asked. */
export interface EmbeddedQuery {
  readonly vector: Float32Array | undefined
  readonly degraded: readonly string[]
}

/**
 * The same for the query of a recall.
 *
 * @throws OpspawnError as {@link tryEmbed}, and `MEMORY_FAILED` (reason `vector`) where the embedder is down and the recall is strict.
 */
export async function embedQuery(
  embedder: Embedder | undefined,
  { query, strict }: Pick<RecallCall, 'query' | 'strict'>,
  signal: AbortSignal | undefined,
  onFailure: () => void,
): Promise<EmbeddedQuery> {
  const { vectors, failed } = await tryEmbed(embedder, query === '' ? [] : [query], signal, onFailure)
  if (failed && strict) throw memoryFailed('vector', 'the vector leg failed, and the recall is strict; try again')
  return { vector: vectors[0], degraded: failed ? ['vector'] : [] }
}
