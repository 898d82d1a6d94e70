import { OpspawnError, type EmbeddingModel, type OperationOptions } from '../core/index.ts'
import { sha256 } from './content-hash.ts'
import { found, isObject, memoryFailed } from './faults.ts'
import { untilAborted } from './until-aborted.ts'

/** An embedding model with everything around it that memories need: batches, checks, a cache. */
export interface Embedder {
  /** Names the space of its vectors: provider, model, and numbers if they were told. Vectors of two ids must never meet. */
  readonly id: string
  /** Numbers of each vector; undefined until they were told or the first came. */
  readonly dims: number | undefined
  /**
   * One unit vector for each text, in order; equal texts are asked for once.
   *
   * @throws OpspawnError `MODEL_ANSWER_INVALID` for vectors that cannot be used, `MEMORY_FAILED` (reason `vector`) when the
   * model failed. On abort it rejects with the signal's reason.
   */
  embed(texts: readonly string[], options?: OperationOptions): Promise<readonly Float32Array[]>
}

/** What an embedder may be told. */
export interface EmbedderOptions {
  /** Numbers of each vector. @default those of the first vector */
  readonly dims?: number | undefined
  /** Most texts in one call; the model's own limit holds too. @default 128 */
  readonly batch?: number | undefined
  /** Vectors kept by hash of their text, the latest used. @default 512 */
  readonly cache?: number | undefined
}

/**
 * Makes an embedder of a model.
 *
 * @throws OpspawnError `OPTIONS_INVALID` for what is no embedding model, `LIMIT_INVALID` for a wrong number.
 */
export function createEmbedder(model: EmbeddingModel, options: EmbedderOptions = {}): Embedder {
  requireModel(model)
  const { batch = 128, cache = 512 } = options
  for (const [name, value] of Object.entries({ dims: options.dims ?? 1, batch, cache: cache + 1 }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new OpspawnError('LIMIT_INVALID', `${name} of an embedder must be a whole number above 0, not ${found(value)}`)
  const id = `${model.provider}/${model.modelId}${options.dims === undefined ? '' : `/${options.dims}`}`
  let { dims } = options
  const known = new Map<string, Float32Array>()

  function keep(key: string, vector: Float32Array): void {
    known.delete(key)
    known.set(key, vector)
    if (known.size > cache) known.delete(known.keys().next().value as string)
  }
  async function ask(texts: readonly string[], signal: AbortSignal | undefined): Promise<readonly Float32Array[]> {
    const answer = await callModel(model, id, texts, signal)
    const vectors = checkVectors(answer, texts.length, dims, id)
    dims = vectors[0]?.length ?? dims
    return vectors
  }

  return {
    id,
    get dims() {
      return dims
    },
    async embed(texts, { signal } = {}) {
      signal?.throwIfAborted()
      const keys = texts.map((text) => sha256(text))
      const found = new Map<string, Float32Array>()
      const missing = new Map<string, string>()
      keys.forEach((key, at) => {
        const vector = known.get(key)
        if (vector === undefined) missing.set(key, texts[at] as string)
        else found.set(key, vector)
      })
      const most = await mostAtOnce(model, id, batch, signal)
      const rest = [...missing]
      for (let from = 0; from < rest.length; from += most) {
        const part = rest.slice(from, from + most)
        const vectors = await ask(
          part.map(([, text]) => text),
          signal,
        )
        part.forEach(([key], at) => found.set(key, vectors[at] as Float32Array))
      }
      for (const [key, vector] of found) keep(key, vector)
      return keys.map((key) => found.get(key) as Float32Array)
    },
  }
}

function requireModel(model: unknown): void {
  const members = isObject(model) ? [typeof model['doEmbed'], typeof model['modelId'], typeof model['provider']] : []
  if (members.join(' ') !== 'function string string')
    throw new OpspawnError('OPTIONS_INVALID', 'embedder must be an embedding model: an object with provider, modelId and doEmbed')
}

/** Texts in one call: the model's limit, if it tells one. What is no number is none. */
async function mostAtOnce(model: EmbeddingModel, id: string, batch: number, signal: AbortSignal | undefined): Promise<number> {
  const told: unknown = await asked(id, signal, async () => model.maxEmbeddingsPerCall)
  return typeof told === 'number' && !Number.isNaN(told) ? Math.max(1, Math.min(batch, Math.floor(told))) : batch
}

async function callModel(
  model: EmbeddingModel,
  id: string,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<unknown> {
  // It may throw at once, or give something that is no promise.
  const answer: unknown = await asked(id, signal, async () =>
    model.doEmbed({ values: [...texts], ...(signal !== undefined && { abortSignal: signal }) }),
  )
  return isObject(answer) ? answer['embeddings'] : undefined
}

/** What a model answers. @throws OpspawnError `MEMORY_FAILED` (reason `vector`). On abort it rejects with the signal's reason. */
async function asked<T>(id: string, signal: AbortSignal | undefined, ask: () => Promise<T>): Promise<T> {
  // Since the caller asked the signal may have fired: nothing is spent on what nobody waits for.
  signal?.throwIfAborted()
  try {
    return await untilAborted(ask(), signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw memoryFailed('vector', `embedder ${id} failed: ${error instanceof Error ? error.message : 'it threw no error'}`, error)
  }
}

/**
 * Checks vectors and makes them of length 1.
 *
 * @throws OpspawnError `MODEL_ANSWER_INVALID` with the index of the vector, and the sizes or the place in it.
 */
export function checkVectors(vectors: unknown, count: number, dims: number | undefined, id: string): readonly Float32Array[] {
  if (!Array.isArray(vectors) || vectors.length !== count)
    throw badVector(id, `gave ${Array.isArray(vectors) ? `${vectors.length} vectors` : found(vectors)} for ${count} texts`, {})
  let size = dims
  return Array.from(vectors as readonly unknown[], (vector, index) => {
    const unit = unitVector(vector, index, size, id)
    size = unit.length
    return unit
  })
}

function unitVector(vector: unknown, index: number, dims: number | undefined, id: string): Float32Array {
  const isVector = Array.isArray(vector) || vector instanceof Float32Array || vector instanceof Float64Array
  if (!isVector) throw badVector(id, `gave ${found(vector)} as vector ${index}`, { index })
  const numbers = vector as ArrayLike<unknown>
  if (numbers.length === 0 || (dims !== undefined && numbers.length !== dims))
    throw badVector(id, `gave vector ${index} with ${numbers.length} numbers, expected ${dims ?? 'some'}`, {
      index,
      expected: dims ?? null,
      actual: numbers.length,
    })
  const norm = Math.sqrt(sumOfSquares(numbers, index, id))
  if (norm === 0 || !Number.isFinite(norm))
    throw badVector(id, `gave vector ${index} of length ${norm}, which has no direction`, { index })
  const unit = new Float32Array(numbers.length)
  // `Float32Array.from` with a function takes several times as long.
  for (let at = 0; at < unit.length; at += 1) unit[at] = (numbers[at] as number) / norm
  return unit
}

function sumOfSquares(numbers: ArrayLike<unknown>, index: number, id: string): number {
  let sum = 0
  for (let at = 0; at < numbers.length; at += 1) {
    const value = numbers[at]
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw badVector(id, `gave ${found(value)} as number ${at} of vector ${index}`, { index, at })
    sum += value * value
  }
  return sum
}

function badVector(id: string, problem: string, details: { readonly [name: string]: number | null }): OpspawnError {
  return new OpspawnError('MODEL_ANSWER_INVALID', `embedder ${id} ${problem}`, { details })
}
