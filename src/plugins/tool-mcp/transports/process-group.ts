import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** A started program with the group of all that it starts. */
export interface ProcessGroup {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Settles when the started program itself has ended; what it started may live on until {@link ProcessGroup.end}. */
  readonly exited: Promise<string>
  /** Ends input, waits, asks, forces. Settles when nothing of the group is left, at the latest after the limits. */
  end(): Promise<void>
}

/** What a group is started with. */
export interface ProcessGroupOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  /** After the end of input, and again after SIGTERM, before the next step. */
  readonly graceMs: number
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

const POLL_MS = 20
const WINDOWS = process.platform === 'win32'

/**
 * Kills the group `$1` when our end of its input closes without a word: this process has died. A line means that the
 * group has ended by itself. It is a program of its own since a dead process can do nothing any more.
 */
const WATCH = 'read -r line && exit 0; kill -TERM -"$1"; sleep 2; kill -KILL -"$1"'

/**
 * Starts a program without a shell, in a session of its own, with exactly the given environment.
 *
 * On Windows there are no process groups: only the started program itself is ended there, not what it started, and nothing
 * ends it when this process dies.
 *
 * Rejects with the error of the operating system when the program cannot be started.
 */
export async function startGroup(options: ProcessGroupOptions): Promise<ProcessGroup> {
  const child: Child = spawn(options.command, [...options.args], {
    env: { ...options.env },
    cwd: options.cwd,
    detached: !WINDOWS,
    shell: false,
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.on('error', () => undefined) // A signal that could not be sent; the steps of `end` look for themselves.
  child.stdin.on('error', () => undefined) // EPIPE is told to the writer by its callback.
  const pid = child.pid!
  const watcher = watch(pid)
  let ending: Promise<void> | undefined
  return {
    pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    end: () => (ending ??= end(child, pid, exited, options.graceMs).finally(() => watcher?.stdin.end('done\n'))),
  }
}

async function end(child: Child, pid: number, exited: Promise<string>, graceMs: number): Promise<void> {
  child.stdin.end()
  for (const signal of [undefined, 'SIGTERM', 'SIGKILL'] as const) {
    if (signal !== undefined) send(pid, signal)
    if (await isGoneWithin(child, pid, graceMs)) break
  }
  child.stdout.destroy()
  child.stderr.destroy()
  child.stdin.destroy()
  // A process that the system itself cannot end, or one that nobody reaps, must not hold us.
  await Promise.race([exited, delay(graceMs, undefined, { ref: false })])
}

async function isGoneWithin(child: Child, pid: number, ms: number): Promise<boolean> {
  const until = performance.now() + ms
  for (;;) {
    const isLeaderGone = child.exitCode !== null || child.signalCode !== null
    if (isLeaderGone && (WINDOWS || !send(pid, 0))) return true
    if (performance.now() >= until) return false
    await delay(POLL_MS)
  }
}

/** Whether there was anybody to send it to. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(WINDOWS ? pid : -pid, signal)
  } catch (error) {
    // EPERM: somebody is there, who changed its user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function watch(pid: number): { readonly stdin: Writable } | undefined {
  if (WINDOWS) return undefined
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'sh', String(pid)], {
    env: { PATH: '/usr/bin:/bin' },
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.on('error', () => undefined) // Without /bin/sh there is no watcher; all else works.
  watcher.stdin.on('error', () => undefined)
  watcher.unref()
  ;(watcher.stdin as Writable & { unref?(): void }).unref?.()
  return watcher
}
