/**
 * Several memories as one: a window of messages, long-term memory, working memory.
 *
 * @module
 */

export { compositeMemory } from './composite-memory.ts'
export type { CompositeMemoryOptions } from './options.ts'
