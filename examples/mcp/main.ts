/**
 * An agent with the tools of an MCP server. It wants to write a file, which asks a person; the worker is killed with -9 while
 * nobody has answered; the answer is given from the command line; another worker goes on where the first one was.
 */
import { fork, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

type Told = Readonly<Record<string, unknown>>

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'opspawn-mcp-'))
const note = join(folder, 'notes', 'today.md')
mkdirSync(join(folder, 'notes'))

try {
  const first = worker()
  const asked = await first.says('asks')
  const [question, runId] = [String(asked['asks']), String(asked['runId'])]
  console.log(`${question} (run ${runId})`)
  first.child.kill('SIGKILL')
  console.log(`the worker was killed; the file is ${existsSync(note) ? 'there' : 'not there'}`)

  console.log(`$ opspawn approve ${runId}`)
  process.stdout.write(opspawn('approve', runId, '--by', 'ada'))

  const second = worker()
  console.log(JSON.stringify((await second.says('outcome'))['outcome']))
  console.log(`the file says: ${readFileSync(note, 'utf8').trim()}`)

  console.log(`$ opspawn audit ${runId}`)
  process.stdout.write(opspawn('audit', runId))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** The command line of the package; in a project of your own it is `npx opspawn`. */
function opspawn(...args: readonly string[]): string {
  const command = here('../../src/cli/main.ts')
  const line = ['--import', here('../resolve.ts'), command, ...args, '--no-config', '--store', join(folder, 'runs.db')]
  return execFileSync(process.execPath, line, { encoding: 'utf8', cwd: folder })
}

/** Starts a worker; `says` waits until it has told of something. */
function worker(): { readonly child: ReturnType<typeof fork>; readonly says: (what: string) => Promise<Told> } {
  const child = fork(here('./worker.ts'), [folder], { execArgv: ['--import', here('../resolve.ts')] })
  const says = (what: string): Promise<Told> =>
    new Promise((resolve, reject) => {
      child.on('message', (message: Told) => {
        if (what in message) resolve(message)
      })
      child.once('exit', (code) => reject(new Error(`the worker ended with ${code} and had not said: ${what}`)))
    })
  return { child, says }
}
