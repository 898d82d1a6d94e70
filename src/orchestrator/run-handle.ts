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
} from '../core/index.ts'
import { requireShape } from './checks/shape.ts'
import { show } from './checks/show.ts'
import { APPROVAL, CANCEL, type Engine } from './engine.ts'
import { openEventStream } from './event-stream.ts'
import { type ApprovalPayload, awaitsApproval } from './inbox.ts'
import { pollStore, quarantinedError, readRun, requireRecord } from './look-up.ts'
import { pendingApprovals } from './pending.ts'
import { createId } from './system.ts'

/** What a handle needs of its orchestrator. */
export interface HandleContext {
  readonly engine: Engine
  readonly hold: () => () => void
}

/** Signal names that users may send: no reserved prefix, no control characters. */
const SIGNAL_TEXT = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/

function requireText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new OpspawnError('OPTIONS_INVALID', `${what} must be a text, not ${show(value)}`)
}

/** A run in the hands of whoever started or found it. */
export class RunHandle<Output> implements Run<Output> {
  readonly id: string
  readonly agent: string
  readonly #context: HandleContext
  #result: Promise<RunOutcome<Output>> | undefined

  constructor(context: HandleContext, id: string, agent: string) {
    this.#context = context
    this.id = id
    this.agent = agent
  }

  get result(): Promise<RunOutcome<Output>> {
    this.#result ??= awaitResult(this.#context, this.id) as Promise<RunOutcome<Output>>
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

  approve(key: string, given: ApprovalAnswer): Promise<void> {
    return this.#answer(key, true, given)
  }

  deny(key: string, given: ApprovalAnswer): Promise<void> {
    return this.#answer(key, false, given)
  }

  async signal(name: string, payload: Json = null, options: OperationOptions & { readonly id?: string } = {}): Promise<void> {
    const { id = createId() } = options
    for (const [what, text] of Object.entries({ name, id })) {
      if (typeof text === 'string' && SIGNAL_TEXT.test(text) && !text.startsWith('opspawn.')) continue
      const rule = 'must be 1 to 128 letters, digits, "_", ".", ":" or "-", and not begin with "opspawn."'
      throw new OpspawnError('SIGNAL_INVALID', `signal ${what} ${show(text)} ${rule}`)
    }
    await this.#send({ id, name, payload: toJson(payload) }, options)
  }

  approvals(options?: OperationOptions): Promise<readonly PendingApproval[]> {
    return pendingApprovals(this.#context.engine, this.id, options)
  }

  async #answer(key: string, approved: boolean, given: ApprovalAnswer): Promise<void> {
    requireShape('the answer { by, reason } to an approval', given, { by: 'text', reason: 'text?', signal: 'any?' })
    const { by, reason, signal } = given
    if (by === '') throw new OpspawnError('OPTIONS_INVALID', 'the answer to an approval needs `by`: who gives it')
    const hash = await requirePending(this.#context.engine, this.id, key, { signal })
    const payload: ApprovalPayload = { key, hash, approved, by, ...(reason === undefined ? undefined : { reason }) }
    const accepted = await this.#send(
      { id: `opspawn.approval:${key}`, name: APPROVAL, payload: payload as unknown as Json },
      { signal },
    )
    if (!accepted) throw new OpspawnError('APPROVAL_DECIDED', `approval "${key}" of run ${this.id} has been answered already`)
  }

  async #send(signal: Signal, options?: OperationOptions): Promise<boolean> {
    const { engine } = this.#context
    const { accepted, task } = await engine.store.signal(this.id, signal, options)
    if (task !== undefined) engine.publish([task])
    if (signal.name === CANCEL) engine.hurry(this.id)
    else if (task === undefined && accepted) engine.poke(this.id)
    return accepted
  }
}

async function requirePending(engine: Engine, runId: string, key: string, options: OperationOptions): Promise<string> {
  const { events, view } = await readRun(engine, runId, options)
  const record = view.effects.get(key)
  if (record?.argumentsHash === undefined)
    throw new OpspawnError(
      'APPROVAL_UNKNOWN',
      `run ${runId} asked for no approval "${key}"; one of a run below it is answered there: ops.run(pending.runId)`,
    )
  const isAnswered = events.some((event) => event.type === 'approval-response' && event.key === key)
  if (view.outcome !== undefined && !isAnswered) throw new OpspawnError('RUN_FINISHED', `run ${runId} has ended`)
  if (!awaitsApproval(record))
    throw new OpspawnError('APPROVAL_DECIDED', `approval "${key}" of run ${runId} has been answered already, or expired`)
  if (record.dueAt !== undefined && record.dueAt <= engine.clock.now()) {
    throw new OpspawnError('APPROVAL_DECIDED', `approval "${key}" of run ${runId} has expired`)
  }
  return record.argumentsHash
}

/** Waits for a run's end: told by the run itself where it is worked on here, looked up from time to time elsewhere. */
function awaitResult({ engine, hold }: HandleContext, runId: string): Promise<RunOutcome> {
  return new Promise((resolve, reject) => {
    const release = hold()
    const settle = (act: () => void): void => {
      unwatch()
      unpoll?.()
      release()
      act()
    }
    const fail = (error: unknown): void => settle(() => reject(error as Error))
    const look = (missing?: () => void): void => {
      requireRecord(engine, runId).then(({ outcome, status }) => {
        if (outcome !== undefined) settle(() => resolve(ownOutcome(outcome)))
        else if (status === 'quarantined') fail(quarantinedError(runId))
        else missing?.()
      }, fail)
    }
    const closed = (): void => look(() => fail(closedError(runId)))
    const unwatch = engine.hub.watch(runId, {
      recorded(events) {
        const last = events[events.length - 1]
        if (last?.type === 'run-end') settle(() => resolve(ownOutcome(last.outcome)))
      },
      setAside: () => look(),
      closed,
    })
    const unpoll = engine.store.capabilities.multiProcess ? pollStore(engine, () => look()) : undefined
    if (engine.hub.isClosed) closed()
    else look()
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
