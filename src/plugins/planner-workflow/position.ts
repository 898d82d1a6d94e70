import type { Effect, EffectRecord, Failure, Json, RunView } from '../../core/index.ts'
import type { Graph, GraphTask } from './graph.ts'
import { type EffectKey, effectKey, readKey } from './keys.ts'
import { failureOf, mayTryAgain, pauseMs } from './retrying.ts'
import { RunScope } from './run-scope.ts'
import { expressionFailure, judge, openFan, singleEffect } from './starting.ts'
import { TaskState, type WorkflowNote } from './task-state.ts'
import type { Undo } from './undo-input.ts'

/** Why the workflow will fail. */
export interface Failing {
  readonly task: string
  readonly failure: Failure
}

/**
 * Where a run stands in its graph: a fold of the effects that settled, in their order, and of nothing else. Each settlement
 * touches its own task and those that need it, never the whole graph. It can be thrown away at any time and folded anew: what
 * was asked for meanwhile stands in the view.
 */
export class Position {
  readonly graph: Graph
  readonly states: readonly TaskState[]
  readonly notes: WorkflowNote[] = []
  readonly scope: RunScope
  /** Effects to ask for, of the ordinary course and of compensations. */
  ready: Effect[] = []
  urgent: Effect[] = []
  /** Tasks with items that may be begun. */
  readonly fans: Set<TaskState> = new Set()
  /** Ordinary tasks that have not settled, and compensations that are under way. */
  left: number
  underWay = 0
  failing: Failing | undefined
  /** Of a run that makes another one good: the compensations to run, in their order. */
  readonly undoing: readonly number[] | undefined
  /** Ordinary tasks that completed or failed, in that order. */
  readonly done: TaskState[] = []
  folded = 0
  readonly #view: RunView
  /** Compensation tasks to run one after the other, by the one that runs now. */
  readonly #chains = new Map<number, Chain>()

  constructor(graph: Graph, view: RunView) {
    this.graph = graph
    this.#view = view
    this.states = graph.tasks.map((task) => new TaskState(task))
    this.scope = new RunScope(view, graph, this.states)
    this.left = graph.sorted.length
    if (view.compensates !== undefined) {
      this.undoing = this.#takeOver(view.input as unknown as Undo)
      return
    }
    const first = graph.sorted.filter((index) => this.states[index]?.missing === 0)
    for (const index of first) this.#resolve(this.states[index] as TaskState)
  }

  /** Takes in what has settled since. */
  fold(): void {
    const { settled } = this.#view
    for (; this.folded < settled.length; this.folded += 1) this.#take(settled[this.folded] as EffectRecord)
  }

  /** After a fold from the beginning: which items were asked for is in the view alone. */
  findAsked(): void {
    for (const state of this.states) {
      const { fan } = state
      if (fan === undefined) continue
      for (; fan.next < fan.effects.length; fan.next += 1) {
        const effect = fan.effects[fan.next]
        if (effect === undefined) continue
        if (!this.#view.effects.has(effect.key)) break
        fan.asked += 1
      }
    }
  }

  /** Everything stands as the run left it that is made good. */
  #takeOver({ compensations, failure, tasks }: Undo): readonly number[] {
    this.failing = { task: '', failure }
    for (const { name, status, output = null, failure: cause } of tasks) {
      const task = this.graph.byName.get(name)
      if (task !== undefined) Object.assign(this.states[task.index] as TaskState, { status, output, failure: cause })
    }
    return compensations.flatMap((name) => this.graph.byName.get(name)?.index ?? [])
  }

  /**
   * While the workflow fails, and nothing that it did is under way: begins the next compensation, unless one runs. Backwards
   * through what was done, a `forEach` that was broken off first, the workflow's own last.
   */
  compensate(): void {
    if (this.failing === undefined) return
    const { task, failure } = this.failing
    for (const index of this.undoing ?? this.#backwards()) {
      const state = this.states[index] as TaskState
      if (state.status === 'pending') {
        this.scope.failure = told(task, failure)
        this.#resolve(state)
      }
      if (state.status === 'running') return
    }
  }

