/**
 * The memory of one process: exact, without dependencies, kept in a file where one is named.
 *
 * @module
 */

export { inProcessMemory } from './in-process-memory.ts'
export type { InProcessMemoryOptions } from './options.ts'
