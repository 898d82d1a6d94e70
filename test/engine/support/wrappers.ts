import { type OperationOptions, OpspawnError, type Scheduler, type Store, type TaskRef } from '../../../src/index.ts'
import { fastqScheduler } from '../../../src/plugins/scheduler-fastq/index.ts'
import { memoryStore } from '../../../src/plugins/store-memory/index.ts'

export { fastqScheduler, memoryStore }

/** A store like another, with some calls changed. Not disposed with an orchestrator, so that two can share what is behind it. */
export function wrapStore(inner: Store, changes: Partial<Store> = {}): Store {
  return {
    spec: 'store/1',
    name: inner.name,
    capabilities: inner.capabilities,
    create: (...given) => inner.create(...given),
    claim: (...given) => inner.claim(...given),
    heartbeat: (...given) => inner.heartbeat(...given),
    append: (...given) => inner.append(...given),
    release: (...given) => inner.release(...given),
    sweep: (...given) => inner.sweep(...given),
    signal: (...given) => inner.signal(...given),
    read: (...given) => inner.read(...given),
    list: (...given) => inner.list(...given),
    ...(inner.documents && { documents: inner.documents }),
    ...(inner.transaction && { transaction: inner.transaction.bind(inner) }),
    ...changes,
  }
}

/** The same store as another process would see it: handles look for news in it. */
export function sharedStore(inner: Store, changes: Partial<Store> = {}): Store {
  return wrapStore(inner, { capabilities: { ...inner.capabilities, multiProcess: true }, ...changes })
}

/** A store that one worker can be cut off from, and joined to again. */
export interface Cuttable {
  readonly store: Store
  readonly cut: () => void
  readonly join: () => void
  /** Does what needs the store, or is refused while it is cut off. */
  through<T>(work: () => Promise<T>): Promise<T>
}

/** A shared store that refuses, while it is cut off, all that a worker needs for its runs. Reading and signals get through. */
export function cuttable(inner: Store, changes: Partial<Store> = {}): Cuttable {
  let isCut = false
  const through = <T>(work: () => Promise<T>): Promise<T> =>
    isCut ? Promise.reject(new OpspawnError('STORE_FAILED', 'cut off')) : work()
  const store = sharedStore(inner, {
    append: (...given) => through(() => inner.append(...given)),
    claim: (...given) => through(() => inner.claim(...given)),
    heartbeat: (...given) => through(() => inner.heartbeat(...given)),
    release: (...given) => through(() => inner.release(...given)),
    sweep: (...given) => through(() => inner.sweep(...given)),
    ...changes,
  })
  return { store, cut: () => void (isCut = true), join: () => void (isCut = false), through }
}

/** A scheduler like another, with publication changed. */
export function wrapScheduler(
  inner: Scheduler,
  publish: (tasks: readonly TaskRef[], pass: (tasks: readonly TaskRef[]) => Promise<void>) => Promise<void>,
): Scheduler {
  return {
    spec: 'scheduler/1',
    name: inner.name,
    capabilities: inner.capabilities,
    publish: (tasks: readonly TaskRef[], options?: OperationOptions) =>
      publish(tasks, (passed) => inner.publish(passed, options)),
    consume: (...given) => inner.consume(...given),
    depth: (queue) => inner.depth(queue),
    drain: (deadlineMs) => inner.drain(deadlineMs),
  }
}
