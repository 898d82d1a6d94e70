import { readFileSync } from 'node:fs'
import { usageError } from './calling/report-error.ts'
import { runCli } from './program.ts'
import type { InterruptName } from './terminal/surroundings.ts'

const NAMES: readonly InterruptName[] = ['SIGINT', 'SIGTERM']

/**
 * Runs the command line of this process, and ends it when all is written.
 *
 * @param manifest where the package's own package.json is.
 */
export async function runProcess(manifest: URL): Promise<void> {
  quietExperiments()
  const { argv, stdout, stderr, stdin, env } = process
  // An orchestrator that has nothing to do keeps no process alive; a command that has not ended does.
  const alive = setInterval(() => {}, 2_147_483_647)
  const code = await runCli({
    argv: argv.slice(2),
    stdout,
    stderr,
    stdin,
    env,
    get cwd() {
      return currentFolder()
    },
    version: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version,
    onInterrupt(listener) {
      for (const name of NAMES) process.on(name, listener)
      return () => {
        for (const name of NAMES) process.off(name, listener)
      }
    },
  })
  clearInterval(alive)
  // A configuration may have opened what keeps the process alive; everything is written, so it ends here.
  process.exit(code)
}

/** @throws OpspawnError `OPTIONS_INVALID` where somebody removed it under this process */
function currentFolder(): string {
  try {
    return process.cwd()
  } catch {
    throw usageError('the folder that this was called in is not there any more', 'go to one that is: cd')
  }
}

/** Node 22 says of types in configurations and of `node:sqlite` that they are experiments: nothing for who runs a command. */
function quietExperiments(): void {
  const printers = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') for (const print of printers) print.call(process, warning)
  })
}
