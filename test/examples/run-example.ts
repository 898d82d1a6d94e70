import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a process came to. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** An example while it runs. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with what stands there once a text was written; rejects when the process ends first. */
  written(text: string): Promise<string>
}

export const root: string = join(import.meta.dirname, '../..')

/** Node 22 does not know `await using`; npm scripts run on the Node of the development dependencies anyway. */
export const node: string =
  Number(process.versions.node.split('.')[0]) >= 24 ? process.execPath : join(root, 'node_modules/node/bin/node')

/** Starts an example as its command does, with nothing of this process's environment but what a program needs. */
export function startExample(
  name: string,
  args: readonly string[] = [],
  options: Pick<SpawnOptions, 'env' | 'uid' | 'cwd'> = {},
): Running {
  const file = join(root, 'examples', name, 'main.ts')
  // Runs of their own, also where two ask the same at the same time; any user may write there.
  const store = mkdtempSync(join(tmpdir(), 'opspawn-example-'))
  chmodSync(store, 0o777)
  const env = { ASK_FOLDER_STORE: join(store, 'runs'), ASK_FOLDER_MEMORY: join(store, 'memory'), ...options.env }
  const running = startProcess(node, ['--import', join(root, 'examples/resolve.ts'), file, ...args], { ...options, env })
  const remove = (): void => rmSync(store, { recursive: true, force: true })
  running.ended.then(remove, remove)
  return running
}

/** Runs an example to its end. */
export function runExample(...parameters: Parameters<typeof startExample>): Promise<Ended> {
  return startExample(...parameters).ended
}

/** Starts a program and collects what it writes. */
export function startProcess(
  command: string,
  args: readonly string[],
  { env, ...options }: Pick<SpawnOptions, 'env' | 'uid' | 'cwd' | 'detached'> = {},
): Running {
  const { PATH, HOME, TMPDIR } = process.env
  const child = spawn(command, args, {
    ...options,
    env: { PATH, HOME, TMPDIR, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 90_000,
    killSignal: 'SIGKILL',
  })
  const written = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      written[stream] += text
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, ...written }))
  })
  return {
    child,
    ended,
    written: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (written.stdout.includes(text)) resolve(written.stdout)
        }
        child.stdout.on('data', look)
        look()
        ended.then(({ stdout, stderr }) => reject(new Error(`ended without writing ${text}:\n${stdout}${stderr}`)), reject)
      }),
  }
}
