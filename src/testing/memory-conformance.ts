import type { Memory } from '../core/index.ts'
import { manualClock } from './clock.ts'
import { memoryAbortCases } from './memory-aborts.ts'
import { memoryBadInputCases } from './memory-bad-input.ts'
import { memoryErasureCases } from './memory-erasure.ts'
import { memoryFilterCases } from './memory-filters.ts'
import { memoryIsolationCases } from './memory-isolation.ts'
import { memoryRecallCases } from './memory-recall.ts'
import { memoryTimeCases } from './memory-times.ts'
import { memoryTransferCases } from './memory-transfer.ts'
import { memoryVectorCases } from './memory-vectors.ts'
import type { MemoryCase, MemorySetup } from './memory-world.ts'
import { memoryWriteCases } from './memory-writes.ts'
import { registerCases, type TestFunction } from './suite.ts'

/** What the memory suite needs. */
export interface MemoryConformanceOptions {
  /** The runner's `test`. */
  readonly test: TestFunction
  /** Makes a new, empty memory that uses what it is given. Called for every case, by some more than once. The suite disposes what it gets. */
  readonly createMemory: (setup: MemorySetup) => Memory | Promise<Memory>
  /** Cases to leave out, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

const CASES: readonly MemoryCase[] = [
  ...memoryIsolationCases,
  ...memoryFilterCases,
  ...memoryWriteCases,
  ...memoryTimeCases,
  ...memoryRecallCases,
  ...memoryVectorCases,
  ...memoryErasureCases,
  ...memoryTransferCases,
  ...memoryAbortCases,
  ...memoryBadInputCases,
]

/** The names of the cases, for `skip`. */
export const MEMORY_CASES: readonly string[] = CASES.map((one) => one.name)

/**
 * Registers the conformance cases of `memory/1` with a test runner. A memory that passes them may be used in place of any
 * other. What a memory does not declare in its `capabilities` is not asked of it; what needs a second process, a crash or a
 * broken disk is not here: a durable memory proves that in its own tests.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when `skip` names an unknown case.
 */
export function memoryConformance({ test, createMemory, skip = {} }: MemoryConformanceOptions): void {
  registerCases(test, CASES, skip, async (run) => {
    const clock = manualClock()
    const memories: Memory[] = []
    const open = async (setup: Omit<MemorySetup, 'clock'> = {}): Promise<Memory> => {
      const memory = await createMemory({ clock, ...setup })
      memories.push(memory)
      return memory
    }
    try {
      await run({ memory: await open(), clock, open })
    } finally {
      for (const memory of memories) await memory[Symbol.asyncDispose]?.()
    }
  })
}
