import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../testing/seeded.ts'
import { createScan } from './choose-scan.ts'
import { dot, LANES, loopScan, type Scan } from './scan.ts'
import { simdScan, type WasmEngine } from './simd-scan.ts'
import { vectorIndex } from './vector-index.ts'

const { WebAssembly: engine } = globalThis as unknown as { readonly WebAssembly: WasmEngine }

/** The engine, and the memories that it gave. */
function watched(): { readonly engine: WasmEngine; readonly memories: { readonly buffer: ArrayBuffer }[] } {
  const memories: { readonly buffer: ArrayBuffer }[] = []
  function Memory(size: { readonly initial: number }): object {
    const memory = new engine.Memory(size)
    memories.push(memory)
    return memory
  }
  const { validate, Module, Instance, CompileError } = engine
  return { engine: { validate, Module, Instance, CompileError, Memory: Memory as unknown as WasmEngine['Memory'] }, memories }
}

function simd(): Scan {
  const scan = simdScan(engine)
  if (scan === undefined) throw new Error('this Node has no WebAssembly with vectors of 128 bits')
  return scan
}

/** What numbers there are: such as vectors of length 1 have, or from one end of single precision to the other. */
const kinds: Readonly<Record<string, (random: () => number) => number>> = {
  usual: (random) => (random() - 0.5) / 8,
  zero: () => 0,
  sparse: (random) => (random() < 0.9 ? -0 : random() - 0.5),
  extreme: (random) => (random() - 0.5) * 2 ** Math.floor(random() * 276 - 149),
  tiny: (random) => (random() - 0.5) * 2 ** -140,
  cancelling: (random) => (random() < 0.5 ? 1 : -1) * 2 ** Math.floor(random() * 100),
}

/** The product number by number, and how far sums in any order may be from it. */
function oracle(left: Float32Array, right: Float32Array): { readonly product: number; readonly error: number } {
  let [product, sizes] = [0, 0]
  for (const [at, value] of left.entries()) {
    product += value * (right[at] as number)
    sizes += Math.abs(value * (right[at] as number))
  }
  return { product, error: left.length * 2 ** -52 * sizes }
}

describe.each(Object.keys(kinds))('of %s numbers', (kind) => {
  test.each([1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 100, 384, 1023])(
    'products of %i are those of a naive loop, and to the last bit the same with WebAssembly and without',
    (dims) => {
      const random = seededRandom(dims)
      const draw = kinds[kind] as (random: () => number) => number
      const width = LANES * Math.ceil(dims / LANES)
      const vectors = Array.from({ length: 18 }, () => Float32Array.from({ length: dims }, () => draw(random)))
      const query = Float32Array.from({ length: dims }, () => draw(random))
      const asked = new Float64Array(width)
      asked.set(query)
      // Not at the beginning, and with foreign numbers on both sides.
      const slab = new Float32Array(width * 22).fill(Number.NaN)
      vectors.forEach((vector, row) => slab.fill(0, (row + 2) * width, (row + 3) * width).set(vector, (row + 2) * width))
      const scan = simd()
      for (const count of [2, 18, 4]) {
        const [plain, quick] = [new Float64Array(18).fill(-1), new Float64Array(18).fill(-1)]
        loopScan.products(asked, slab, 2 * width, count, plain)
        scan.products(asked, slab, 2 * width, count, quick)
        expect(quick).toEqual(plain)
        expect(quick.slice(count)).toEqual(new Float64Array(18 - count).fill(-1))
        vectors.slice(0, count).forEach((vector, row) => {
          const { product, error } = oracle(vector, query)
          expect(Math.abs((quick[row] as number) - product)).toBeLessThanOrEqual(error)
          expect(dot(slab, (row + 2) * width, asked)).toBe(quick[row])
          // Without the zeros behind it, as other memories have their vectors.
          expect(dot(vector, 0, Float64Array.from(query)) === quick[row]).toBe(true)
        })
      }
    },
  )
})

test('memory grows with what is asked of it, and what it had is no longer looked at', () => {
  const { engine: watchedEngine, memories } = watched()
  const scan = simdScan(watchedEngine) as Scan
  const sizes: number[] = []
  for (const [width, count] of [
    [8, 2],
    [40_000, 2],
    [8, 256],
    [200_000, 4],
    [384, 84],
  ] as const) {
    const random = seededRandom(width)
    const slab = Float32Array.from({ length: width * count }, () => random() - 0.5)
    const query = Float64Array.from(slab.subarray(width, 2 * width))
    const [plain, quick] = [new Float64Array(count), new Float64Array(count)]
    loopScan.products(query, slab, 0, count, plain)
    scan.products(query, slab, 0, count, quick)
    expect(quick).toEqual(plain)
    sizes.push((memories[0]?.buffer.byteLength ?? 0) / 65_536)
  }
  // Bytes: 8 for each number of the query, 4 for each of the vectors, 8 for each score.
  expect(sizes).toEqual([4, 10, 10, 74, 74])
  expect(memories).toHaveLength(1)
})

