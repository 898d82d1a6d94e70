import type { Failure, Json, Outcome } from '../core/index.ts'

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
 * A call that code made and waits for.
 *
 * @property id From 1, in the order of calling.
 * @property name Of what is called.
 * @property input Its argument; an empty object where the code gave none.
 */
export type SandboxAsk = Readonly<{ id: number; name: string; input: Json }>

/**
 * Where code that is gone through step by step came to rest.
 *
 * @property calls Made since the last rest.
 * @property end Once it has ended.
 */
export type SandboxPause = {
  readonly calls: readonly SandboxAsk[]
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
