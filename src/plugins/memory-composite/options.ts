import type { Memory } from '../../core/index.ts'
import {
  checkMemoryOptions,
  found,
  isObject,
  optionsInvalid,
  type CommonMemoryOptions,
  type CommonMemoryParts,
} from '../../remembering/index.ts'

/** What a memory of several parts consists of. The parts are its own from then on: it disposes them. */
export interface CompositeMemoryOptions extends Omit<CommonMemoryOptions, 'embedder' | 'dims'> {
  /** Keeps messages: such as a memory over Keyv. */
  readonly window: Memory
  /** Keeps facts and documents, and summaries where there is no `working`. */
  readonly longTerm: Memory
  /** Keeps summaries, the latest of which every recall begins with, whatever it asks for. @default none */
  readonly working?: Memory | undefined
}

/** Names of parts, in the order in which equals are given. */
export type PartName = 'working' | 'window' | 'longTerm'

/** The options with their defaults. */
export interface CompositeParts extends CommonMemoryParts {
  readonly memories: readonly (readonly [name: PartName, memory: Memory])[]
}

/** @throws OpspawnError `OPTIONS_INVALID` */
export function checkOptions(options: CompositeMemoryOptions): CompositeParts {
  const common = checkMemoryOptions('compositeMemory', options, 'memory-composite', ['window', 'longTerm', 'working'])
  if (common.embedder !== undefined) throw optionsInvalid('compositeMemory', 'has no embedder of its own; give it to a part')
  const { working, window, longTerm } = options
  const memories = (Object.entries({ working, window, longTerm }) as [PartName, Memory | undefined][]).flatMap(([name, memory]) =>
    name === 'working' && memory === undefined ? [] : [[name, requireMemory(name, memory)] as const],
  )
  if (new Set(memories.map(([, memory]) => memory)).size < memories.length)
    throw optionsInvalid('compositeMemory', 'the same memory is two parts; give each its own')
  return { ...common, memories }
}

function requireMemory(name: string, memory: unknown): Memory {
  if (isObject(memory) && memory['spec'] === 'memory/1' && typeof memory['bind'] === 'function')
    return memory as unknown as Memory
  throw optionsInvalid('compositeMemory', `${name} must be a memory, not ${found(memory)}`)
}
