import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { afterEach } from 'vitest'
import { runCli } from '../../src/cli/program.ts'
import type { InterruptName, OutputStream } from '../../src/cli/terminal/surroundings.ts'
import { type Ended, node, root } from '../examples/run-example.ts'

/** The command while it runs. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  /** Resolves once a text stands on either stream; rejects when the process ends without it. */
  written(text: string): Promise<void>
}

/** What `list --json` prints. */
export interface Listed {
  readonly runs: readonly { readonly runId: string; readonly status: string; readonly agent: string }[]
  readonly cursor?: string
}

const MAIN = join(root, 'src/cli/main.ts')
const started: Running[] = []
const folders: string[] = []

afterEach(async () => {
  for (const { child } of started) if (child.exitCode === null) child.kill('SIGKILL')
  await Promise.all(started.splice(0).map(({ ended }) => ended))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** An empty folder that is removed after the test. */
export function emptyFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-cli-'))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** A folder with the configuration of `programs/config.ts`; its runs are in `runs.db` beside it. */
export function project(files: Readonly<Record<string, string>> = {}): string {
  const config = pathToFileURL(join(import.meta.dirname, 'programs/config.ts')).href
  return emptyFolder({ 'opspawn.config.ts': `export { default } from '${config}'\n`, ...files })
}

/** Starts the real command on pipes. */
export function start(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  return spawned(node, ['--import', join(root, 'examples/resolve.ts'), MAIN, ...args], cwd, env)
}

/** The same to its end. */
export function opspawn(cwd: string, ...args: readonly string[]): Promise<Ended> {
  return start(cwd, args).ended
}

/** The same, and what it printed as JSON. */
export async function json<T = Record<string, unknown>>(cwd: string, ...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await opspawn(cwd, ...args, '--json')
  if (code !== 0) throw new Error(`opspawn ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** `script` of util-linux gives a program a terminal. */
export const hasTerminal: boolean = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') === true

/** Starts the real command on a terminal of its own; what it writes to either stream comes as `stdout`. */
export function startOnTerminal(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const words = [node, '--import', join(root, 'examples/resolve.ts'), MAIN, ...args]
  const command = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')
  return spawned('script', ['-qfec', command, '/dev/null'], cwd, { TERM: 'xterm', ...env })
}

function spawned(command: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Running {
  const { PATH, HOME, TMPDIR } = process.env
  const child = spawn(command, args, { cwd, env: { PATH, HOME, TMPDIR, ...env }, timeout: 100_000, killSignal: 'SIGKILL' })
  const texts = { stdout: '', stderr: '' }
  const looks = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      texts[stream] += text
      for (const look of looks) look()
    })
  }
  child.stdin.on('error', () => {})
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, ...texts }))
  })
  const running: Running = {
    child,
    ended,
    written: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (texts.stdout.includes(text) || texts.stderr.includes(text)) resolve()
        }
        looks.add(look)
        look()
        const fail = (): void => reject(new Error(`ended without writing ${text}:\n${texts.stdout}${texts.stderr}`))
        ended.then(fail, reject)
      }),
  }
  started.push(running)
  return running
}

/** What a call in this process came to. */
export interface Called {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How a call in this process differs from one on pipes. */
export interface CallOptions {
  readonly stdin?: string
  /** Both outputs are a terminal of so many columns. */
  readonly columns?: number
  readonly env?: Readonly<Record<string, string>>
  /** Is given a function that interrupts, and what was written so far. */
  readonly onWrite?: (interrupt: (name: InterruptName) => void, written: string) => void
}

/** Calls the command in this process: quick, and seen by the measurement of coverage. */
export async function call(cwd: string, args: readonly string[], options: CallOptions = {}): Promise<Called> {
  const { stdin = '', columns, env = {}, onWrite } = options
  const listeners = new Set<(name: InterruptName) => void>()
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr'): OutputStream => {
    const through = new PassThrough()
    through.on('data', (data) => {
      texts[name] += String(data)
      onWrite?.((signal) => listeners.forEach((listener) => listener(signal)), texts[name])
    })
    return columns === undefined ? through : Object.assign(through, { isTTY: true, columns })
  }
  const code = await runCli({
    argv: args,
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]),
    env,
    cwd,
    version: '9.9.9',
    onInterrupt(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  })
  return { code, ...texts }
}

/** Calls, and reads what was printed as JSON. */
export async function callJson<T = Record<string, unknown>>(cwd: string, ...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await call(cwd, [...args, '--json'])
  if (code !== 0) throw new Error(`opspawn ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}
