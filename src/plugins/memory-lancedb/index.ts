/**
 * Long-term memory in a folder of LanceDB: words and vectors by index, several processes, erasure that is looked after.
 *
 * @module
 */

export { holdsMemory } from './holds-memory.ts'
export { lancedbMemory } from './lancedb-memory.ts'
export type { LancedbMemoryOptions } from './options.ts'
