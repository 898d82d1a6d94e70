import { OpspawnError } from '../core/index.ts'
import type { RecallCall } from './calls.ts'
import type { Embedder } from './embedder.ts'

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
 * The same for the query of a recall: without a vector that can be used it goes by words alone.
 *
 * @throws OpspawnError where the recall is strict: `MEMORY_FAILED` (reason `vector`), `MODEL_ANSWER_INVALID`
 */
export async function embedQuery(
  embedder: Embedder | undefined,
  { query, strict }: Pick<RecallCall, 'query' | 'strict'>,
  signal: AbortSignal | undefined,
  onFailure: () => void,
): Promise<EmbeddedQuery> {
  if (embedder === undefined || query === '') return { vector: undefined, degraded: [] }
  try {
    const [vector] = await embedder.embed([query], { signal })
    return { vector, degraded: [] }
  } catch (error) {
    if (!isOutage(error) && !OpspawnError.is(error, 'MODEL_ANSWER_INVALID')) throw error
    onFailure()
    if (strict) throw error
    return { vector: undefined, degraded: ['vector'] }
  }
}
