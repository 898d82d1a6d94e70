import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quietEnvironment } from '../child.ts'
import { quantile } from '../statistics.ts'

const kills = 20

/** Milliseconds from `kill -9` of a worker to its run's being worked on by another process that lives; opspawn on SQLite. */
export async function measureRecovery(): Promise<{ readonly p50: number; readonly p99: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'opspawn-bench-'))
  const workers: ChildProcess[] = []
  try {
    const times: number[] = []
    const path = join(folder, 'runs.db')
    for (let count = 0; count < kills; count += 1) {
      const owner = start(path, `run-${count}`)
      workers.push(owner)
      await said(owner, 'working')
      const heir = start(path)
      workers.push(heir)
      await said(heir, 'ready')
      const taken = said(heir, 'working')
      // At any moment of the sweeps' rhythm.
      await new Promise((resolve) => void setTimeout(resolve, 500 + Math.random() * 1_000))
      const from = performance.now()
      owner.kill('SIGKILL')
      await taken
      times.push(performance.now() - from)
      heir.send('finish')
      await said(heir, 'finished')
      heir.kill('SIGKILL')
    }
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
  } finally {
    for (const worker of workers) worker.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

function start(path: string, ...given: string[]): ChildProcess {
  const program = fileURLToPath(new URL('../recovery-child.ts', import.meta.url))
  return fork(program, [path, ...given], { env: quietEnvironment })
}

function said(worker: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`a worker did not say "${what}" within 30 s`)), 30_000)
    worker.on('message', (message) => {
      if (message !== what) return
      clearTimeout(timer)
      resolve()
    })
  })
}
