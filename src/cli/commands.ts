import type { CliCommand } from './calling/command.ts'
import { agents } from './commands/agents.ts'
import { approve } from './commands/approve.ts'
import { audit } from './commands/audit.ts'
import { backup } from './commands/backup.ts'
import { cancel } from './commands/cancel.ts'
import { deny } from './commands/deny.ts'
import { doctor } from './commands/doctor.ts'
import { eventsExport } from './commands/events-export.ts'
import { eventsImport } from './commands/events-import.ts'
import { graph } from './commands/graph.ts'
import { init } from './commands/init.ts'
import { inspect } from './commands/inspect.ts'
import { list } from './commands/list.ts'
import { logs } from './commands/logs.ts'
import { fork } from './commands/fork.ts'
import { pause } from './commands/pause.ts'
import { policyExplain } from './commands/policy-explain.ts'
import { replay } from './commands/replay.ts'
import { resolve } from './commands/resolve.ts'
import { resume } from './commands/resume.ts'
import { retry } from './commands/retry.ts'
import { memoryExport } from './commands/memory-export.ts'
import { memoryForget } from './commands/memory-forget.ts'
import { memoryImport } from './commands/memory-import.ts'
import { memoryIngest } from './commands/memory-ingest.ts'
import { memoryList } from './commands/memory-list.ts'
import { memorySearch } from './commands/memory-search.ts'
import { memoryStats } from './commands/memory-stats.ts'
import { mcpApprove, mcpDiff, mcpList, mcpPin } from './commands/mcp.ts'
import { run } from './commands/run.ts'
import { schedulesList, schedulesPause, schedulesRemove, schedulesResume, schedulesTrigger } from './commands/schedules.ts'
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
  audit,
  approve,
  deny,
  resolve,
  signal,
  pause,
  resume,
  cancel,
  retry,
  fork,
  replay,
  schedulesList,
  schedulesPause,
  schedulesResume,
  schedulesRemove,
  schedulesTrigger,
  validate,
  graph,
  agents,
  tools,
  policyExplain,
  eventsExport,
  eventsImport,
  memoryIngest,
  memorySearch,
  memoryList,
  memoryForget,
  memoryExport,
  memoryImport,
  memoryStats,
  mcpList,
  mcpPin,
  mcpDiff,
  mcpApprove,
  backup,
  vacuum,
  doctor,
]
