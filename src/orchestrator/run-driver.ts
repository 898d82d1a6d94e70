import {
  type Claim,
  type Decision,
  type EffectRecord,
  type Failure,
  foldHistory,
  inputMessage,
  type Json,
  type Message,
  OpspawnError,
  type Outcome,
  type RunOutcome,
  type Signal,
  toFailure,
} from '../core/index.ts'
import { admit } from './admission.ts'
import { decide } from './decision.ts'
import type { ReadyAgent } from './definition.ts'
import { CANCEL, CHILD_END, type Engine } from './engine.ts'
import { Execution, type Performed } from './execution.ts'
import { dueOutcome, matchSignals, openRecords, takeSignal } from './inbox.ts'
import { perform } from './perform.ts'
import { modelOf } from './perform-model.ts'
import { childId } from './perform-run.ts'
import { createPromptCache } from './prompt.ts'
import { DEFAULT_RETRY, modelFault, retryDelay, toolFault } from './retry.ts'
import type { RunContext } from './run-context.ts'
import { RunLog } from './run-log.ts'
import { describeIssues } from './schema.ts'
import { loadSession } from './session.ts'
import { estimateCall, ONE_STEP, priceOf, settleCall } from './spending.ts'

/** How a driver left its run: ended, given back to wait, given back because the worker stops, or taken away. */
export type DriveEnd = 'ended' | 'parked' | 'drained' | 'lost'

/** An execution that is over and not yet recorded. */
interface Settlement {
  readonly execution: Execution
  readonly result: { readonly performed: Performed } | { readonly thrown: unknown } | { readonly aborted: unknown }
}

/**
 * Drives one run from its claim until it ends, waits or is taken away: fold, decide, admit, commit, perform, and again.
 * Everything that it knows is in the history, so that another driver can go on from there at any moment.
 */
export class RunDriver {
  readonly #engine: Engine
  readonly #claim: Claim
  readonly #ready: ReadyAgent
  #log!: RunLog
  #context!: RunContext
  readonly #inFlight = new Map<string, Execution>()
  /** Keys admitted and not yet started. */
  #startable: string[] = []
  /** Keys of open effects with a `dueAt`. */
  readonly #timed = new Set<string>()
  #settlements: Settlement[] = []
  #inbox: Signal[] = []
  readonly #seenSignals = new Set<string>()
  #wake: (() => void) | undefined
  #askPlanner = true
  #cancelling = false
  #cancelBy: number | undefined
  #draining = false
  #lost: unknown

  constructor(engine: Engine, claim: Claim, ready: ReadyAgent) {
    this.#engine = engine
    this.#claim = claim
    this.#ready = ready
    this.deliver(claim.inbox)
  }

