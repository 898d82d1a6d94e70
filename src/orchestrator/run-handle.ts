import {
  type ApprovalAnswer,
  type Json,
  type OperationOptions,
  OpspawnError,
  type PendingApproval,
  type Run,
  type RunOutcome,
  type RunStreamEvent,
  type Signal,
  toJson,
  type Verification,
} from '../core/index.ts'
import { requireShape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import { APPROVAL, CANCEL, type Engine, PAUSE, RESOLVE, RESUME } from './engine.ts'
import { openEventStream } from './event-stream.ts'
import { answered, requireAnswerer, requirePending } from './answering.ts'
import type { ApprovalPayload } from './inbox.ts'
import { currentRecord, quarantinedError, requireRecord } from './look-up.ts'
import { pauseSignal } from './pausing.ts'
import { pendingApprovals } from './pending.ts'
import { createId } from './system.ts'
import { toResolution } from './unknown-outcomes.ts'

/** What a handle needs of its orchestrator. */
export interface HandleContext {
  readonly engine: Engine
  readonly hold: () => () => void
}

/** When a run was accepted in this process. */
export interface Acceptance {
  /** {@link Hub.told} before it was. */
  readonly told: number
  /** By what had elapsed in this process. */
  readonly at: number
}

/** So soon no other process has begun and ended a run. */
const NEW_MS = 5

/** Nothing has happened with the run that a look into the store could find. */
function isNew({ hub, elapsed }: Engine, accepted: Acceptance | undefined): boolean {
  return accepted !== undefined && accepted.told === hub.told && elapsed() - accepted.at < NEW_MS
}

/** Signal names that users may send: no reserved prefix, no control characters. */
const SIGNAL_TEXT = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/

function requireText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new OpspawnError('OPTIONS_INVALID', `${what} must be a text, not ${show(value)}`)
}

function requireAsking<T>(what: string, options: T): T {
  requireShape(`${what}, options`, options, { by: 'text?', signal: 'any?' })
  return options
}

/** A run in the hands of whoever started or found it. */
export class RunHandle<Output> implements Run<Output> {
  readonly id: string
  readonly agent: string
  readonly #context: HandleContext
  readonly #accepted: Acceptance | undefined
  #result: Promise<RunOutcome<Output>> | undefined

  /** @param accepted for a run that was accepted here, by this very call */
  constructor(context: HandleContext, id: string, agent: string, accepted?: Acceptance) {
    this.#context = context
    this.#accepted = accepted
    this.id = id
    this.agent = agent
  }

  get result(): Promise<RunOutcome<Output>> {
    if (this.#result === undefined) {
      this.#result = awaitResult(this.#context, this.id, isNew(this.#context.engine, this.#accepted)) as Promise<
        RunOutcome<Output>
      >
      // Whoever holds it to await it later must not end the process by it when the orchestrator is closed first.
      this.#result.catch(() => {})
    }
    return this.#result
  }

