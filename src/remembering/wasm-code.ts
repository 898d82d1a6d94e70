/** Bytes of a WebAssembly module, or of a part of one, as the specification's binary format has them. */
export type Code = readonly number[]

const MAGIC: Code = [0x00, 0x61, 0x73, 0x6d]
const VERSION: Code = [0x01, 0x00, 0x00, 0x00]

/** Types: a whole number, which may be a place in memory, and a vector of 128 bits. No others are needed here. */
const I32 = 0x7f
const V128 = 0x7b

/** A number as the format writes it: seven bits to a byte, low ones first, the high bit telling that more follow. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

/** The same with a sign, which is the second highest bit of the last byte. */
function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}

/** A list with its length in front. */
function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()]
}

function sized(code: Code): Code {
  return [...unsigned(code.length), ...code]
}

function text(value: string): Code {
  return vector(Array.from(value, (character) => [character.charCodeAt(0)]))
}

/** An instruction on 128 bits: it stands behind a prefix. */
function simd(code: number, ...operands: readonly Code[]): Code {
  return [...operands.flat(), 0xfd, ...unsigned(code)]
}

/** Where in memory: bytes behind the address, and which power of two both together are a multiple of, as a hint. */
function at(align: number, offset: number): Code {
  return [align, ...unsigned(offset)]
}

/**
 * Instructions by their names in the specification, as functions of the instructions whose values they take: what is nested here
 * comes out in the order of a stack machine.
 */
export const wasm = {
  get: (local: number): Code => [0x20, ...unsigned(local)],
  set: (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)],
  /** The body again and again, as long as the condition holds behind it. */
  repeatWhile: (body: readonly Code[], condition: Code): Code => [0x03, 0x40, ...body.flat(), ...condition, 0x0d, 0x00, 0x0b],
  i32: {
    const: (value: number): Code => [0x41, ...signed(value)],
    add: (left: Code, right: Code): Code => [...left, ...right, 0x6a],
    ltU: (left: Code, right: Code): Code => [...left, ...right, 0x49],
  },
  f64: {
    add: (left: Code, right: Code): Code => [...left, ...right, 0xa0],
    store: (address: Code, offset: number, value: Code): Code => [...address, ...value, 0x39, ...at(3, offset)],
  },
  v128: {
    load: (address: Code, offset: number): Code => [...simd(0x00, address), ...at(3, offset)],
    /** Eight bytes, and eight of zero. */
    load64Zero: (address: Code, offset: number): Code => [...simd(0x5d, address), ...at(2, offset)],
    zero: [...simd(0x0c), ...Array<number>(16).fill(0)] as Code,
  },
  f64x2: {
    /** The first two of four small numbers as two large ones. */
    promoteLowF32x4: (value: Code): Code => simd(0x5f, value),
    extractLane: (lane: number, value: Code): Code => [...simd(0x21, value), lane],
    add: (left: Code, right: Code): Code => simd(0xf0, left, right),
    mul: (left: Code, right: Code): Code => simd(0xf2, left, right),
  },
} as const

/** A function without a result. */
export interface WasmFunction {
  readonly name: string
  /** How many whole numbers it takes; they are its first locals. */
  readonly parameters: number
  /** How many further locals are whole numbers. */
  readonly integers: number
  /** How many locals behind those are vectors of 128 bits. */
  readonly vectors: number
  readonly body: readonly Code[]
}

/** A module that exports one function, and works on the memory that it is given as `memory` of `host`. */
export function moduleOf({ name, parameters, integers, vectors, body }: WasmFunction): Uint8Array<ArrayBuffer> {
  const section = (id: number, items: readonly Code[]): Code => [id, ...sized(vector(items))]
  const locals = vector([
    [...unsigned(integers), I32],
    [...unsigned(vectors), V128],
  ])
  return Uint8Array.from([
    ...MAGIC,
    ...VERSION,
    // Types: function 0x60, what it takes, and that it gives nothing.
    ...section(1, [[0x60, ...vector(Array<Code>(parameters).fill([I32])), 0x00]]),
    // Imports: a memory (0x02) of one page or more.
    ...section(2, [[...text('host'), ...text('memory'), 0x02, 0x00, 0x01]]),
    ...section(3, [[0x00]]),
    // Exports: function (0x00) number 0.
    ...section(7, [[...text(name), 0x00, 0x00]]),
    ...section(10, [sized([...locals, ...body.flat(), 0x0b])]),
  ])
}
