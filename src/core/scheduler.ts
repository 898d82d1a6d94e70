import type { OperationOptions } from './operation.ts'

/**
 * A hint that a run has work to do. Small on purpose: the store holds the work itself.
 *
 * @property runId The run that is ready.
 * @property queue The queue that it was accepted in.
 * @property agent Name of the run's agent, so that a worker can keep the agent's concurrency limit before it claims.
 * @property priority Higher first, where the scheduler can.
 */
export type TaskRef = Readonly<{ runId: string; queue: string; agent: string; priority?: number }>

/**
 * What a scheduler can do.
 *
 * @property priority Tasks of a higher priority are delivered before others that wait.
 * @property ordered Tasks of a queue are delivered in the order of publication.
 * @property survivesRestart Published tasks outlive the process.
 * @property multiProcess Workers in other processes receive tasks.
 */
export type SchedulerCapabilities = Readonly<{ priority: boolean; ordered: boolean }> &
  Readonly<{ survivesRestart: boolean; multiProcess: boolean }>

/**
 * Carries task references from whoever makes a run ready to whoever works on it. It may lose, repeat and reorder them:
 * the store's sweep makes up for it. It never retries, delays or counts attempts.
 */
export interface Scheduler {
  /** Marks a scheduler, and the version of its contract. */
  readonly spec: 'scheduler/1'
  /** How errors call it. */
  readonly name: string
  /** What it can do. */
  readonly capabilities: SchedulerCapabilities
  /**
   * Hands tasks over; resolves once they are accepted. On abort some may have been.
   *
   * @throws OpspawnError `QUEUE_FULL` for the first task that does not fit; those before it were accepted.
   */
  publish(tasks: readonly TaskRef[], options?: OperationOptions): Promise<void>
  /**
   * Calls `handler` for every task of the queues, at most `concurrency` at once, until the signal fires; then resolves
   * when the handlers under way have returned. Acknowledge early: a handler that rejects is reported to nobody, and its
   * task is gone.
   */
  consume(
    handler: (task: TaskRef) => Promise<void>,
    options: { readonly queues: readonly string[]; readonly concurrency: number; readonly signal: AbortSignal },
  ): Promise<void>
  /** Tasks published to a queue and not yet handed to a handler. */
  depth(queue: string): Promise<number>
  /**
   * Stops handing out tasks and waits for the handlers under way, at most `deadlineMs`; `left` is what still runs then.
   *
   * @property left Handlers that still run.
   */
  drain(deadlineMs: number): Promise<{ readonly left: number }>
  /** Closes connections; what is queued stays where the queue keeps it. */
  [Symbol.asyncDispose]?(): Promise<void>
}
