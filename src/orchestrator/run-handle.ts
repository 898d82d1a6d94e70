import {
  type ApprovalAnswer,
  type Json,
  type OperationOptions,
  OpspawnError,
  type PendingApproval,
  type Run,
  type RunOutcome,
  type RunView,
  type Signal,
  toJson,
} from '../core/index.ts'
import { APPROVAL, CANCEL, type Engine } from './engine.ts'
import { openEventStream } from './event-stream.ts'
import { type ApprovalPayload, awaitsApproval, openRecords } from './inbox.ts'
import { pollStore, readView, requireRecord } from './look-up.ts'
import { createId } from './system.ts'

/** What a handle needs of its orchestrator. */
export interface HandleContext {
  readonly engine: Engine
  /** Fires when the orchestrator is closed. */
  readonly closed: AbortSignal
  readonly hold: () => () => void
}

/** Signal names that users may send: no reserved prefix, no control characters. */
const SIGNAL_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/

/** Makes the handle of a run that exists. */
export function createRunHandle<Output>(context: HandleContext, id: string, agent: string): Run<Output> {
  const { engine } = context
  let result: Promise<RunOutcome<Output>> | undefined

  async function answer(key: string, approved: boolean, { by, reason, signal }: ApprovalAnswer): Promise<void> {
    if (typeof by !== 'string' || by === '') throw new OpspawnError('OPTIONS_INVALID', 'an approval needs `by`: who answers it')
    const hash = await requirePending(engine, id, key, { signal })
    const payload: ApprovalPayload = { key, hash, approved, by, ...(reason === undefined ? undefined : { reason }) }
    const accepted = await send(
      engine,
      id,
      { id: `approval:${key}`, name: APPROVAL, payload: payload as unknown as Json },
      { signal },
    )
    if (!accepted) throw new OpspawnError('APPROVAL_DECIDED', `approval "${key}" of run ${id} has been answered already`)
  }

  return {
    id,
    agent,
    get result() {
      result ??= awaitResult<Output>(context, id)
      return result
    },
    events: (afterSeq = 0, options = {}) => ({
      [Symbol.asyncIterator]: () => openEventStream(context, id, afterSeq, options.signal),
    }),
    [Symbol.asyncIterator]: () => openEventStream(context, id, 0, undefined),
    async cancel(reason = '', options) {
      try {
        await send(engine, id, { id: 'cancel', name: CANCEL, payload: { reason } }, options)
      } catch (error) {
        // What has ended needs no cancelling.
        if (!OpspawnError.is(error, 'RUN_FINISHED')) throw error
      }
    },
    approve: (key, given) => answer(key, true, given),
    deny: (key, given) => answer(key, false, given),
    async signal(name, payload = null, options = {}) {
      if (!SIGNAL_NAME.test(name) || name.startsWith('opspawn.')) {
        throw new OpspawnError(
          'SIGNAL_INVALID',
          `signal name ${JSON.stringify(name)} must be letters, digits, "_", ".", ":" or "-", and not begin with "opspawn."`,
        )
      }
      await send(engine, id, { id: options.id ?? createId(), name, payload: toJson(payload) }, options)
    },
    async approvals(options) {
      const view = await readView(engine, id, options)
      return view.outcome === undefined
        ? openRecords(view)
            .filter(awaitsApproval)
            .map((record) => describePending(view, record))
        : []
    },
  }
}

async function send(engine: Engine, runId: string, signal: Signal, options?: OperationOptions): Promise<boolean> {
  const { accepted, task } = await engine.store.signal(runId, signal, options)
  if (task !== undefined) engine.publish([task])
  else if (accepted) engine.poke(runId)
  return accepted
}

async function requirePending(engine: Engine, runId: string, key: string, options: OperationOptions): Promise<string> {
  const view = await readView(engine, runId, options)
  const record = view.effects.get(key)
  if (record?.argumentsHash === undefined)
    throw new OpspawnError('APPROVAL_UNKNOWN', `run ${runId} asked for no approval "${key}"`)
  if (!awaitsApproval(record))
    throw new OpspawnError('APPROVAL_DECIDED', `approval "${key}" of run ${runId} has been answered already, or expired`)
  if (view.outcome !== undefined) throw new OpspawnError('RUN_FINISHED', `run ${runId} has ended`)
  return record.argumentsHash
}

function describePending(view: RunView, record: ReturnType<typeof openRecords>[number]): PendingApproval {
  const { effect } = record
  const question =
    effect.kind === 'wait' && effect.for.type === 'approval'
      ? effect.for.question
      : `May ${view.agent} call ${effect.kind === 'tool' ? effect.tool : effect.kind === 'run' ? effect.agent : effect.kind}?`
  return {
    runId: view.id,
    key: effect.key,
    agent: view.agent,
    ...(effect.kind === 'tool' ? { tool: effect.tool, input: effect.input } : undefined),
    ...(effect.kind === 'run' ? { tool: effect.agent, input: effect.input } : undefined),
    question,
    ...(record.dueAt === undefined ? undefined : { expiresAt: record.dueAt }),
  }
}

/** Waits for a run's end: told by the run itself where it is worked on here, looked up from time to time elsewhere. */
async function awaitResult<Output>({ engine, closed, hold }: HandleContext, runId: string): Promise<RunOutcome<Output>> {
  const release = hold()
  let stop = (): void => {}
  const ended = new Promise<RunOutcome>((resolve, reject) => {
    const unwatch = engine.hub.watch(runId, {
      recorded(events) {
        const last = events.at(-1)
        if (last?.type === 'run-end') resolve(last.outcome)
      },
    })
    const look = async (): Promise<void> => {
      const { outcome } = await requireRecord(engine, runId)
      if (outcome !== undefined) resolve(outcome)
    }
    const onClosed = (): void => {
      look().then(() => reject(closedError(runId)), reject)
    }
    closed.addEventListener('abort', onClosed, { once: true })
    const unpoll = engine.store.capabilities.multiProcess ? pollStore(engine, () => void look().catch(reject)) : () => {}
    stop = () => {
      unwatch()
      unpoll()
      closed.removeEventListener('abort', onClosed)
    }
    look().catch(reject)
    if (closed.aborted) onClosed()
  })
  try {
    return (await ended) as RunOutcome<Output>
  } finally {
    stop()
    release()
  }
}

function closedError(runId: string): OpspawnError {
  return new OpspawnError(
    'ORCHESTRATOR_DRAINING',
    `the orchestrator was closed before run ${runId} ended; its store still holds it if it is durable`,
  )
}