  [Symbol.asyncIterator](): AsyncIterator<RunStreamEvent> {
    return openEventStream(this.#context, this.id, 0, undefined)
  }

  events(afterSeq = 0, { signal }: OperationOptions = {}): AsyncIterable<RunStreamEvent> {
    if (!Number.isInteger(afterSeq) || afterSeq < 0) {
      throw new OpspawnError('OPTIONS_INVALID', `a cursor is the sequence number of an event, or 0, not ${String(afterSeq)}`)
    }
    return { [Symbol.asyncIterator]: () => openEventStream(this.#context, this.id, afterSeq, signal) }
  }

  async cancel(reason = '', options?: OperationOptions): Promise<void> {
    requireText('cancel: reason', reason)
    try {
      await this.#send({ id: CANCEL, name: CANCEL, payload: { reason } }, options)
    } catch (error) {
      // What has ended needs no cancelling.
      if (!OpspawnError.is(error, 'RUN_FINISHED')) throw error
    }
  }

  async pause(reason = '', options: OperationOptions & { readonly by?: string } = {}): Promise<void> {
    requireText('pause: reason', reason)
    const { by } = requireAsking('pause', options)
    const { status } = await currentRecord(this.#context.engine, this.id, options)
    // What was set aside stays so; the request would only wait there to be found.
    if (status === 'paused' || status === 'quarantined') return
    await this.#send(pauseSignal(PAUSE, { reason, by }), options)
  }

  async resume(options: OperationOptions & { readonly by?: string } = {}): Promise<void> {
    const { by } = requireAsking('resume', options)
    await this.#send(pauseSignal(RESUME, { by }), options)
  }

  approve(key: string, given: ApprovalAnswer): Promise<void> {
    return this.#answer(key, true, given)
  }

  deny(key: string, given: ApprovalAnswer): Promise<void> {
    return this.#answer(key, false, given)
  }

  async resolve(key: string, given: ApprovalAnswer & Verification): Promise<void> {
    const shape = { by: 'text', reason: 'text?', happened: 'flag', output: 'any?', signal: 'any?' } as const
    requireShape('the answer { by, happened, output } on an interrupted call', given, shape)
    const { by, reason, signal } = given
    requireAnswerer(by)
    const { hash, seq } = await requirePending(this.#context.engine, this.id, key, 'outcome', { signal })
    const found: Verification = given.happened ? { happened: true, output: toJson(given.output ?? null) } : { happened: false }
    const id = `${RESOLVE}:${seq}:${key}`
    const accepted = await this.#send({ id, name: RESOLVE, payload: toResolution(key, hash, by, reason, found) }, { signal })
    if (!accepted) throw answered(this.id, key)
  }

  async signal(name: string, payload: Json = null, options: OperationOptions & { readonly id?: string } = {}): Promise<void> {
    requireShape('signal, options', options, { id: 'any?', signal: 'any?' })
    const { id = createId() } = options
    for (const [what, text] of Object.entries({ name, id })) {
      if (typeof text === 'string' && SIGNAL_TEXT.test(text) && !text.startsWith('opspawn.')) continue
      const rule = 'must be 1 to 128 letters, digits, "_", ".", ":" or "-", and not begin with "opspawn."'
      throw new OpspawnError('SIGNAL_INVALID', `signal ${what} ${show(text)} ${rule}`)
    }
    await this.#send({ id, name, payload: toJson(payload) }, options)
  }

  async approvals(options?: OperationOptions): Promise<readonly PendingApproval[]> {
    const { runId } = await currentRecord(this.#context.engine, this.id, options)
    return pendingApprovals(this.#context.engine, runId, options)
  }

  async #answer(key: string, approved: boolean, given: ApprovalAnswer): Promise<void> {
    requireShape('the answer { by, reason } to an approval', given, { by: 'text', reason: 'text?', signal: 'any?' })
    const { by, reason, signal } = given
    requireAnswerer(by)
    const { hash } = await requirePending(this.#context.engine, this.id, key, 'approval', { signal })
    const payload: ApprovalPayload = { key, hash, approved, by, ...(reason === undefined ? undefined : { reason }) }
    const accepted = await this.#send(
      { id: `opspawn.approval:${key}`, name: APPROVAL, payload: payload as unknown as Json },
      { signal },
    )
    if (!accepted) throw answered(this.id, key)
  }

  async #send(signal: Signal, options?: OperationOptions): Promise<boolean> {
    const { engine } = this.#context
    const { accepted, task } = await engine.store.signal(this.id, signal, options)
    if (task !== undefined) engine.publish([task])
    if (signal.name === CANCEL || signal.name === PAUSE) engine.hurry(this.id)
    else if (task === undefined && accepted) engine.poke(this.id)
    return accepted
  }
}

/**
 * Waits for a run's end: told by the run itself where it is worked on here, looked up from time to time elsewhere. Of a
 * new run the first of those looks is soon enough.
 */
function awaitResult({ engine, hold }: HandleContext, runId: string, isFresh: boolean): Promise<RunOutcome> {
  return new Promise((resolve, reject) => {
    const release = hold()
    const settle = (act: () => void): void => {
      unwatch()
      unpoll?.()
      release()
      act()
    }
    const fail = (error: unknown): void => settle(() => reject(error as Error))
    // What it comes to is what the run comes to that goes on in its place.
    const follow = (next: string): void => settle(() => void awaitResult({ engine, hold }, next, false).then(resolve, reject))
    const look = (missing?: () => void): Promise<void> => {
      return requireRecord(engine, runId).then(({ outcome, status, successor }) => {
        if (successor !== undefined) follow(successor)
        else if (outcome !== undefined) settle(() => resolve(ownOutcome(outcome)))
        else if (status === 'quarantined') fail(quarantinedError(runId))
        else missing?.()
      }, fail)
    }
    const closed = (): void => void look(() => fail(closedError(runId)))
    const unwatch = engine.hub.watch(runId, {
      recorded(events) {
        const last = events[events.length - 1]
        if (last?.type !== 'run-end') return
        if (last.successor !== undefined) follow(last.successor)
        else settle(() => resolve(ownOutcome(last.outcome)))
      },
      setAside: () => void look(),
      closed,
    })
    const unpoll = engine.store.capabilities.multiProcess ? engine.rounds.join(runId, look) : undefined
    if (engine.hub.isClosed) closed()
    else if (!isFresh || unpoll === undefined) void look()
  })
}

/** Whoever awaits a result may change it; the history keeps its own. */
function ownOutcome(outcome: RunOutcome): RunOutcome {
  return outcome.status === 'completed' && typeof outcome.output === 'string' ? { ...outcome } : structuredClone(outcome)
}

function closedError(runId: string): OpspawnError {
  return new OpspawnError(
    'ORCHESTRATOR_DRAINING',
    `the orchestrator was closed before run ${runId} ended; its store still holds it if it is durable`,
  )
}