  /** Hands over signals that came since the claim. */
  deliver(signals: readonly Signal[]): void {
    for (const signal of signals) {
      if (this.#seenSignals.has(signal.id)) continue
      this.#seenSignals.add(signal.id)
      this.#inbox.push(signal)
    }
    if (signals.length > 0) this.#wakeUp()
  }

  /** The run belongs to another worker: stop, and write nothing more. */
  lose(reason: unknown): void {
    this.#lost ??= reason
    for (const execution of this.#inFlight.values()) execution.abort(reason)
    this.#wakeUp()
  }

  /** The worker stops: start nothing new, and give the run back once what runs has settled. */
  drain(): void {
    this.#draining = true
    this.#wakeUp()
  }

  /** Its patience is over: give the run back now. What is under way stays open in the history. */
  abandon(): void {
    const reason = new OpspawnError('ORCHESTRATOR_DRAINING', 'the orchestrator stops; another worker goes on with the run')
    for (const execution of this.#inFlight.values()) execution.abort(reason)
    this.#inFlight.clear()
    this.#settlements = []
    this.#wakeUp()
  }

  /** How the run ended, once it has. */
  get outcome(): RunOutcome | undefined {
    return this.#log?.view.outcome
  }

  /** Drives. Rejects only for faults of the store or of the engine itself; the run then stays claimed until its lease runs out. */
  async drive(): Promise<DriveEnd> {
    try {
      await this.#open()
      for (;;) {
        if (this.#lost !== undefined) return 'lost'
        await this.#advance()
        await this.#commit()
        if (this.#log.view.outcome !== undefined) return 'ended'
        this.#start()
        if (this.#draining && this.#inFlight.size === 0 && this.#settlements.length === 0) return await this.#giveBack('drain')
        const rest = await this.#rest()
        if (rest !== undefined) return rest
      }
    } catch (error) {
      for (const execution of this.#inFlight.values()) execution.abort(error)
      if (OpspawnError.is(error, 'LEASE_LOST') || OpspawnError.is(error, 'SEQUENCE_CONFLICT')) return 'lost'
      throw error
    }
  }

  /** Reads the history and takes up what was open in it. */
  async #open(): Promise<void> {
    const engine = this.#engine
    const { run, fence } = this.#claim
    const events = await engine.store.read(run.runId, 1)
    const definition = this.#ready.definitionFor(run.tenant)
    const view = foldHistory(definition, events)
    const first = events[0]
    if (first?.type !== 'run-start') throw new OpspawnError('STORE_FAILED', `the history of run ${run.runId} has no beginning`)
    this.#log = new RunLog(engine, fence, first.origin, view, run.updatedAt)
    const interrupted = new Set<string>()
    this.#context = {
      engine,
      ready: this.#ready,
      origin: first.origin,
      view,
      fence,
      prompts: createPromptCache(),
      startedAt: first.at,
      interrupted,
    }
    if (view.decisions === 0 && view.rejected.length === 0) {
      if (view.session !== undefined && first.origin.depth === 0 && !events.some((event) => event.type === 'session-load')) {
        const messages = await loadSession(engine.store, view)
        if (messages.length > 0) this.#log.record({ type: 'session-load', messages })
      }
      return
    }
    const asked = events.find((event) => event.type === 'cancel-request')
    if (asked !== undefined) this.#cancelBy = asked.at + engine.timing.cancelMs
    this.#askPlanner = view.open === 0 || this.#ready.planner.reactive === true
    for (const record of openRecords(view)) this.#resume(record, interrupted)
  }

  #resume(record: EffectRecord, interrupted: Set<string>): void {
    const { effect } = record
    if (record.dueAt !== undefined) this.#timed.add(effect.key)
    if (effect.kind === 'wait' || record.approval === 'requested') return
    if (record.started && effect.kind === 'tool') {
      if (this.#ready.tools.get(effect.tool)?.tool.verify === undefined) {
        const error = new OpspawnError(
          'EFFECT_UNKNOWN',
          `a worker died while "${effect.tool}" was running; whether it happened is not known. Do not repeat it without checking`,
        )
        this.#end(effect.key, { status: 'unknown', error: toFailure(error, 'EFFECT_UNKNOWN') })
        return
      }
      interrupted.add(effect.key)
    }
    if (record.dueAt === undefined) this.#startable.push(effect.key)
  }

  /** Brings the run as far as it gets without waiting: everything it does here is recorded, nothing is performed. */
  async #advance(): Promise<void> {
    this.#takeSettlements()
    this.#takeInbox()
    this.#takeDue()
    const { view } = this.#log
    if (view.cancelReason !== undefined) {
      await this.#cancel()
      return
    }
    if (this.#draining) return
    const reactive = this.#ready.planner.reactive === true
    while (this.#askPlanner && view.outcome === undefined && (reactive || view.open === 0)) {
      this.#askPlanner = false
      await this.#decideOnce()
    }
  }

  async #decideOnce(): Promise<void> {
    const { view } = this.#log
    let decision: Decision
    try {
      decision = await decide(this.#ready.planner, view)
      if (decision.type === 'act' && view.decisions >= view.limits.decisions) {
        throw new OpspawnError(
          'BUDGET_EXCEEDED',
          `the planner decided ${view.decisions} times without an end; the limit is limits.decisions`,
        )
      }
    } catch (error) {
      this.#finish({ status: 'failed', error: toFailure(error, 'PLANNER_FAILED') })
      return
    }
    switch (decision.type) {
      case 'act':
        await this.#act(decision)
        return
      case 'finish':
        await this.#conclude(decision)
        return
      case 'fail':
        this.#finish({ status: 'failed', error: decision.error })
        return
      default:
    }
  }

  async #act(decision: Decision & { type: 'act' }): Promise<void> {
    const log = this.#log
    const metered = this.#reservations(decision)
    log.record({
      type: 'decision',
      effects: decision.effects,
      ...(decision.state === undefined ? undefined : { state: decision.state }),
      ...(metered === undefined ? undefined : { reserved: metered }),
    })
    let waits = false
    for (const record of log.view.latest) {
      const { effect } = record
      if (effect.kind === 'wait') {
        waits = true
        if (effect.for.type === 'approval') this.#askPerson(effect.key, effect.for)
        if (record.dueAt !== undefined) this.#timed.add(effect.key)
        continue
      }
      if (await admit(this.#context, log, record)) this.#startable.push(effect.key)
      else if (record.dueAt !== undefined) this.#timed.add(effect.key)
    }
    if (waits) matchSignals(log)
    this.#askPlanner = log.view.open === 0 || log.view.latest.some((record) => record.outcome !== undefined)
  }

  #askPerson(key: string, ask: { readonly question: string; readonly details?: Json; readonly deadlineMs?: number }): void {
    const now = this.#log.now()
    this.#log.record({
      type: 'approval-request',
      key,
      hash: key,
      question: ask.question,
      expiresAt: now + (ask.deadlineMs ?? this.#engine.policy.approvalMs),
    })
  }

  /** Sets aside what the model calls of a decision may use; gives the amounts to record where they are more than a step each. */
  #reservations(decision: Decision & { type: 'act' }): Record<string, typeof ONE_STEP> | undefined {
    const { view } = this.#log
    const metered = view.limits.tokens !== undefined || view.limits.cost !== undefined
    let recorded: Record<string, typeof ONE_STEP> | undefined
    for (const effect of decision.effects) {
      if (effect.kind !== 'model') continue
      let reserve = ONE_STEP
      if (metered) {
        const model = Object.hasOwn(this.#ready.agent.models, effect.model ?? 'default')
          ? modelOf(this.#context, effect)
          : undefined
        const price = model === undefined ? undefined : priceOf(this.#engine.prices, model.provider, model.modelId)
        const most = effect.settings?.maxOutputTokens ?? this.#ready.agent.settings?.maxOutputTokens ?? UNBOUNDED_ANSWER
        reserve = estimateCall(view, effect, view.limits, most, price)
        recorded ??= {}
        recorded[effect.key] = reserve
      }
      this.#log.spend({ reserve })
    }
    return recorded
  }

  /** Checks an output and ends the run with it, or has the planner mend it. */
  async #conclude(decision: Decision & { type: 'finish' }): Promise<void> {
    const { view } = this.#log
    let { output } = decision
    if (this.#ready.output !== undefined) {
      const checked = await this.#ready.output.validate(output)
      if (checked.issues !== undefined) {
        if (view.rejected.length < view.limits.repairs) {
          this.#log.record({ type: 'output-reject', output, issues: checked.issues })
          this.#askPlanner = true
          return
        }
        const error = new OpspawnError(
          'OUTPUT_INVALID',
          `the output of agent "${view.agent}" does not fit its schema: ${describeIssues(checked.issues)}`,
          {
            details: { issues: checked.issues, output } as unknown as Json,
          },
        )
        this.#finish({ status: 'failed', error: toFailure(error, 'OUTPUT_INVALID') })
        return
      }
      output = checked.value as Json
    }
    this.#finish({ status: 'completed', output }, decision.messages)
  }

  #finish(outcome: RunOutcome, messages?: readonly Message[]): void {
    const log = this.#log
    const { view, origin } = log
    for (const record of openRecords(view)) {
      const { key } = record.effect
      this.#inFlight.get(key)?.abort(ended())
      if (record.effect.kind === 'run') log.send(childId(view.id, key), cancelSignal(`the parent run ended`))
      this.#end(key, { status: 'cancelled', error: toFailure(ended(), 'RUN_CANCELLED') })
    }
    this.#settlements = []
    if (origin.parent !== undefined) {
      const { runId, key } = origin.parent
      const result: Outcome = outcome.status === 'completed' ? { status: 'completed', value: outcome.output } : outcome
      log.send(runId, {
        id: `child-end:${view.id}`,
        name: CHILD_END,
        payload: { key, outcome: result as unknown as Json, labels: [...view.labels] },
      })
    }
    const inSession = origin.depth === 0 && view.session !== undefined && outcome.status === 'completed'
    log.end(outcome, inSession ? (messages ?? defaultTranscript(view.input, outcome)) : undefined)
  }

  /** Stops everything, children first, then ends the run. */
  async #cancel(): Promise<void> {
    const log = this.#log
    const { view } = log
    const reason = view.timedOut
      ? new OpspawnError('RUN_TIMEOUT', `the run took longer than its limit of ${view.limits.durationMs} ms`, {
          retryable: false,
        })
      : new OpspawnError(
          'RUN_CANCELLED',
          view.cancelReason === '' ? 'the run was cancelled' : `the run was cancelled: ${view.cancelReason}`,
        )
    const error = toFailure(reason, 'RUN_CANCELLED')
    if (!this.#cancelling) {
      this.#cancelling = true
      this.#cancelBy ??= log.now() + this.#engine.timing.cancelMs
      this.#startable = []
      for (const execution of this.#inFlight.values()) execution.abort(reason)
      this.#takeSettlements()
      for (const record of openRecords(view)) {
        const { effect } = record
        if (effect.kind === 'run') await this.#signalChild(effect.key, view.cancelReason ?? '')
        else this.#end(effect.key, { status: 'cancelled', error })
      }
    }
    if (view.open > 0 && log.now() >= (this.#cancelBy ?? 0)) {
      for (const record of openRecords(view)) this.#end(record.effect.key, { status: 'cancelled', error })
    }
    if (view.open === 0) this.#finish(view.timedOut ? { status: 'failed', error } : { status: 'cancelled', error })
  }

  async #signalChild(key: string, reason: string): Promise<void> {
    try {
      const id = childId(this.#log.view.id, key)
      const { task } = await this.#engine.store.signal(id, cancelSignal(reason))
      if (task !== undefined) this.#engine.publish([task])
      else this.#engine.poke(id)
    } catch (error) {
      if (OpspawnError.is(error, 'RUN_UNKNOWN'))
        this.#end(key, { status: 'cancelled', error: toFailure(ended(), 'RUN_CANCELLED') })
      // A child that has ended has told so already: its signal is in the inbox.
      else if (!OpspawnError.is(error, 'RUN_FINISHED')) throw error
    }
  }

  async #commit(): Promise<void> {
    this.#announceUnsafe()
    try {
      await this.#log.commit()
    } catch (error) {
      if (!OpspawnError.is(error, 'BUDGET_EXCEEDED')) throw error
      // Nothing was written. The calls that found no budget fail, and the planner hears of it.
      this.#log.dropReserve()
      for (const record of this.#log.view.latest) {
        const { key, kind } = record.effect
        if (kind === 'model' && record.outcome === undefined)
          this.#end(key, { status: 'failed', error: toFailure(error, 'BUDGET_EXCEEDED') })
      }
      this.#startable = this.#startable.filter((key) => this.#log.view.effects.get(key)?.outcome === undefined)
      await this.#log.commit()
    }
  }

  /** The start of an unsafe call is on record before its body is entered (S5). */
  #announceUnsafe(): void {
    const { view } = this.#log
    let places = view.limits.parallel - this.#inFlight.size
    for (const key of this.#startable) {
      if (places <= 0 || this.#draining) return
      places -= 1
      const record = view.effects.get(key)
      if (record?.effect.kind !== 'tool' || record.started) continue
      if (this.#ready.tools.get(record.effect.tool)?.tool.effect === 'unsafe') {
        this.#log.record({ type: 'effect-start', key, attempt: record.failures + 1 })
      }
    }
  }

  #start(): void {
    if (this.#startable.length === 0 || this.#draining) return
    const { view } = this.#log
    const places = view.limits.parallel - this.#inFlight.size
    if (places <= 0) return
    const keys = this.#startable.splice(0, places)
    for (const key of keys) {
      const record = view.effects.get(key)
      if (record === undefined || record.outcome !== undefined) continue
      const execution = new Execution(record, this.#engine.clock, this.#onAbort)
      this.#inFlight.set(key, execution)
      void this.#execute(execution)
    }
  }

  async #execute(execution: Execution): Promise<void> {
    try {
      const performed = await perform(this.#context, execution)
      if (execution.finish()) this.#settle({ execution, result: { performed } })
    } catch (thrown) {
      if (execution.finish()) this.#settle({ execution, result: { thrown } })
    }
  }

  readonly #onAbort = (execution: Execution, aborted: unknown): void => {
    if (execution.finish()) this.#settle({ execution, result: { aborted } })
  }

  #settle(settlement: Settlement): void {
    this.#settlements.push(settlement)
    this.#wakeUp()
  }

  #takeSettlements(): void {
    if (this.#settlements.length === 0) return
    const settlements = this.#settlements
    this.#settlements = []
    for (const settlement of settlements) {
      this.#inFlight.delete(settlement.execution.effect.key)
      this.#takeSettlement(settlement)
    }
  }

  #takeSettlement({ execution, result }: Settlement): void {
    const { effect } = execution
    const record = this.#log.view.effects.get(effect.key)
    if (record === undefined || record.outcome !== undefined) return
    if ('performed' in result) {
      const { performed } = result
      if (performed === 'later') return
      this.#end(effect.key, { status: 'completed', value: performed.value }, execution, performed.labels)
      return
    }
    if ('aborted' in result) {
      const failure = toFailure(result.aborted, 'INTERNAL')
      if (failure.code === 'RUN_CANCELLED' || failure.code === 'RUN_TIMEOUT') {
        this.#end(effect.key, this.#cancelled(record, failure), execution)
        return
      }
    }
    this.#takeFailure(execution, record, 'aborted' in result ? result.aborted : result.thrown)
  }

  #cancelled(record: EffectRecord, failure: Failure): Outcome {
    if (!record.started) return { status: 'cancelled', error: failure }
    return {
      status: 'unknown',
      error: { ...failure, code: 'EFFECT_UNKNOWN', message: `${failure.message}; the call was under way and may have happened` },
    }
  }

