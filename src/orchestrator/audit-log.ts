import { isRecorded, OpspawnError, type Orchestrator, type RunEvent, toFailure } from '../core/index.ts'
import { type Auditor, type AuditRecord, createAuditor } from './audit.ts'
import { requireShape } from './checks/shape.ts'

/** What {@link auditLog} takes. */
export interface AuditLogOptions {
  /** Takes one record. What it throws or rejects with goes to `onFault`, and the record is not given again. */
  readonly write: (record: AuditRecord) => void | Promise<void>
  /** Hears what could not be written or read. @default it throws nothing away silently: a warning of the process */
  readonly onFault?: ((error: unknown) => void) | undefined
}

/** A run that is followed; while its beginning is being read, what comes is kept. */
interface Followed {
  auditor: Auditor | undefined
  waiting: RunEvent[]
  /** Of the last event heard. */
  seq: number
}

/** Runs that are followed at once; one that was let go is looked up when it is heard of again. */
const MOST_RUNS = 10_000

/**
 * Gives the audit record of each call as it settles, for the runs that are worked on in this process. For what was settled by
 * a process that died before it could tell, read the history: `auditOf`, or `opspawn audit`.
 *
 * @returns a function that stops it
 * @throws OpspawnError `OPTIONS_INVALID`
 */
export function auditLog(orchestrator: Orchestrator, options: AuditLogOptions): () => void {
  requireShape('auditLog', options, { write: 'function', onFault: 'function?' })
  const { write, onFault = (error: unknown) => process.emitWarning(`auditLog: ${toFailure(error, 'INTERNAL').message}`) } =
    options
  const runs = new Map<string, Followed>()

  function give(auditor: Auditor, event: RunEvent): void {
    const record = auditor.take(event)
    if (record === undefined) return
    try {
      Promise.resolve(write(record)).catch(onFault)
    } catch (error) {
      onFault(error)
    }
  }

  /** It was begun in another process: what came before the first event heard is looked up. */
  async function catchUp(runId: string, followed: Followed, seq: number): Promise<void> {
    try {
      let auditor: Auditor | undefined
      if (seq > 1) {
        for await (const event of (await orchestrator.run(runId)).events(0)) {
          if (!isRecorded(event) || event.seq >= seq) break
          if (event.type === 'run-start') auditor = createAuditor(event.origin)
          auditor?.take(event)
          if (event.seq === seq - 1) break
        }
      }
      if (auditor === undefined) throw new OpspawnError('STORE_FAILED', `the history of run ${runId} has no beginning`)
      for (const event of followed.waiting) give(auditor, event)
      followed.auditor = auditor
    } catch (error) {
      onFault(error)
    } finally {
      followed.waiting = []
    }
  }

  return orchestrator.on('event', (runId, event) => {
    let followed = runs.get(runId)
    // Another process may have worked on it meanwhile.
    if (followed === undefined || event.seq !== followed.seq + 1) {
      followed = { auditor: event.type === 'run-start' ? createAuditor(event.origin) : undefined, waiting: [], seq: event.seq }
      runs.delete(runId)
      runs.set(runId, followed)
      if (runs.size > MOST_RUNS) runs.delete(runs.keys().next().value as string)
      if (followed.auditor === undefined) void catchUp(runId, followed, event.seq)
    }
    followed.seq = event.seq
    if (event.type === 'run-end') runs.delete(runId)
    if (followed.auditor === undefined) followed.waiting.push(event)
    else give(followed.auditor, event)
  })
}
