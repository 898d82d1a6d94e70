import type { LiveEvent, RunEvent, RunStreamEvent } from './event.ts'
import type { Json, JsonObject } from './json.ts'
import type { Message } from './message.ts'
import type { OperationOptions, PageOptions } from './operation.ts'
import type { RunLimits } from './budget.ts'
import type { AgentStatus, Caller, RunOutcome, RunRecord } from './run.ts'
import type { Failure } from './failure.ts'
import type { RunFilter, RunPage, StoreCapabilities } from './store.ts'
import type { Schedule, SchedulePage, ScheduleState } from './schedule.ts'
import type { Agent } from './agent.ts'
import type { Verification } from './tool.ts'

/** How to start a run. */
export interface StartOptions extends OperationOptions {
  /** @default made up */
  readonly runId?: string | undefined
  /** @default 'default' */
  readonly tenant?: string | undefined
  /** Runs of one session see each other's messages. */
  readonly session?: string | undefined
  /** Who starts it, for rules and tools; child runs, forks and successors have the same. @default nobody */
  readonly caller?: Caller | undefined
  /** Conversation before the input, besides the session's. */
  readonly messages?: readonly Message[] | undefined
  /** Tighter limits than the agent's; looser ones are cut to the agent's. */
  readonly limits?: RunLimits | undefined
  /** The same key with the same agent and input gives the run that exists already. */
  readonly idempotencyKey?: string | undefined
  /** Not before (epoch milliseconds). */
  readonly dueAt?: number | undefined
  /** Higher first among runs that wait to be worked on; one rises by 1 for each minute that it waits. @default 0 */
  readonly priority?: number | undefined
  /** The caller's own data, kept with the run. */
  readonly metadata?: JsonObject | undefined
}

/** How to begin a new run with the history of another. Tenant, session, caller, metadata and limits are the other's where nothing is given. */
export interface ForkOptions extends Omit<StartOptions, 'tenant' | 'session' | 'messages'> {
  /** Take along the events up to this one. @default all before what failed; with an input, none */
  readonly afterSeq?: number | undefined
  /** In the place of the other run's. */
  readonly input?: unknown
  /** Who goes on, by value or by name. @default the agent of that name, as it is registered now */
  readonly agent?: Agent | string | undefined
  /** Make unsafe calls again that may have happened. @default false: they are unknown in the new run too */
  readonly repeatUnknown?: boolean | undefined
}

/**
 * Who answers an approval, and why.
 *
 * @property by A person or service, for the record. Agents have no way to answer.
 * @property reason For the record; that of a refusal is also told to the planner.
 */
export type ApprovalAnswer = OperationOptions & { readonly by: string; readonly reason?: string | undefined }

/**
 * A call that waits for a person.
 *
 * @property runId Of the run that waits: the one listed, or one below it.
 * @property key Of the effect: what {@link Run.approve}, {@link Run.deny} and {@link Run.resolve} of that run take.
 * @property agent Name of the agent that asks.
 * @property question What the person is asked.
 */
export interface PendingApproval extends Readonly<Record<'runId' | 'key' | 'agent' | 'question', string>> {
  /** `approval`: answered by {@link Run.approve} or {@link Run.deny}; `outcome`: the call was interrupted, see {@link Run.resolve}. */
  readonly kind: 'approval' | 'outcome'
  /** The tool or agent to be called; absent for a question that a planner asks. */
  readonly tool?: string
  /** The front tool that was called for it, see `route` of tools. */
  readonly through?: string
  /** The arguments of the call as the body gets them, or the details of the question. */
  readonly input?: Json
  /** Epoch milliseconds; from then on it counts as refused. */
  readonly expiresAt?: number
}

/**
 * A run in the hands of whoever started or found it. Iterate over it to watch: the history from the start (or from a
 * cursor with {@link events}), and live events such as text deltas from the moment of looking. Not a promise: await
 * `result`.
 */
