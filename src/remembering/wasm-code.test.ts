import { expect, test } from 'vitest'
import { moduleOf, wasm } from './wasm-code.ts'

const { get, set, repeatWhile, i32, f64, v128, f64x2 } = wasm

/** Node's types have the namespace, not what is in it. */
const { WebAssembly: engine } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
    readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
    readonly Instance: new (module: object, imports: object) => { readonly exports: unknown }
  }
}

test('numbers are written as the specification has them', () => {
  expect([0, 127, 128, 624_485].map((local) => get(local).slice(1))).toEqual([[0], [0x7f], [0x80, 1], [0xe5, 0x8e, 0x26]])
  expect([0, 63, 64, -1, -64, -65, -123_456].map((value) => i32.const(value).slice(1))).toEqual([
    [0],
    [0x3f],
    [0xc0, 0],
    [0x7f],
    [0x40],
    [0xbf, 0x7f],
    [0xc0, 0xbb, 0x78],
  ])
})

test('a module does what its instructions say', () => {
  // Adds the pairs of numbers from the first address on, as many as the third parameter tells, and stores what they come to.
  const [from, to, left, sum] = [0, 1, 2, 3]
  const body = [
    set(sum, v128.zero),
    repeatWhile(
      [
        set(sum, f64x2.add(get(sum), f64x2.mul(v128.load(get(from), 0), f64x2.promoteLowF32x4(v128.load64Zero(get(from), 200))))),
        set(from, i32.add(get(from), i32.const(16))),
        set(left, i32.add(get(left), i32.const(-1))),
      ],
      i32.ltU(i32.const(0), get(left)),
    ),
    f64.store(get(to), 8, f64.add(f64x2.extractLane(0, get(sum)), f64x2.extractLane(1, get(sum)))),
  ]
  const bytes = moduleOf({ name: 'total', parameters: 3, integers: 0, vectors: 1, body })
  const memory = new engine.Memory({ initial: 1 })
  const { exports } = new engine.Instance(new engine.Module(bytes), { host: { memory } })
  const doubles = new Float64Array(memory.buffer)
  doubles.set([1, 10, 100, 1_000])
  // At 200 and 216 bytes.
  new Float32Array(memory.buffer).set([2, 3, 0, 0, 4, 5], 50)
  ;(exports as { total(from: number, to: number, left: number): void }).total(0, 800, 2)
  expect(doubles[101]).toBe(1 * 2 + 10 * 3 + 100 * 4 + 1_000 * 5)
  expect(doubles[100]).toBe(0)
})
