import type { Scan } from './scan.ts'
import { moduleOf, wasm, type Code } from './wasm-code.ts'

/** What is used of WebAssembly. */
export interface WasmEngine {
  readonly validate: (bytes: Uint8Array<ArrayBuffer>) => boolean
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, object>>>>,
  ) => { readonly exports: unknown }
  readonly Memory: new (size: { readonly initial: number }) => WasmMemory
  readonly CompileError: new () => Error
}

/** Memory in pages of 64 KiB. What it had as its buffer is of length 0 once it has grown. */
interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

const PAGE_BYTES = 65_536
/** Room for 32,768 numbers of vectors, their scores and the query. */
const INITIAL_PAGES = 4

/** Places in memory, in bytes, but for the last, which counts. */
type Products = (query: number, vectors: number, scores: number, width: number, pairs: number) => void

/**
 * A scan with vectors of 128 bits, or undefined where the engine has none or may not make code or memory. Vectors are copied, some
 * at a time, into one small memory of its own, which the processor's cache holds: vectors that lived in such a memory would be
 * read a quarter faster, but each of these memories takes 8 GiB of the process's addresses, and some 16,000 tenants would use
 * them up.
 */
export function simdScan(engine: WasmEngine): Scan | undefined {
  const machine = start(engine)
  if (machine === undefined) return undefined
  const { memory, products } = machine
  let floats = new Float32Array(memory.buffer)
  let doubles = new Float64Array(memory.buffer)

  return {
    products(query, slab, offset, count, scores) {
      const { length } = query
      const vectorsAt = 8 * length
      const scoresAt = vectorsAt + 4 * length * count
      const missing = scoresAt + 8 * count - memory.buffer.byteLength
      if (missing > 0) {
        memory.grow(Math.ceil(missing / PAGE_BYTES))
        floats = new Float32Array(memory.buffer)
        doubles = new Float64Array(memory.buffer)
      }
      doubles.set(query)
      floats.set(slab.subarray(offset, offset + length * count), vectorsAt / 4)
      products(0, vectorsAt, scoresAt, 4 * length, count / 2)
      scores.set(doubles.subarray(scoresAt / 8, scoresAt / 8 + count))
    },
    clear: () => void doubles.fill(0),
  }
}

function start(engine: WasmEngine): { readonly memory: WasmMemory; readonly products: Products } | undefined {
  const bytes = code()
  if (!engine.validate(bytes)) return undefined
  try {
    const module = new engine.Module(bytes)
    const memory = new engine.Memory({ initial: INITIAL_PAGES })
    const { exports } = new engine.Instance(module, { host: { memory } })
    return { memory, products: (exports as { readonly products: Products }).products }
  } catch (error) {
    // A policy that forbids to make code, and a process that has no addresses left: the loop does the same, slower.
    if (error instanceof engine.CompileError || error instanceof RangeError) return undefined
    throw error
  }
}

/** Two vectors at a time, so that what is loaded of the query is used twice; of each two pairs of sums, as {@link Scan} wants them. */
function code(): Uint8Array<ArrayBuffer> {
  const { get, set, repeatWhile, i32, f64, v128, f64x2 } = wasm
  const [query, one, scores, width, pairs] = [0, 1, 2, 3, 4]
  const [other, end, asked] = [5, 6, 7]
  const [a01, a23, b01, b23, q01, q23] = [8, 9, 10, 11, 12, 13]
  const move = (local: number, by: Code): Code => set(local, i32.add(get(local), by))
  /** Adds the products of two of the query's numbers with those of a vector to two sums. */
  const addTwo = (sums: number, vector: number, offset: number, numbers: number): Code => {
    const own = f64x2.promoteLowF32x4(v128.load64Zero(get(vector), offset))
    return set(sums, f64x2.add(get(sums), f64x2.mul(own, get(numbers))))
  }
  const fourNumbers: readonly Code[] = [
    set(q01, v128.load(get(asked), 0)),
    set(q23, v128.load(get(asked), 16)),
    addTwo(a01, one, 0, q01),
    addTwo(a23, one, 8, q23),
    addTwo(b01, other, 0, q01),
    addTwo(b23, other, 8, q23),
    move(asked, i32.const(32)),
    move(one, i32.const(16)),
    move(other, i32.const(16)),
  ]
  /** Adds the four sums of a vector up. */
  const finish = (offset: number, sums: number, more: number): readonly Code[] => [
    set(sums, f64x2.add(get(sums), get(more))),
    f64.store(get(scores), offset, f64.add(f64x2.extractLane(0, get(sums)), f64x2.extractLane(1, get(sums)))),
  ]
  const twoVectors: readonly Code[] = [
    set(end, i32.add(get(one), get(width))),
    set(other, get(end)),
    set(asked, get(query)),
    ...[a01, a23, b01, b23].map((sums) => set(sums, v128.zero)),
    repeatWhile(fourNumbers, i32.ltU(get(one), get(end))),
    ...finish(0, a01, a23),
    ...finish(8, b01, b23),
    set(one, get(other)),
    move(scores, i32.const(16)),
    move(pairs, i32.const(-1)),
  ]
  const body = [repeatWhile(twoVectors, get(pairs))]
  return moduleOf({ name: 'products', parameters: 5, integers: 3, vectors: 6, body })
}
