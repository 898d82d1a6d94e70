/**
 * A memory as tools, for agents that look after their own.
 *
 * @module
 */

export { memoryTools } from './memory-tools.ts'
export type { MemoryToolsOptions, WorkingMemoryOptions } from './options.ts'
