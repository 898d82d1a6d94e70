import { EventEmitter } from 'eventemitter3'
import { type Failure, type LiveEvent, type OrchestratorEvents, type RunEvent, toFailure, OpspawnError } from '../core/index.ts'
import { frozen } from './frozen.ts'
import { show } from './checks/show.ts'

const EVENTS: readonly string[] = ['event', 'live', 'agent', 'fault']

/** Somebody who watches one run in this process. */
export interface RunWatcher {
  recorded(events: readonly RunEvent[]): void
  /** Absent when only recorded events matter: then nothing live is made for it. */
  live?(event: LiveEvent): void
  /** The run was quarantined, which no event tells. */
  setAside(): void
  /** The orchestrator closes: nothing more will come. */
  closed(): void
}

/**
 * Tells whoever listens in this process what was recorded and what is happening. Nothing is built for a listener that is
 * not there, and one that throws harms nobody: it is reported as a `fault`.
 */
export class Hub {
  readonly #bus = new EventEmitter()
  readonly #watchers = new Map<string, Set<RunWatcher>>()
  #isClosed = false
  #told = 0
  readonly #observers: ((runId: string, event: RunEvent) => void)[] = []

  on<E extends keyof OrchestratorEvents>(type: E, listener: OrchestratorEvents[E]): () => void {
    if (!EVENTS.includes(type))
      throw new OpspawnError('OPTIONS_INVALID', `there is no event ${show(type)} to listen to; there are ${EVENTS.join(', ')}`)
    if (typeof listener !== 'function')
      throw new OpspawnError('OPTIONS_INVALID', `a listener is a function, not ${show(listener)}`)
    const guarded = (...values: unknown[]): void => this.#call(type, undefined, listener, ...values)
    this.#bus.on(type, guarded)
    return () => this.#bus.off(type, guarded)
  }

  /** Adds an extension's observer, which never leaves. */
  observe(observer: (runId: string, event: RunEvent) => void): void {
    this.#observers.push(observer)
  }

  watch(runId: string, watcher: RunWatcher): () => void {
    let watchers = this.#watchers.get(runId)
    if (watchers === undefined) {
      watchers = new Set()
      this.#watchers.set(runId, watchers)
    }
    watchers.add(watcher)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.#watchers.get(runId) === watchers) this.#watchers.delete(runId)
    }
  }

  /** Tells all watchers that nothing more will come. */
  close(): void {
    this.#isClosed = true
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.closed()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** How often anything was recorded: while it stays the same, no run has gone on in this process. */
  get told(): number {
    return this.#told
  }

  /** Passes on what was just recorded. */
  recorded(runId: string, events: readonly RunEvent[]): void {
    this.#told += 1
    const watchers = this.#watchers.get(runId)
    if (watchers !== undefined) for (const watcher of watchers) watcher.recorded(events)
    for (const observer of this.#observers)
      for (const event of events) this.#call('observer', runId, observer, runId, frozen(event))
    if (this.#bus.listenerCount('event') > 0) for (const event of events) this.#bus.emit('event', runId, frozen(event))
  }

  /** Tells those who wait for a run that it was quarantined. */
  setAside(runId: string): void {
    for (const watcher of this.#watchers.get(runId) ?? []) watcher.setAside()
  }

  /** Whether anybody would see a live event of the run: models are streamed only then. */
  wantsLive(runId: string): boolean {
    if (this.#bus.listenerCount('live') > 0) return true
    const watchers = this.#watchers.get(runId)
    if (watchers !== undefined) for (const watcher of watchers) if (watcher.live !== undefined) return true
    return false
  }

  live(runId: string, event: LiveEvent): void {
    // Deltas are flat, and thousands of them come.
    if (event.type === 'tool-progress' || event.type === 'tool-log') frozen(event)
    const watchers = this.#watchers.get(runId)
    if (watchers !== undefined) for (const watcher of watchers) watcher.live?.(event)
    if (this.#bus.listenerCount('live') > 0) this.#bus.emit('live', runId, event)
  }

  agent(makeState: () => Parameters<OrchestratorEvents['agent']>[0]): void {
    if (this.#bus.listenerCount('agent') > 0) this.#bus.emit('agent', makeState())
  }

  fault(failure: Failure, context: { readonly where: string; readonly runId?: string }): void {
    this.#bus.emit('fault', failure, context)
  }

  /** A listener that throws, or whose promise rejects, harms nobody. */
  #call(type: string, runId: string | undefined, listener: unknown, ...values: unknown[]): void {
    try {
      const returned = (listener as (...values: unknown[]) => unknown)(...values) as PromiseLike<unknown> | undefined
      if (typeof returned?.then === 'function') returned.then(undefined, (error: unknown) => this.#blame(type, runId, error))
    } catch (error) {
      this.#blame(type, runId, error)
    }
  }

  #blame(type: string, runId: string | undefined, error: unknown): void {
    // A fault listener that fails has nobody left to tell.
    if (type === 'fault') return
    const where = type === 'observer' ? type : `listener of ${type}`
    this.fault(toFailure(error, 'INTERNAL'), runId === undefined ? { where } : { where, runId })
  }
}
