import type { RunGate } from '../../core/index.ts'
import { Heap, type Place } from './heap.ts'
import { createLevel } from './line.ts'
import { type GateState, NO_PLACE, type MemoryRun } from './memory-run.ts'
import { BEGUN, comesBefore, isMoreUrgent, leaveLine, takePlace } from './order.ts'

/** Runs that are looked at before the rest is left for the next call, where gates hold up each other's runs. */
const MAX_LOOKS = 100

/** A beginning that a rate still counts. */
interface Beginning {
  readonly gate: GateState
  readonly at: number
  readonly until: number
}

/** Counts runs under their gates, and keeps those for which there is no room in line. A run has a place of each of its gates, or of none. */
export class Gates {
  readonly #gates = new Map<string, GateState>()
  readonly #looks = new Heap<GateState>((left, right) => left.lookAt < right.lookAt)
  readonly #beginnings = new Heap<Beginning>((left, right) => left.until < right.until)

  /** When a line is to be looked at next; Infinity: when a place comes free. */
  get nextLookAt(): number {
    return this.#looks.peek()?.lookAt ?? Infinity
  }

  /** Puts a run in line at the narrowest of its gates; gives the runs that pass now, which need not be it. */
  ask(run: MemoryRun, now: number): readonly MemoryRun[] {
    const [gate] = run.gates as readonly [RunGate]
    const state = this.#state(gate.key)
    run.readySince = now
    this.#join(run, state)
    const passed = this.#admit(state, now)
    this.#forget(state)
    return passed
  }

  /** The same for a run that was ready and that no worker wants: it goes behind all others of its priority. */
  askLast(run: MemoryRun, now: number): readonly MemoryRun[] {
    const [{ key }] = run.gates as readonly [RunGate]
    const lines = this.#gates.get(key)?.lines.get(run.priority)?.level.lines.values() ?? []
    run.place = Math.max(-1, ...Array.from(lines, ({ last }) => last)) + 1
    return this.ask(run, now)
  }

  /** Whether others wait for a place that the run has. */
  isWantedBack(run: MemoryRun): boolean {
    return run.isInside && (run.gates ?? []).some(({ key }) => (this.#gates.get(key)?.lines.size ?? 0) > 0)
  }

  /** Takes a run that waits out of its line. */
  leave(run: MemoryRun): void {
    const { gate } = run
    if (gate === undefined) return
    this.#stepOut(run, gate)
    this.#forget(gate)
  }

  #stepOut(run: MemoryRun, gate: GateState): void {
    const key = lineOf(run)
    const line = gate.lines.get(key)
    line?.heap.remove(run.lane)
    if (line?.heap.peek() === undefined) gate.lines.delete(key)
    leaveLine(run)
    run.gate = undefined
    if (run.place !== BEGUN) run.place = NO_PLACE
  }

  /** Gives the places of a run back; gives the runs that pass in its stead. */
  free(run: MemoryRun, now: number): readonly MemoryRun[] {
    if (!run.isInside) return []
    run.isInside = false
    const states = (run.gates ?? []).flatMap(({ key }) => this.#gates.get(key) ?? [])
    for (const state of states) state.inside.delete(run)
    const passed = states.flatMap((state) => this.#admit(state, now))
    for (const state of states) this.#forget(state)
    return passed
  }

  /** Looks at the lines whose time has come; gives the runs that pass. */
  look(now: number): readonly MemoryRun[] {
    const passed: MemoryRun[] = []
    const due: GateState[] = []
    while (this.nextLookAt <= now) due.push(this.#looks.shift() as GateState)
    for (const state of due) {
      passed.push(...this.#admit(state, now))
      this.#forget(state)
    }
    return passed
  }

  #admit(state: GateState, now: number): readonly MemoryRun[] {
    const passed: MemoryRun[] = []
    for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
      const run = first(state, now)
      if (run === undefined) return passed
      const [shut, opensAt] = this.#firstShut(run, now)
      if (shut !== undefined) this.#lookAt(shut, opensAt)
      if (shut === state) return passed
      this.#stepOut(run, state)
      if (shut !== undefined) this.#join(run, shut)
      else {
        this.#enter(run, now)
        passed.push(run)
      }
    }
    this.#lookAt(state, now)
    return passed
  }

  /** The first of a run's gates that has no room, and when it will have by time alone. */
  #firstShut(run: MemoryRun, now: number): readonly [GateState | undefined, number] {
    for (const gate of run.gates ?? []) {
      const state = this.#gates.get(gate.key)
      const opensAt = state === undefined ? now : whenOpen(state, gate, run.epoch === 0, now)
      if (opensAt > now) return [state, opensAt]
    }
    return [undefined, now]
  }

  #enter(run: MemoryRun, now: number): void {
    this.#forgetBeginnings(now)
    for (const { key, concurrency, rate } of run.gates ?? []) {
      const state = this.#state(key)
      if (concurrency !== undefined) state.inside.add(run)
      if (rate !== undefined && run.epoch === 0) {
        // The clock may have been set back.
        const at = Math.max(now, state.begun.at(-1) ?? now)
        state.begun.push(at)
        this.#beginnings.add({ item: { gate: state, at, until: at + rate.perMs }, index: -1 })
      }
      this.#forget(state)
    }
    run.isInside = true
  }

  #join(run: MemoryRun, state: GateState): void {
    const key = lineOf(run)
    let line = state.lines.get(key)
    if (line === undefined) state.lines.set(key, (line = { heap: new Heap(comesBefore), level: createLevel() }))
    if (run.place === NO_PLACE) takePlace(run, line.level, line.heap.peek())
    run.gate = state
    run.dueAt = undefined
    line.heap.add(run.lane)
  }

