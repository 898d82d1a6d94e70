import type { OptionReader } from './option-reader.ts'
import type { Output } from '../terminal/output.ts'
import type { Surroundings } from '../terminal/surroundings.ts'

/** An option of a command. */
export interface CliOption {
  /** As in the help: `-f, --follow`, `--limit <count>`. */
  readonly flags: string
  /** One phrase. */
  readonly meaning: string
  /** It may be given several times. */
  readonly isRepeatable?: boolean
  readonly choices?: readonly string[]
}

/** An argument of a command. */
export interface CliArgument {
  /** As in the help: `<run>`, `[agent]`, `<files...>`. */
  readonly name: string
  readonly meaning: string
}

/** What a command works with, beside its own options. */
export type CliNeed = 'config' | 'store' | 'memory'

/** What a command is called with. */
export interface Call {
  /** In the order given; those of a list stand one after the other. */
  readonly args: readonly string[]
  readonly options: OptionReader
  readonly output: Output
  readonly surroundings: Surroundings
}

/** One command: its help, its page in the reference and its doing come from here. */
export interface CliCommand {
  readonly name: string
  /** One sentence: what it does. */
  readonly summary: string
  readonly arguments?: readonly CliArgument[]
  readonly options?: readonly CliOption[]
  /** Which of the common options it has: `--config`, `--store`, `--memory` with those that name a scope. */
  readonly needs?: readonly CliNeed[]
  /** What stands on standard output with `--json`, written as TypeScript. */
  readonly json: string
  /** Gives the exit code; what it throws becomes an error of the table. */
  run(call: Call): Promise<number>
}