  #backwards(): readonly number[] {
    const broken = this.states.filter(
      ({ status, fan, task: { isCompensation } }) => !isCompensation && status === 'running' && (fan?.settled ?? 0) > 0,
    )
    return [...broken, ...this.done.toReversed()].flatMap((state) => state.task.onFailure).concat(this.graph.onFailure)
  }

  #take(record: EffectRecord): void {
    const { effect } = record
    const direct = this.graph.byName.get(effect.key)
    const key = direct === undefined ? readKey(effect.key) : { task: effect.key, item: undefined, attempt: 1, isPause: false }
    const task = direct ?? this.graph.byName.get(key?.task ?? '')
    if (key !== undefined && task !== undefined) this.#takeOf(task, key, record)
  }

  #takeOf(task: GraphTask, key: EffectKey, record: EffectRecord): void {
    const state = this.states[task.index] as TaskState
    // After a fold from the beginning, what shows that its turn came is that it was asked for.
    if (task.isCompensation && state.status === 'pending') this.compensate()
    const isHalted = this.failing !== undefined && !task.isCompensation
    // What an ordinary task waits for has no meaning any more once the workflow fails.
    if (isHalted && record.effect.kind === 'wait') return
    if (!isHalted && isOpen(state) && this.#goesOn(record, task, key)) return
    if (key.isPause) return
    if (key.item !== undefined) this.#takeItem(state, key.item, record)
    else if (state.status === 'running') this.#settle(state, record)
  }

  /** Whether a settlement leads to another execution of the same. */
  #goesOn(record: EffectRecord, task: GraphTask, { item, attempt, isPause }: EffectKey): boolean {
    if (!isPause) return this.#triesAgain(record, task, item, attempt)
    this.#repeat(task, item, attempt)
    return true
  }

  #triesAgain(record: EffectRecord, task: GraphTask, item: number | undefined, attempt: number): boolean {
    const { outcome } = record
    if (outcome === undefined || outcome.status === 'completed') return false
    if (attempt >= task.retry.attempts || !mayTryAgain(outcome)) return false
    const next = attempt + 1
    const key = effectKey(task.name, item, next, true)
    const ms = pauseMs(task.retry, next, `${this.#view.id} ${key}`)
    if (ms === 0) this.#repeat(task, item, next)
    else this.#push(task, { kind: 'wait', key, for: { type: 'time', ms } })
    return true
  }

  /** Asks for the same again under the key of the next attempt. */
  #repeat(task: GraphTask, item: number | undefined, attempt: number): void {
    const before = this.#view.effects.get(effectKey(task.name, item, attempt - 1))
    if (before !== undefined) this.#push(task, { ...before.effect, key: effectKey(task.name, item, attempt) })
  }

  #push(task: GraphTask, effect: Effect): void {
    if (this.#view.effects.has(effect.key)) return
    if (task.isCompensation) this.urgent.push(effect)
    else this.ready.push(effect)
  }

  #settle(state: TaskState, { outcome }: EffectRecord): void {
    if (outcome === undefined) return
    if (outcome.status !== 'completed') this.#fail(state, outcome.error)
    else {
      state.output = outcome.value
      this.#complete(state)
    }
  }

  #takeItem(state: TaskState, item: number, { outcome }: EffectRecord): void {
    const { fan, task } = state
    if (fan === undefined || outcome === undefined) return
    fan.settled += 1
    const failure = failureOf(outcome)
    if (outcome.status === 'completed') fan.results[item] = outcome.value
    else {
      fan.failure ??= failure
      if (task.failure !== 'continue') fan.isStopped = true
    }
    if (state.status !== 'running') return
    if (fan.isStopped && task.failure === 'fail' && fan.failure !== undefined) this.#fail(state, fan.failure)
    else this.#closeFan(state)
  }

  /** Ends a `forEach` when nothing of it is under way and nothing more will be begun. */
  #closeFan(state: TaskState): void {
    const { fan, task } = state
    if (fan === undefined) return
    // After a fold from the beginning `asked` is not known yet: a fan that was stopped is looked at once more then.
    const isOver =
      fan.settled + fan.broken === fan.effects.length || (fan.isStopped && !this.#hasOpenItem(task, fan.effects.length))
    if (!isOver) return
    state.output = task.failure === 'continue' || fan.failure === undefined ? fan.results : null
    if (fan.failure === undefined) this.#complete(state)
    else this.#fail(state, fan.failure)
  }

  #hasOpenItem(task: GraphTask, size: number): boolean {
    const { effects } = this.#view
    const settledHere = new Set<EffectRecord>()
    for (let index = 0; index <= this.folded; index += 1) settledHere.add(this.#view.settled[index] as EffectRecord)
    for (let item = 0; item < size; item += 1) {
      for (let attempt = 1; attempt <= task.retry.attempts; attempt += 1) {
        const record = effects.get(effectKey(task.name, item, attempt))
        if (record === undefined) break
        if (!settledHere.has(record)) return true
      }
    }
    return false
  }

  #complete(state: TaskState): void {
    state.status = 'completed'
    this.#over(state)
  }

  #fail(state: TaskState, failure: Failure): void {
    const { task } = state
    state.status = 'failed'
    state.failure = failure
    if (task.failure === 'fail' && this.failing === undefined) {
      this.failing = { task: task.name, failure }
      this.ready = []
      this.fans.clear()
    }
    this.#over(state)
  }

  #skip(state: TaskState, reason: string): void {
    state.status = 'skipped'
    state.reason = reason
    this.#over(state)
  }

  /** A task has settled: those that need it, or the next compensation, may have their turn. */
  #over(state: TaskState): void {
    const { task } = state
    this.fans.delete(state)
    if (task.isCompensation) {
      this.underWay -= 1
      this.#goOnWithChain(task.index)
      return
    }
    this.left -= 1
    if (state.status !== 'skipped') this.done.push(state)
    if (this.failing !== undefined) return
    if (state.status === 'failed' && task.onFailure.length > 0) this.#startChain(state)
    const isGood = state.status === 'completed' || (state.status === 'failed' && task.failure === 'continue')
    for (const index of task.dependents) {
      const dependent = this.states[index] as TaskState
      dependent.missing -= 1
      if (isGood) dependent.good += 1
      if (dependent.missing === 0) this.#waiting.push(dependent)
    }
    this.#drain()
  }

  readonly #waiting: TaskState[] = []
  #isDraining = false

  /** A list instead of recursion: chains of skipped tasks may be as long as the graph. */
  #drain(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    for (let state = this.#waiting.shift(); state !== undefined; state = this.#waiting.shift()) {
      if (this.failing === undefined) this.#resolve(state)
    }
    this.#isDraining = false
  }

  #startChain({ task, failure }: TaskState): void {
    if (failure !== undefined) this.#nextOf({ rest: task.onFailure, failure: told(task.name, failure) })
  }

  #goOnWithChain(index: number): void {
    const chain = this.#chains.get(index)
    if (chain !== undefined && this.failing === undefined) this.#nextOf(chain)
  }

  #nextOf({ rest: [next, ...rest], failure }: Chain): void {
    if (next === undefined) return
    this.#chains.set(next, { rest, failure })
    this.scope.failure = failure
    this.#resolve(this.states[next] as TaskState)
  }

  #resolve(state: TaskState): void {
    const { task } = state
    if (task.isCompensation) this.underWay += 1
    const blocked = blockedBy(state, this.states)
    if (blocked !== undefined) {
      this.notes.push({ task: task.name, skipped: blocked })
      this.#skip(state, blocked)
      return
    }
    const { runs, note, failure } = judge(task, this.scope)
    if (note !== undefined) this.notes.push(note)
    if (failure !== undefined) this.#fail(state, failure)
    else if (!runs) this.#skip(state, 'its condition is false')
    else this.#start(state)
  }

  #start(state: TaskState): void {
    const { task } = state
    state.status = 'running'
    try {
      if (task.forEach === undefined) {
        // Asked for before: what it was asked with stands in the history.
        if (!this.#view.effects.has(task.name)) this.#push(task, singleEffect(task, this.scope))
        return
      }
      state.fan = openFan(task, this.scope)
    } catch (error) {
      const failure = expressionFailure(`the input of task "${task.name}"`, error)
      this.notes.push({ task: task.name, failed: failure.message })
      this.#fail(state, failure)
      return
    }
    this.fans.add(state)
    this.#closeFan(state)
  }
}

/** Whether more of a task may be begun. */
function isOpen({ status, fan }: TaskState): boolean {
  return status === 'running' && fan?.isStopped !== true
}

/** Compensations still to run after one, and the failure that they make good. */
interface Chain {
  readonly rest: readonly number[]
  readonly failure: Json
}

function told(task: string, { code, message }: Failure): Json {
  return { task, code, message }
}

/** Why a task cannot run after what it needs came to. */
function blockedBy({ task, good }: TaskState, states: readonly TaskState[]): string | undefined {
  const { needs, join } = task
  if (needs.length === 0 || join === 'settled' || good === needs.length || (join === 'any' && good > 0)) return undefined
  const bad = needs.map((index) => states[index] as TaskState).find((state) => !wentWell(state))
  const reason =
    bad === undefined ? '' : `it needs "${bad.task.name}", which ${bad.status === 'failed' ? 'failed' : 'was skipped'}`
  return join === 'any' ? `none of what it needs went well; ${reason}` : reason
}

function wentWell({ status, task }: TaskState): boolean {
  return status === 'completed' || (status === 'failed' && task.failure === 'continue')
}
