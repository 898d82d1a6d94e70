import { loopScan, type Scan } from './scan.ts'
import { simdScan, type WasmEngine } from './simd-scan.ts'

/** Node's types have the namespace, not what is in it. */
const host = globalThis as unknown as { readonly WebAssembly?: WasmEngine }

/**
 * Scans with WebAssembly where there is one with vectors of 128 bits that may make code, otherwise with {@link loopScan}: chosen at
 * the first use, not before, and to be shared by all that searches in one memory.
 *
 * @param engine the WebAssembly of this process; `'none'` to do without.
 */
export function createScan(engine: WasmEngine | 'none' = host.WebAssembly ?? 'none'): Scan {
  let chosen: Scan | undefined
  return {
    products(query, slab, offset, count, scores) {
      chosen ??= (engine === 'none' ? undefined : simdScan(engine)) ?? loopScan
      chosen.products(query, slab, offset, count, scores)
    },
    clear: () => chosen?.clear(),
  }
}