export interface Run<Output = Json> extends AsyncIterable<RunStreamEvent> {
  /** Unique in the store. */
  readonly id: string
  /** Name of the agent. */
  readonly agent: string
  /** How the run ended. Rejects when the store fails or has forgotten the run, it was quarantined, or the orchestrator is closed first; never since the run failed. */
  readonly result: Promise<RunOutcome<Output>>
  /** Events behind a sequence number (0: all), then live ones, until the run ends. Stopping early is fine. */
  events(afterSeq?: number, options?: OperationOptions): AsyncIterable<RunStreamEvent>
  /** Asks for the end; resolves when the request is recorded. Reaches children, model calls and tools. */
  cancel(reason?: string, options?: OperationOptions): Promise<void>
  /**
   * Sets the run aside: nothing new is begun, what is under way may settle, timers do not fire. Resolves when the request is
   * recorded; one that was set aside stays so. The time that passes meanwhile counts. @throws OpspawnError `RUN_FINISHED`
   */
  pause(reason?: string, options?: OperationOptions & { readonly by?: string }): Promise<void>
  /** Lets a run go on that was paused or quarantined; one that is neither goes on as it did. @throws OpspawnError `RUN_FINISHED` */
  resume(options?: OperationOptions & { readonly by?: string }): Promise<void>
  /** @throws OpspawnError `APPROVAL_UNKNOWN`, `APPROVAL_DECIDED`, `RUN_FINISHED` */
  approve(key: string, answer: ApprovalAnswer): Promise<void>
  /** Refuses a call that waits for a person; the planner is told the reason. Rejects as `approve` does. */
  deny(key: string, answer: ApprovalAnswer): Promise<void>
  /**
   * Says whether an interrupted call happened: then `output` is its result, unchecked; else it is made again. For tools with
   * `onUnknown: 'ask'`. Rejects as `approve` does.
   */
  resolve(key: string, answer: ApprovalAnswer & Verification): Promise<void>
  /** Sends a signal; early ones are kept. The same id counts once. @throws OpspawnError `RUN_FINISHED`, `SIGNAL_INVALID`, `QUEUE_FULL` */
  signal(name: string, payload?: Json, options?: OperationOptions & { readonly id?: string }): Promise<void>
  /** Calls that wait for a person, in this run and in those below it; each is answered on a handle of its own `runId`. */
  approvals(options?: OperationOptions): Promise<readonly PendingApproval[]>
}

/**
 * An agent in this process.
 *
 * @property runs Ids of the runs in progress here, oldest first.
 * @property capabilities As its definition says; empty where it says nothing.
 */
export interface AgentState extends Readonly<Record<'runs' | 'capabilities', readonly string[]>> {
  /** As registered. */
  readonly name: string
  /** As its definition says. */
  readonly description: string | undefined
  /** `active` while runs are in progress here; else `error` after one failed until one completes. */
  readonly status: AgentStatus
  /** Of the last run that failed here; a run that completes clears it. */
  readonly lastError: Failure | undefined
}

/**
 * What the worker of this process has counted since it started: for metrics. Nothing is reset.
 *
 * @property hints Tasks that the scheduler brought.
 * @property dropped Those that led to nothing: a hint of a run that is unknown, has ended or is worked on elsewhere.
 * @property claims Runs that were taken up.
 * @property blockedMs How long the event loop was held up while runs were worked on, in milliseconds; less than a second at a time does not count.
 * @property longestBlockMs The longest time of these.
 */
export type WorkerCounts = Readonly<{ hints: number; dropped: number; claims: number; blockedMs: number; longestBlockMs: number }>

/** What listeners of an orchestrator hear. */
export interface OrchestratorEvents {
  /** Something was recorded about a run that is worked on here. */
  readonly event: (runId: string, event: RunEvent) => void
  /** Something is happening. */
  readonly live: (runId: string, event: LiveEvent) => void
  /** An agent of this process began, paused or ended work. */
  readonly agent: (state: AgentState) => void
  /** A fault that belongs to no call: a listener that threw, a sweep that failed, a lost lease. The work goes on. */
  readonly fault: (failure: Failure, context: { readonly where: string; readonly runId?: string }) => void
}

/**
 * What drain came to: the runs that were handed back to the store, to be continued by another worker.
 *
 * @property handedBack Ids of the runs.
 */
export type DrainReport = { readonly handedBack: readonly string[] }

/**
 * Starts runs by the clock of the store, one for each slot, however many workers there are. All calls reject with
 * `PLUGIN_CAPABILITY_MISSING` where the store keeps no documents, those on one schedule with `SCHEDULE_UNKNOWN`.
 */