  #takeFailure(execution: Execution, record: EffectRecord, thrown: unknown): void {
    const { effect } = execution
    const now = this.#engine.clock.now()
    const { failure, retryAfterMs } = effect.kind === 'model' ? modelFault(thrown, now) : effectFault(effect.kind, thrown)
    const tool = effect.kind === 'tool' ? this.#ready.tools.get(effect.tool)?.tool : undefined
    const policy = (effect.kind === 'model' ? this.#ready.agent.retry : tool?.retry) ?? DEFAULT_RETRY
    const mayRepeat = tool?.effect !== 'unsafe' || tool.retry !== undefined
    const attempt = record.failures + 1
    if (failure.retryable && mayRepeat && attempt < (policy.attempts ?? DEFAULT_RETRY.attempts) && !this.#log.view.cancelReason) {
      const delay = retryDelay(policy, attempt, retryAfterMs, this.#engine.random)
      this.#log.record({ type: 'effect-retry', key: effect.key, attempt, error: failure, dueAt: this.#log.now() + delay })
      this.#timed.add(effect.key)
      if (execution.hasEmitted) this.#engine.hub.live(this.#log.view.id, { type: 'delta-reset', key: effect.key })
      return
    }
    this.#end(effect.key, { status: 'failed', error: failure }, execution)
  }

  /** Records an outcome and whatever belongs to it. */
  #end(key: string, outcome: Outcome, execution?: Execution, labels?: readonly string[]): void {
    const record = this.#log.view.effects.get(key)
    if (record === undefined || record.outcome !== undefined) return
    const durationMs = execution === undefined ? 0 : Math.max(0, this.#engine.clock.now() - execution.startedAt)
    this.#log.record(
      labels === undefined
        ? { type: 'effect-end', key, outcome, durationMs }
        : { type: 'effect-end', key, outcome, durationMs, labels },
    )
    this.#timed.delete(key)
    this.#askPlanner = true
    const { effect } = record
    if (effect.kind !== 'model' || outcomeIs(outcome, 'BUDGET_EXCEEDED')) return
    const answer = outcome.status === 'completed' ? (outcome.value as unknown as Parameters<typeof settleCall>[1]) : undefined
    const model = this.#ready.agent.models[effect.model ?? 'default']
    const price = model === undefined ? undefined : priceOf(this.#engine.prices, model.provider, model.modelId)
    this.#log.spend(settleCall(record.reserved ?? ONE_STEP, answer, price))
  }

  #takeInbox(): void {
    if (this.#inbox.length === 0) return
    const inbox = this.#inbox
    this.#inbox = []
    for (const signal of inbox) {
      const approved = takeSignal(this.#log, signal)
      if (approved === undefined) continue
      this.#timed.delete(approved)
      this.#startable.push(approved)
    }
    this.#askPlanner = true
    matchSignals(this.#log)
  }

  /** Ends waits whose time is up, lets retries start, and cancels a run that took too long. */
  #takeDue(): void {
    const log = this.#log
    const now = log.now()
    const { durationMs } = log.view.limits
    if (durationMs !== undefined && now >= this.#context.startedAt + durationMs && log.view.cancelReason === undefined) {
      log.record({ type: 'cancel-request', reason: 'its time is up', timeout: true })
    }
    if (this.#timed.size === 0) return
    for (const key of this.#timed) {
      const record = log.view.effects.get(key)
      if (record === undefined || record.outcome !== undefined) this.#timed.delete(key)
      else if (record.dueAt !== undefined && record.dueAt <= now) {
        this.#timed.delete(key)
        const outcome = dueOutcome(record)
        if (outcome === undefined) this.#startable.push(key)
        else this.#end(key, outcome)
      }
    }
  }

  /** Waits for something to happen, or gives the run back when nothing will for a while. */
  async #rest(): Promise<DriveEnd | undefined> {
    if (this.#settlements.length > 0 || this.#inbox.length > 0 || this.#lost !== undefined) return undefined
    if (this.#askPlanner && this.#log.view.open === 0) return undefined
    const due = this.#nextDue()
    const now = this.#log.now()
    if (due !== undefined && due <= now) return undefined
    const isIdle = this.#inFlight.size === 0 && this.#startable.length === 0
    if (isIdle && (due === undefined || due - now > this.#engine.timing.parkMs || this.#waitsForOthers()))
      return this.#giveBack('wait', due)
    let clear: (() => void) | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (due !== undefined) clear = this.#engine.clock.setTimer(due - now, resolve)
    })
    this.#wake = undefined
    clear?.()
    return undefined
  }

  /** Nothing but people, signals and children can bring the run on: the slot is better used by another run. */
  #waitsForOthers(): boolean {
    for (const key of this.#timed) {
      const record = this.#log.view.effects.get(key)
      if (record?.effect.kind !== 'wait' && record?.approval !== 'requested') return false
    }
    return true
  }

  #nextDue(): number | undefined {
    const { view } = this.#log
    let due: number | undefined
    for (const key of this.#timed) {
      const at = view.effects.get(key)?.dueAt
      if (at !== undefined && (due === undefined || at < due)) due = at
    }
    const { durationMs } = view.limits
    if (durationMs !== undefined && view.cancelReason === undefined)
      due = Math.min(due ?? Infinity, this.#context.startedAt + durationMs)
    if (this.#cancelBy !== undefined) due = Math.min(due ?? Infinity, this.#cancelBy)
    return due
  }

  async #giveBack(how: 'wait' | 'drain', dueAt?: number): Promise<DriveEnd> {
    const reason = how === 'drain' ? { how } : dueAt === undefined ? { how } : { how, dueAt }
    const task = await this.#engine.store.release(this.#claim.fence, reason)
    if (task !== undefined) this.#engine.publish([task])
    else if (dueAt !== undefined) this.#engine.wakeAt(dueAt)
    return how === 'drain' ? 'drained' : 'parked'
  }

  #wakeUp(): void {
    this.#wake?.()
  }
}

/** Set aside for an answer whose length nobody bounded. */
const UNBOUNDED_ANSWER = 4096

function effectFault(kind: string, thrown: unknown): { readonly failure: Failure; readonly retryAfterMs?: number | undefined } {
  if (kind === 'tool') return toolFault(thrown)
  return { failure: toFailure(thrown, kind === 'run' ? 'INTERNAL' : 'MEMORY_FAILED') }
}

function outcomeIs(outcome: Outcome, code: string): boolean {
  return outcome.status === 'failed' && outcome.error.code === code
}

function ended(): OpspawnError {
  return new OpspawnError('RUN_CANCELLED', 'the run ended before this was done')
}

function cancelSignal(reason: string): Signal {
  return { id: 'cancel', name: CANCEL, payload: { reason } }
}

function defaultTranscript(input: Json, outcome: RunOutcome & { status: 'completed' }): readonly Message[] {
  const { output } = outcome
  const text = typeof output === 'string' ? output : JSON.stringify(output)
  return [inputMessage(input), { role: 'assistant', content: [{ type: 'text', text }] }]
}
