/** Vectors in one block of memory, so that a recall does not read them from the file again. */
export interface VectorCache {
  /**
   * Shows the vector of each record that has one, of an embedder with so many numbers in each. What is held is never stale: a vector
   * is held under its record's ordinal and version, and a text that changes raises the version.
   *
   * @param visit gets the record and where its vector begins, in a block that is good until it returns.
   */
  each<T extends Versioned>(
    embedder: number,
    dims: number,
    records: readonly T[],
    visit: (record: T, block: Float32Array, offset: number) => void,
  ): void
  /** Lets go of all that is held. */
  clear(): void
}

/** A record as a version of it has its vector. No other record ever gets the ordinal. */
export type Versioned = readonly [ordinal: number, version: number, ...unknown[]]

/** 43,000 vectors of 384 numbers. */
const MAX_BYTES = 64 * 1024 * 1024

/**
 * Makes an empty one.
 *
 * @param read gets the bytes of a vector; undefined where there is none.
 * @param maxBytes vectors beyond that are read each time.
 */
export function createVectorCache(
  read: (embedder: number, ordinal: number) => Uint8Array | undefined,
  maxBytes: number = MAX_BYTES,
): VectorCache {
  const slots = new Map<number, number>()
  let versions: number[] = []
  let block = new Float32Array(0)
  let owner: readonly [embedder: number, dims: number] = [0, 0]

  function clear(): void {
    slots.clear()
    versions = []
    block = new Float32Array(0)
  }
  function held([ordinal, version]: Versioned): number | undefined {
    const slot = slots.get(ordinal)
    return slot !== undefined && versions[slot] === version ? slot : undefined
  }
  function hold([ordinal, version]: Versioned, vector: Float32Array, room: number): void {
    const slot = slots.get(ordinal) ?? slots.size
    if (slot >= room) return
    const { length } = vector
    if ((slot + 1) * length > block.length) {
      const larger = new Float32Array(Math.min(room, Math.max(64, slot * 2)) * length)
      larger.set(block)
      block = larger
    }
    block.set(vector, slot * length)
    slots.set(ordinal, slot)
    versions[slot] = version
  }

  return {
    clear,
    each(embedder, dims, records, visit) {
      if (owner[0] !== embedder || owner[1] !== dims) clear()
      owner = [embedder, dims]
      const room = Math.floor(maxBytes / (dims * Float32Array.BYTES_PER_ELEMENT))
      const known = records.reduce((sum, record) => sum + (held(record) === undefined ? 0 : 1), 0)
      // Vectors of other scopes, or of records that are gone, make room.
      if (records.length - known > room - slots.size && slots.size > known) clear()
      for (const record of records) {
        const slot = held(record)
        if (slot !== undefined) {
          visit(record, block, slot * dims)
          continue
        }
        const bytes = read(embedder, record[0])
        // Another process may have removed it just now.
        if (bytes === undefined) continue
        const vector = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
        hold(record, vector, room)
        visit(record, vector, 0)
      }
    },
  }
}
