import type { Readable, Writable } from 'node:stream'

/** A stream to write to; what a terminal adds may be missing. */
export interface OutputStream extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Signals that a command answers to. */
export type InterruptName = 'SIGINT' | 'SIGTERM'

/** Everything that a command knows of the world: the process's own, or a test's. */
export interface Surroundings {
  /** The arguments alone, without Node and the script. */
  readonly argv: readonly string[]
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Of the package. */
  readonly version: string
  /** Listens for interrupts; returns a function that stops it. While nobody listens they end the process. */
  onInterrupt(listener: (name: InterruptName) => void): () => void
}
