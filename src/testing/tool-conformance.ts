import type { Tool, ToolContext } from '../core/index.ts'
import { registerCases, type TestFunction } from './suite.ts'
import { toolCases } from './tool-cases.ts'
import { checkDocument, type DocumentCheck } from './tool-schema.ts'

/** What the tool suite needs. */
export interface ToolConformanceOptions {
  /** The runner's `test`. */
  readonly test: TestFunction
  /** Makes the tool, twice for each case: tools of one factory share what they work on, as two workers do. */
  readonly createTool: () => Tool | Promise<Tool>
  /** An input with which the tool succeeds. */
  readonly validInput: unknown
  /** An input that the schema must refuse. */
  readonly invalidInput: unknown
  /** A valid input that takes long, for the cases on abort. @default validInput */
  readonly slowInput?: unknown
  /** Members of the context that the tool needs, such as `tx`. */
  readonly context?: Partial<ToolContext>
  /** Counts the effects so far, such as rows or mails. Without it effects are compared by outcome only. */
  readonly observe?: () => number | Promise<number>
  /** Checks plain JSON Schema documents. @default a small check of types, required and unknown members */
  readonly check?: DocumentCheck
  /** Longest wait in milliseconds for a call. @default 2000 */
  readonly promptMs?: number
  /** Cases to leave out, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

/** The names of the cases, for `skip`. */
export const TOOL_CASES: readonly string[] = toolCases.map((one) => one.name)

/**
 * Registers the conformance cases of `tool/1` with a test runner: a definition that models can use, schemas that say the
 * truth, output that can be recorded, aborts that are heeded, and effects that keep the promise of their class. The input
 * of each call is frozen. Cases on a class that the tool is not of pass without a check.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when `skip` names an unknown case.
 */
export function toolConformance(options: ToolConformanceOptions): void {
  const {
    test,
    createTool,
    validInput,
    slowInput = validInput,
    context = {},
    check = checkDocument,
    promptMs = 2000,
    skip = {},
  } = options
  registerCases(test, toolCases, skip, async (run) => {
    const tool = await createTool()
    const twin = await createTool()
    await run({
      tool,
      twin,
      validInput,
      invalidInput: options.invalidInput,
      slowInput,
      context,
      check,
      observe: options.observe,
      promptMs,
    })
  })
}
