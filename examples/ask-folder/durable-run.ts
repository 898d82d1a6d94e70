import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Agent, OpspawnError, type Orchestrator, type Run } from 'opspawn'

/** A run, and what was recorded of it before this process began. */
export interface TakenUp {
  readonly run: Run<string>
  /** Sequence number of the last event that an earlier process recorded; 0 for a new run. */
  readonly recorded: number
}

/**
 * The file that holds a task's run until it has ended. Each task, model and version of this program has its own, so that
 * a process never goes on with a run whose tools it does not have.
 */
export function storeFile(task: readonly string[], env: NodeJS.ProcessEnv): string {
  const folder = env['ASK_FOLDER_STORE'] ?? join(import.meta.dirname, '../../.opspawn')
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    const why = (error as Error).message
    throw new OpspawnError('STORE_FAILED', `the run cannot be kept (${why}); set ASK_FOLDER_STORE to a folder of your own`)
  }
  const hash = createHash('sha256').update(JSON.stringify(task))
  for (const file of readdirSync(import.meta.dirname).toSorted()) hash.update(readFileSync(join(import.meta.dirname, file)))
  return join(folder, `ask-folder-${hash.digest('hex').slice(0, 16)}.db`)
}

/** Goes on with the run that an earlier process left unfinished; starts one where there is none. */
export async function takeUp(ops: Orchestrator, agent: Agent<string, string>, question: string): Promise<TakenUp> {
  const { runs } = await ops.list({ status: ['queued', 'running', 'waiting'] }, { limit: 1 })
  const left = runs[0]
  if (left === undefined) return { run: await ops.start(agent, question), recorded: 0 }
  return { run: (await ops.run(left.runId)) as Run<string>, recorded: left.seq }
}

/** Removes the file of a run that has ended, once its store is closed. */
export function removeStore(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
  rmSync(`${file}-workers`, { recursive: true, force: true })
}