  #lookAt(state: GateState, at: number): void {
    if (at === Infinity) return
    if (state.look.index >= 0) this.#looks.remove(state.look)
    state.lookAt = at
    this.#looks.add(state.look)
  }

  #state(key: string): GateState {
    let state = this.#gates.get(key)
    if (state === undefined) {
      const made: Omit<GateState, 'look'> & { look?: Place<GateState> } = {
        key,
        inside: new Set(),
        begun: [],
        lines: new Map(),
        lookAt: 0,
      }
      state = made as GateState
      made.look = { item: state, index: -1 }
      this.#gates.set(key, state)
    }
    return state
  }

  /** Lets go of beginnings that no rate counts any more. */
  #forgetBeginnings(now: number): void {
    while ((this.#beginnings.peek()?.until ?? Infinity) <= now) {
      const { gate, at } = this.#beginnings.shift() as Beginning
      gate.begun.splice(gate.begun.indexOf(at), 1)
      this.#forget(gate)
    }
  }

  #forget(state: GateState): void {
    if (state.inside.size > 0 || state.begun.length > 0 || state.lines.size > 0) return
    if (state.look.index >= 0) this.#looks.remove(state.look)
    this.#gates.delete(state.key)
  }
}

/** Runs that were begun before go ahead of all others, as they hold what was begun with them. */
function lineOf({ place, priority }: MemoryRun): number {
  return place === BEGUN ? Infinity : priority
}

/** From when on a gate has room for one more run; Infinity where only another one's end makes room. */
function whenOpen(state: GateState, { concurrency, rate }: RunGate, isNew: boolean, now: number): number {
  if (concurrency !== undefined && state.inside.size >= concurrency) return Infinity
  const last = rate !== undefined && isNew ? state.begun[state.begun.length - rate.runs] : undefined
  return rate === undefined || last === undefined ? now : Math.max(now, last + rate.perMs)
}

/** Who is next in line: what was begun before goes on first. */
function first({ lines }: GateState, now: number): MemoryRun | undefined {
  const begun = lines.get(Infinity)?.heap.peek()
  if (begun !== undefined) return begun
  let best: MemoryRun | undefined
  for (const { heap } of lines.values()) {
    const head = heap.peek()
    if (head !== undefined && (best === undefined || isMoreUrgent(head, best, now))) best = head
  }
  return best
}
