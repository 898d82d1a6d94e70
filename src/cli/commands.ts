import type { CliCommand } from './command.ts'
import { agents } from './commands/agents.ts'
import { approve } from './commands/approve.ts'
import { backup } from './commands/backup.ts'
import { cancel } from './commands/cancel.ts'
import { deny } from './commands/deny.ts'
import { doctor } from './commands/doctor.ts'
import { eventsExport } from './commands/events-export.ts'
import { graph } from './commands/graph.ts'
import { init } from './commands/init.ts'
import { inspect } from './commands/inspect.ts'
import { list } from './commands/list.ts'
import { logs } from './commands/logs.ts'
import { run } from './commands/run.ts'
import { signal } from './commands/signal.ts'
import { tools } from './commands/tools.ts'
import { vacuum } from './commands/vacuum.ts'
import { validate } from './commands/validate.ts'
import { worker } from './commands/worker.ts'

/** All commands, in the order of the help. */
export const COMMANDS: readonly CliCommand[] = [
  init,
  run,
  worker,
  list,
  inspect,
  logs,
  approve,
  deny,
  signal,
  cancel,
  validate,
  graph,
  agents,
  tools,
  eventsExport,
  backup,
  vacuum,
  doctor,
]
