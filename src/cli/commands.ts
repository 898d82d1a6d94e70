import type { CliCommand } from './command.ts'
import { approve } from './commands/approve.ts'
import { cancel } from './commands/cancel.ts'
import { deny } from './commands/deny.ts'
import { inspect } from './commands/inspect.ts'
import { list } from './commands/list.ts'
import { run } from './commands/run.ts'
import { signal } from './commands/signal.ts'

/** All commands, in the order of the help. */
export const COMMANDS: readonly CliCommand[] = [run, list, inspect, approve, deny, signal, cancel]