test('a search leaves no number of a vector or query behind', () => {
  const { engine: watchedEngine, memories } = watched()
  const index = vectorIndex(64, createScan(watchedEngine))
  const vector = new Float32Array(64).fill(1 / 8)
  for (let slot = 0; slot < 2_000; slot += 1) index.set(slot, vector)
  expect(
    index.search(
      vector,
      () => true,
      3,
      (left, right) => left - right,
    ),
  ).toEqual([0, 1, 2].map((slot) => ({ slot, score: 1 })))
  expect(memories).toHaveLength(1)
  expect(new Uint8Array(memories[0]?.buffer as ArrayBuffer).every((byte) => byte === 0)).toBe(true)
})

describe('the choice', () => {
  const query = Float64Array.of(1, 2, 3, 4)
  const slab = Float32Array.of(1, 1, 1, 1, 2, 0, 0, 2)
  const scored = (scan: Scan): Float64Array => {
    const scores = new Float64Array(2)
    scan.products(query, slab, 0, 2, scores)
    scan.clear()
    return scores
  }
  const right = Float64Array.of(10, 10)

  test('is made once, at the first use, for all that share it', () => {
    const { engine: watchedEngine, memories } = watched()
    const scan = createScan(watchedEngine)
    scan.clear()
    const small = vectorIndex(4, scan)
    small.set(0, Float32Array.of(1, 0, 0, 0))
    small.search(
      Float32Array.of(1, 0, 0, 0),
      () => true,
      1,
      () => 0,
    )
    expect(memories).toHaveLength(0)
    for (let turn = 0; turn < 3; turn += 1) expect(scored(scan)).toEqual(right)
    expect(memories).toHaveLength(1)
  })
  test('falls on the loop where there is no WebAssembly', () => {
    expect(scored(createScan('none'))).toEqual(right)
  })
  test('falls on the loop where there are no vectors of 128 bits', () => {
    const { engine: watchedEngine, memories } = watched()
    expect(scored(createScan({ ...watchedEngine, validate: () => false }))).toEqual(right)
    expect(memories).toHaveLength(0)
  })
  test('falls on the loop where a policy forbids to make code', () => {
    const options = { contextCodeGeneration: { wasm: false } }
    const forbidden = runInNewContext('WebAssembly', {}, options) as WasmEngine
    expect(() => new forbidden.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))).toThrow(/disallowed/)
    expect(scored(createScan(forbidden))).toEqual(right)
  })
  test('falls on the loop where no memory is to be had', () => {
    const Memory = function full(): never {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory')
    } as unknown as WasmEngine['Memory']
    expect(scored(createScan({ ...watched().engine, Memory }))).toEqual(right)
  })
  test('hides no fault of ours', () => {
    const Instance = function broken(): never {
      throw new TypeError('a fault')
    } as unknown as WasmEngine['Instance']
    expect(() => scored(createScan({ ...watched().engine, Instance }))).toThrow(new TypeError('a fault'))
  })
})

describe.each([
  ['WebAssembly', () => createScan(engine)],
  ['a loop', () => createScan('none')],
] as const)('an index with %s', (_, make) => {
  test.each([1, 3, 200, 100_000])(
    'finds what a naive search finds while vectors come and go, one in %i of them accepted',
    (share) => {
      const random = seededRandom(share)
      const dims = 61
      // Few different ones, so that most have equals, which the order tells apart.
      const different = Array.from({ length: 300 }, () => Float32Array.from({ length: dims }, () => Math.floor(random() * 9) - 4))
      const index = vectorIndex(dims, make())
      const held = new Map<number, Float32Array>()
      const order = (left: number, right: number): number => right - left
      for (let round = 0; round < 4; round += 1) {
        for (let turn = 0; turn < 900; turn += 1) {
          const slot = Math.floor(random() * 900 * (round + 1))
          if (random() < 0.2) {
            index.remove(slot)
            held.delete(slot)
            continue
          }
          const vector = different[Math.floor(random() * different.length)] as Float32Array
          index.set(slot, vector)
          held.set(slot, vector)
        }
        const query = different[round] as Float32Array
        const accepts = (slot: number): boolean => slot % share === 0
        const expected = [...held]
          .filter(([slot]) => accepts(slot))
          .map(([slot, vector]) => ({ slot, score: oracle(vector, query).product }))
          .toSorted((left, right) => right.score - left.score || order(left.slot, right.slot))
        // Of small whole numbers every sum is exact, in any order.
        for (const limit of [1, 64, 5_000]) expect(index.search(query, accepts, limit, order)).toEqual(expected.slice(0, limit))
      }
    },
  )
  test.each([4, 61])('of %i numbers finds vectors far apart, with slots between them that never had one', (dims) => {
    const index = vectorIndex(dims, make())
    const slots = [3, 2_000, 2_001, 90_000]
    const vectorOf = (slot: number): Float32Array => new Float32Array(dims).fill((slot % 7) + 1)
    for (const slot of slots.toReversed()) index.set(slot, vectorOf(slot))
    const order = (left: number, right: number): number => left - right
    const expected = slots
      .map((slot) => ({ slot, score: dims * ((slot % 7) + 1) }))
      .toSorted((left, right) => right.score - left.score)
    expect(index.search(new Float32Array(dims).fill(1), () => true, 10, order)).toEqual(expected)
    for (const slot of slots) expect(index.get(slot)).toEqual(vectorOf(slot))
    for (const slot of [0, 1_999, 50_000, 90_001]) expect(index.get(slot)).toBeUndefined()
  })
})
