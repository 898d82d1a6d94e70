import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

/** A program of the folder `programs`, in a process of its own. */
export interface Program {
  readonly child: ChildProcess
  /** What it printed so far, line by line. */
  readonly lines: string[]
  /** Resolves with the first line that begins so, printed already or not; rejects when the process ends without it. */
  line(start: string): Promise<string>
  say(text: string): void
  /** Ends it as a crash would. */
  kill(): Promise<void>
  readonly ended: Promise<number | null>
}

/** Where Node keeps what it made of the sources: reading them is most of what the start of a program takes. */
export const COMPILED: string = fileURLToPath(new URL('../../node_modules/.cache/opspawn-programs', import.meta.url))

const running: Program[] = []
const folders: string[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.kill()))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is removed after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-durable-'))
  folders.push(folder)
  return folder
}

/** Starts a program; it is killed after the test if it still runs. */
export function start(name: string, ...given: string[]): Program {
  return startWith([], name, ...given)
}

/** The same, with flags for Node. */
export function startWith(flags: readonly string[], name: string, ...given: string[]): Program {
  return startIn({}, flags, name, ...given)
}

/** The same, with variables of the environment. */
export function startIn(
  variables: Readonly<Record<string, string>>,
  flags: readonly string[],
  name: string,
  ...given: string[]
): Program {
  const path = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
  const env = { ...process.env, NODE_COMPILE_CACHE: COMPILED, ...variables }
  const child = spawn(process.execPath, ['--no-warnings', ...flags, path, ...given], { stdio: ['pipe', 'pipe', 'pipe'], env })
  const lines: string[] = []
  const listeners = new Set<() => void>()
  let errors = ''
  let code: number | null | undefined
  child.stderr.on('data', (data) => (errors += String(data)))
  child.stdin.on('error', () => {})
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => {
    lines.push(line)
    for (const listener of listeners) listener()
  })
  // The process may have closed its pipes before all that is in them was split into lines.
  const readAll = new Promise<void>((resolve) => void reader.once('close', resolve))
  const closed = new Promise<number | null>((resolve) => void child.once('close', resolve))
  const ended = Promise.all([closed, readAll]).then(([status]) => {
    code = status
    for (const listener of listeners) listener()
    return status
  })
  const program: Program = {
    child,
    lines,
    ended,
    line: (begin) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find((line) => line.startsWith(begin))
          if (found === undefined && code === undefined) return
          listeners.delete(look)
          if (found === undefined) reject(new Error(`${name} ended with ${code} before it said "${begin}": ${errors}`))
          else resolve(found)
        }
        listeners.add(look)
        look()
      }),
    say: (text) => void child.stdin.write(`${text}\n`),
    async kill() {
      if (code === undefined) child.kill('SIGKILL')
      await ended
    },
  }
  running.push(program)
  return program
}

/** Asks again and again, a bounded number of times, until the answer is not undefined. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (let count = 0; count < 1_000; count += 1) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
  throw new Error(`${what}: not after its many tries`)
}
