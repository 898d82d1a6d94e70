import { sandboxCases } from './sandbox-cases.ts'
import { registerCases, type TestFunction } from './suite.ts'
import type { TestedSandbox } from './tested-sandbox.ts'

/** What the sandbox suite needs. */
export interface SandboxConformanceOptions {
  /** The runner's `test`. */
  readonly test: TestFunction
  /** Makes a sandbox for each case, with limits of its own choice. The suite disposes it. */
  readonly createSandbox: () => TestedSandbox | Promise<TestedSandbox>
  /** Cases to leave out, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

/** The names of the cases, for `skip`. */
export const SANDBOX_CASES: readonly string[] = sandboxCases.map((one) => one.name)

/**
 * Registers the conformance cases of `sandbox/1` with a test runner: what code may do, what it finds, how it is bounded, and
 * that it can be ended. They show that the usual ways out are closed, not that there is none.
 *
 * @throws OpspawnError `OPTIONS_INVALID` when `skip` names an unknown case.
 */
export function sandboxConformance({ test, createSandbox, skip = {} }: SandboxConformanceOptions): void {
  registerCases(test, sandboxCases, skip, async (run) => {
    const sandbox = await createSandbox()
    try {
      await run(sandbox)
    } finally {
      await sandbox[Symbol.asyncDispose]()
    }
  })
}
