import type { Failure, Json, Outcome } from '../core/index.ts'
import { sandboxCases } from './sandbox-cases.ts'
import { registerCases, type TestFunction } from './suite.ts'

/** The limits of code that the suite sets. */
export type SandboxLimitName = 'fuel' | 'cpuMs' | 'wallMs' | 'memoryMb' | 'calls' | 'resultChars' | 'consoleChars'

/**
 * Code for a sandbox.
 *
 * @property code Body of an asynchronous function.
 * @property limits Those that differ from the sandbox's own.
 * @property tenant Whose code it is.
 * @property seed What chance follows from.
 * @property now What its clock says, in epoch milliseconds.
 */
export type SandboxCode = Readonly<{ code: string; limits?: Partial<Record<SandboxLimitName, number>> }> &
  Readonly<{ tenant?: string; seed?: string; now?: number }>

/** What code may call, by name. */
export type SandboxApi = Readonly<
  Record<string, (input: Json, options: { readonly signal: AbortSignal }) => Json | Promise<Json>>
>

/**
 * How code ended.
 *
 * @property console Lines that it wrote.
 * @property status Whether it returned.
 * @property value What it returned.
 * @property error Why it did not.
 */
export type SandboxEnd = { readonly console: readonly string[] } & (
  | { readonly status: 'completed'; readonly value: Json }
  | { readonly status: 'failed'; readonly error: Failure }
)

/**
 * Where code that is gone through step by step came to rest.
 *
 * @property calls Made since the last rest.
 * @property end Once it has ended.
 */
export type SandboxPause = {
  readonly calls: readonly Readonly<{ id: number; name: string; input: Json }>[]
  readonly end?: SandboxEnd
}

/** Code that is gone through step by step. */
export interface SandboxSteps {
  /** It has neither ended nor been ended. */
  readonly isOpen: boolean
  /** Hands in answers, and lets the code come to rest. */
  step(
    answers: readonly Readonly<{ id: number; outcome: Outcome }>[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SandboxPause>
  /** Ends it. */
  [Symbol.dispose](): void
}

/** What the suite asks of a sandbox: the port `sandbox/1`, as it is described with `sandbox-quickjs`. */
export interface TestedSandbox {
  /** The version of the contract. */
  readonly spec: 'sandbox/1'
  /** Name and version of what runs the code. */
  readonly engine: string
  /** Runs code to its end. */
  run(
    task: SandboxCode & { readonly api?: SandboxApi },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SandboxEnd>
  /** Begins code that is gone through step by step. */
  open(
    task: SandboxCode & { readonly names: readonly string[] },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<SandboxSteps>
  /** Ends all code. */
  [Symbol.asyncDispose](): Promise<void>
}

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