export interface Schedules {
  /** Makes a schedule, or puts it in the place of one of its name; unchanged, it keeps its next slot. @throws OpspawnError `SCHEDULE_INVALID`, `INPUT_INVALID` */
  put(schedule: Schedule, options?: OperationOptions): Promise<ScheduleState>
  /** All in the store, a page at a time. */
  list(page?: PageOptions, options?: OperationOptions): Promise<SchedulePage>
  /** Until it is resumed no slot is run. Runs go on that were started. */
  pause(name: string, options?: OperationOptions): Promise<ScheduleState>
  /** Goes on with the next slot; those of the pause are not missed ones. */
  resume(name: string, options?: OperationOptions): Promise<ScheduleState>
  /** Forgets a schedule; what it started goes on. */
  remove(name: string, options?: OperationOptions): Promise<void>
  /** Starts a run now, beside the slots, also while it is paused. @throws OpspawnError as `start` does */
  trigger(name: string, options?: OperationOptions): Promise<Run>
}

/**
 * When and by whom a definition was registered last.
 *
 * @property definition `agent@hash`.
 * @property at Epoch milliseconds of the store's clock.
 * @property by The process of the worker.
 */
export type RegisteredDefinition = Readonly<{ definition: string; at: number; by: string }>

/**
 * What a run is pinned to, and what is known of that: why it may be that no worker goes on with it.
 *
 * @property definition `agent@hash`: only workers that have it work on the run.
 * @property here It is registered in this process.
 * @property registered Where it was registered last; absent: nowhere on record.
 * @property latest The agent's definition that was registered last, wherever; absent: none on record.
 * @property differences The parts in which the latest differs, in words; empty where it is the same or one is not known.
 */
export type PinnedDefinition = Readonly<{ definition: string; here: boolean; differences: readonly string[] }> &
  Readonly<{ registered?: RegisteredDefinition; latest?: RegisteredDefinition }>

/** Wires the parts together in this process. Surfaces (REST, gRPC, dashboard, command line) need only this interface. */
export interface Orchestrator extends AsyncDisposable {
  /** What the store survives. Also said aloud at the start. */
  readonly durability: StoreCapabilities['durability']
  /**
   * Accepts a run. Once this resolves it is never lost while the store survives.
   *
   * @throws OpspawnError `AGENT_UNKNOWN`, `INPUT_INVALID`, `OPTIONS_INVALID`, `LIMIT_INVALID`, `QUEUE_FULL`, `RUN_EXISTS`, `ORCHESTRATOR_DRAINING`,
   * `JSON_INVALID`, `PAYLOAD_TOO_LARGE`, `BUDGET_PRICE_UNKNOWN`
   */
  start<Input, Output>(agent: Agent<Input, Output>, input: Input, options?: StartOptions): Promise<Run<Output>>
  /** The same by name, for an agent that is registered here; what the input must be is known at run time alone. */
  start(agent: string, input: unknown, options?: StartOptions): Promise<Run>
  /**
   * Begins a new run with the history of another: what completed there is not done again, what failed or was open is asked for
   * anew, under the rules and budgets of the new run. The other run stays as it is.
   *
   * @throws OpspawnError as `start` does, and `RUN_UNKNOWN`
   */
  fork(runId: string, options?: ForkOptions): Promise<Run>
  /** A handle on a run that exists. @throws OpspawnError `RUN_UNKNOWN` */
  run(runId: string, options?: OperationOptions): Promise<Run>
  /** A run's summary. @throws OpspawnError `RUN_UNKNOWN` */
  record(runId: string, options?: OperationOptions): Promise<RunRecord>
  /** What a run is pinned to. Stores without documents know only of this process. @throws OpspawnError `RUN_UNKNOWN` */
  definition(runId: string, options?: OperationOptions): Promise<PinnedDefinition>
  /** Finds runs, newest first, a page at a time. */
  list(filter?: RunFilter, page?: PageOptions, options?: OperationOptions): Promise<RunPage>
  /** What starts runs at certain times. */
  readonly schedules: Schedules
  /** The agents registered here. */
  agents(): readonly AgentState[]
  /** What this process's worker has counted; all 0 where it does not work. */
  counts(): WorkerCounts
  /** Listens; returns a function that stops it. A listener that throws harms nobody. */
  on<E extends keyof OrchestratorEvents>(type: E, listener: OrchestratorEvents[E]): () => void
  /** Stops intake, lets runs reach a safe point until the deadline, hands the rest back. Idempotent. */
  drain(deadlineMs?: number): Promise<DrainReport>
  /** Drains and disposes of all parts, last first: what `await using` does, for Node 22, which does not know it. Idempotent. */
  close(): Promise<void>
}
